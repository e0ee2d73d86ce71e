/**
 * Where four elements of an operand (or another power of two) lie side by side, from a multiple of four on: then one
 * access reads them. The index is looked at as a function of the number of a four and the place within it; it is such a
 * run if it grows by one from place to place, by multiples of four otherwise, and no condition tells the places apart.
 */

import {
  type Affine,
  addAffine,
  atomAffine,
  axesOf,
  axisAffine,
  divAffine,
  extentAffine,
  isQuotient,
  modAffine,
  scaleAffine,
  substituteAffine,
  subtractAffine,
} from "../../graph/affine.ts";
import { rangeOf } from "../../graph/affine-range.ts";
import { conditionAxes, mapCondition } from "../../graph/condition.ts";
import { type Extent, fixed } from "../../graph/extent.ts";
import type { JoinedAxis, TiledOperand } from "../../optimize/fusion/tiled-contraction.ts";
import { type Box, simplifyAffine, simplifyGuard } from "../../optimize/simplify-index.ts";

export interface RunDirection {
  /** Along which of its axes the operand runs through memory: its rows or columns, or the sum. */
  readonly contiguous: "width" | "depth";
  /** Whether it does so by fours. */
  readonly aligned: boolean;
}

/** `width` is the operand's own axis, its rows or columns. */
export function contiguityOf(
  operand: TiledOperand,
  width: JoinedAxis,
  sum: JoinedAxis,
  box: Box,
): RunDirection {
  if (runsBy(4, operand, sum, box)) return { contiguous: "depth", aligned: true };
  if (runsBy(4, operand, width, box)) return { contiguous: "width", aligned: true };
  const steps = (axis: number) => smallestStep(operand.offset, axis);
  const contiguous = steps(sum.axis) <= steps(width.axis) ? "depth" : "width";
  return { contiguous, aligned: false };
}

/** Whether an operand lies in memory so many elements at a time along an axis, from multiples of as many on. */
export function runsBy(
  count: number,
  operand: Pick<TiledOperand, "offset" | "guard">,
  along: JoinedAxis,
  box: Box,
): boolean {
  return runAlong(count, operand, along, box) === "run";
}

/**
 * Where elements of so many places along an axis, from multiples of as many on, lie in memory: in a run from a multiple on,
 * or all of them at the same place; null if neither, or if they are not all there or not there.
 */
export function runAlong(
  count: number,
  { offset, guard }: Pick<TiledOperand, "offset" | "guard">,
  { axis, extent }: JoinedAxis,
  box: Box,
): "run" | "same" | null {
  if (extent.batch % count !== 0 || extent.constant % count !== 0) return null;
  const place = box.axes.length;
  const runs: Extent = { batch: extent.batch / count, constant: extent.constant / count };
  const split: Box = { ...box, axes: [...box.axes.with(axis, runs), fixed(count)] };
  const replace = (each: number): Affine =>
    each === axis
      ? addAffine(scaleAffine(axisAffine(axis), count), axisAffine(place))
      : axisAffine(each);
  const expressed = (affine: Affine): Affine =>
    simplifyAffine(takeRunsOut(count, substituteAffine(affine, replace), split), split);
  const isTold = conditionAxes(simplifyGuard(mapCondition(guard, expressed), split)).has(place);
  if (isTold) return null;
  const first = expressed(offset);
  if (!axesOf(first).has(place)) return "same";
  const rest = subtractAffine(first, axisAffine(place));
  const isMultiple =
    rest.constant % count === 0 &&
    rest.batch % count === 0 &&
    rest.terms.every(({ coefficient }) => coefficient % count === 0);
  return isMultiple && !axesOf(rest).has(place) ? "run" : null;
}

/** (4·x + r) div 4·d = x div d and (4·x + r) mod 4·d = 4·(x mod d) + r, for 0 ≤ r < 4; and so for other counts. */
function takeRunsOut(count: number, affine: Affine, box: Box): Affine {
  let result = extentAffine(affine);
  for (const { coefficient, atom } of affine.terms) {
    if (!isQuotient(atom)) {
      result = addAffine(result, scaleAffine(atomAffine(atom), coefficient));
      continue;
    }
    const base = takeRunsOut(count, atom.base, box);
    const { divisor } = atom;
    const runs = simplifyAffine(divAffine(base, count), box);
    const rest = simplifyAffine(subtractAffine(base, scaleAffine(runs, count)), box);
    const { min, max } = rangeOf(rest, box.axes, box.batchMax);
    let value: Affine;
    if (divisor % count !== 0 || min < 0 || max >= count) {
      value = atom.kind === "div" ? divAffine(base, divisor) : modAffine(base, divisor);
    } else if (atom.kind === "div") value = divAffine(runs, divisor / count);
    else value = addAffine(scaleAffine(modAffine(runs, divisor / count), count), rest);
    result = addAffine(result, scaleAffine(value, coefficient));
  }
  return result;
}

/** The smallest step by which an index moves along an axis, quotients and remainders aside. */
export function smallestStep(offset: Affine, axis: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (const { coefficient, atom } of offset.terms) {
    if (!axesOf(atomAffine(atom)).has(axis)) continue;
    least = Math.min(least, Math.abs(coefficient));
  }
  return least;
}
