/**
 * Sums of neighbouring points that one loop adds up side by side: what some of them read is loaded once for all, and what
 * they read of one another's places is still near. A weight of a depthwise convolution is read once for several places, and
 * the derivative of its output once for several weights.
 */

import { conditionAxes, conjuncts } from "../graph/condition.ts";
import { loadsOf } from "../graph/context.ts";
import { type Extent, isFixed } from "../graph/extent.ts";
import type { Compute } from "../graph/node.ts";
import { boxOf, memorySteps } from "../optimize/fusion/linear-access.ts";
import type { TargetDescription } from "../optimize/target-description.ts";

/** How many sums a turn of the loops over a sweep adds up. */
export interface SumTile {
  /** Points of the axes before the last one, of as many as are tiled: all but those of the first are whole axes. */
  readonly points: readonly number[];
  readonly vectors: number;
}

/** A sum with the axes that the sweep goes through. */
interface SweptSum {
  readonly node: Compute;
  readonly sweepAxes: readonly number[];
}

/** Beyond this, a sum more is more to compile and has no more to share. */
const mostSums = 16;

/** Vectors of a tile: more of them share nothing. */
const mostVectors = 4;

/** The sums that reductions with the same sweep have side by side; undefined where they share nothing. */
export function tileOfSums(
  sums: readonly SweptSum[],
  sweep: readonly Extent[],
  { vectorLanes, vectorRegisters }: Pick<TargetDescription, "vectorLanes" | "vectorRegisters">,
  batchMax: number,
): SumTile | undefined {
  const last = sweep.at(-1);
  if (sums.length === 0 || last === undefined || !isFixed(last)) return undefined;
  const kinds = sweep.slice(0, -1).map((_, i) => kindOf(sums, i, batchMax));
  const needed = Math.ceil(last.constant / vectorLanes);
  let best: SumTile = { points: [], vectors: 1 };
  for (let vectors = 1; vectors <= Math.min(mostVectors, needed); vectors++) {
    const inRegisters = Math.floor((vectorRegisters - 2 - vectors) / vectors);
    const most = Math.min(inRegisters, Math.floor(mostSums / (vectors * sums.length)));
    const points = pointsOfTile(sweep, kinds, most);
    if (count(points) >= count(best.points)) best = { points, vectors };
  }
  if (best.points.length === 0) return undefined;
  // As many in each block, so that none is left for a loop of its own.
  const vectors = Math.ceil(needed / Math.ceil(needed / best.vectors));
  return { points: best.points, vectors };
}

/** Along an axis sums share nothing that they read, or do, and perhaps only if all of its points are in one tile. */
type AxisKind = "apart" | "shared" | "whole";

/** The points of a tile of at most so many along the last axes before that of the vectors. */
function pointsOfTile(
  sweep: readonly Extent[],
  kinds: readonly AxisKind[],
  most: number,
): readonly number[] {
  const points: number[] = [];
  for (let i = kinds.length - 1; i >= 0; i--) {
    const extent = sweep[i]!;
    if (kinds[i] === "apart" || !isFixed(extent)) break;
    const size = extent.constant;
    const room = Math.floor(most / count(points));
    const isWhole = size <= room;
    const those = isWhole || kinds[i] === "whole" ? size : largestDivisor(size, room);
    if (those === 1 || those > room) break;
    points.unshift(those);
    if (!isWhole) break;
  }
  return points;
}

/** What sums are along the axis that is the sweep's `i`th. */
function kindOf(sums: readonly SweptSum[], i: number, batchMax: number): AxisKind {
  if (!sums.every((sum) => isShared(sum, i, batchMax))) return "apart";
  const where = sums.flatMap(({ node, sweepAxes }) =>
    conjuncts(node.where)
      .filter((part) => conditionAxes(part).has(sweepAxes[i]!))
      .map((part) => ({ part, node, axis: sweepAxes[i]! })),
  );
  if (where.length === 0) return "shared";
  // Where the points are numbers, so are the bounds of loops that depend on them.
  const isBound = where.every(({ part, node, axis }) => {
    const others = [...conditionAxes(part)].filter((other) => other !== axis);
    return (
      part.kind === "nonnegative" && others.length === 1 && isBoundedBy(axis, others[0]!, node)
    );
  });
  return isBound ? "whole" : "apart";
}

/** Whether points along `axis` are all that bounds the places along another one, which is one that is summed over. */
function isBoundedBy(
  axis: number,
  along: number,
  { parallel, reduction, where }: Compute,
): boolean {
  const extent = reduction[along - parallel.length];
  if (extent === undefined || !isFixed(extent)) return false;
  return conjuncts(where).every((part) => {
    const axes = conditionAxes(part);
    return !axes.has(along) || [...axes].every((other) => other === along || other === axis);
  });
}

/** Whether a sum reads vectors, some of them the same for all points along the axis that is the sweep's `i`th, others not. */
function isShared({ node, sweepAxes }: SweptSum, i: number, batchMax: number): boolean {
  const { parallel, reducer, body } = node;
  if (reducer !== "sum") return false;
  const [axis, last] = [sweepAxes[i]!, sweepAxes.at(-1)!];
  const box = boxOf(node, batchMax);
  const steps = loadsOf(body).map((load) => memorySteps(load, box));
  const isMoving = (each: readonly (number | undefined)[]) =>
    each.slice(parallel.length).some((step) => step !== 0);
  return (
    steps.every((each) => each[last] === 1 || each[last] === 0) &&
    steps.some((each) => each[axis] === 0 && isMoving(each)) &&
    steps.some((each) => each[axis] !== 0)
  );
}

function count(points: readonly number[]): number {
  return points.reduce((product, each) => product * each, 1);
}

function largestDivisor(size: number, most: number): number {
  for (let divisor = Math.min(size, most); divisor > 1; divisor--) {
    if (size % divisor === 0) return divisor;
  }
  return 1;
}
