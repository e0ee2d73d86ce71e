/**
 * Contractions whose operands meet in short correlations, as those of convolutions and of both of their gradients: along
 * one or two axes the place in one operand is the sum, or the difference, of a place in the result and one in the sum,
 *
 *     y[i, n] = sum[j < 3, k] x[i + j, k]·w[j, k, n]        dw[i < 3, m, n] = sum[j, …] x[i + j, m]·dy[j, n]
 *
 * and one of the two has three places, the **taps**.
 */

import { isFixed } from "../../graph/extent.ts";
import { axesOfNode } from "./linear-access.ts";
import type { StridedContraction } from "./strided-contraction.ts";

/** Two axes of a contraction along which its operands meet in a correlation. */
export interface CorrelatedAxes {
  /** Of as many places as there are taps. */
  readonly tapAxis: number;
  /** The other one, which is cut into tiles. */
  readonly longAxis: number;
  /** Places of the long axis. */
  readonly length: number;
  /** Elements from place to place of the operand that both move along. */
  readonly step: number;
  /** Whether that operand moves back from tap to tap. */
  readonly isReversed: boolean;
}

export interface CorrelatedContraction {
  readonly contraction: StridedContraction;
  /** Whether taps are summed over, or places of the result. */
  readonly taps: "summed" | "kept";
  /** One or two, that of the larger steps first. */
  readonly pairs: readonly CorrelatedAxes[];
  /** The axis along which the broadcast operand lies side by side: summed over where taps are, else of the result. */
  readonly channelAxis: number;
  readonly channels: number;
  /** Other axes of the result that the broadcast operand moves along, outermost first; where taps are summed. */
  readonly rowAxes: readonly number[];
  /** Other axes of the sum; where taps are kept. */
  readonly otherSums: readonly number[];
}

/** Places of a tap axis. */
export const tapCount = 3;

/** Places of a long axis that make up a tile. */
export const tilePlaces = 2;

/** Null where the operands do not meet so, or lie so that vectors of channels cannot be transformed. */
export function correlatedContraction(
  contraction: StridedContraction,
): CorrelatedContraction | null {
  const { node, broadcast, run, vectorAxis, rowAxes, sumAxes } = contraction;
  const extents = axesOfNode(node);
  const places = (axis: number) => (isFixed(extents[axis]!) ? extents[axis]!.constant : Infinity);
  for (const taps of ["summed", "kept"] as const) {
    const [short, long] = taps === "summed" ? [sumAxes, rowAxes] : [rowAxes, sumAxes];
    const pairs = short.flatMap((tapAxis): CorrelatedAxes[] => {
      if (places(tapAxis) !== tapCount) return [];
      const longAxis = long.find(
        (axis) =>
          broadcast.steps[axis]! > 0 &&
          broadcast.steps[axis] === Math.abs(broadcast.steps[tapAxis]!) &&
          places(axis) >= tilePlaces &&
          places(axis) < Infinity,
      );
      if (longAxis === undefined || run.steps[taps === "summed" ? tapAxis : longAxis] === 0)
        return [];
      const step = broadcast.steps[longAxis]!;
      const isReversed = broadcast.steps[tapAxis]! < 0;
      return [{ tapAxis, longAxis, length: places(longAxis), step, isReversed }];
    });
    const isPaired = (axis: number) =>
      pairs.some(({ tapAxis, longAxis }) => axis === tapAxis || axis === longAxis);
    const distinct = new Set(pairs.map(({ longAxis }) => longAxis)).size === pairs.length;
    if (pairs.length === 0 || pairs.length > 2 || !distinct) continue;
    const otherSums = sumAxes.filter((axis) => !isPaired(axis));
    const otherRows = rowAxes.filter((axis) => !isPaired(axis));
    const [channelAxis, ...more] = taps === "summed" ? otherSums : otherRows;
    if (channelAxis === undefined || more.length > 0) continue;
    if (broadcast.steps[channelAxis] !== 1 || places(channelAxis) === Infinity) continue;
    if (taps === "kept" && run.steps[vectorAxis] !== 1) continue;
    return {
      contraction,
      taps,
      pairs: pairs.sort((a, b) => b.step - a.step),
      channelAxis,
      channels: places(channelAxis),
      rowAxes: taps === "summed" ? otherRows : [],
      otherSums: taps === "summed" ? [] : otherSums,
    };
  }
  return null;
}
