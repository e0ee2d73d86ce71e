/**
 * Which stages a workgroup can compute row by row: those whose rows are neither too long nor too few for its threads,
 * and keep no more near by than shared memory holds.
 */

import { bareAxis } from "../../graph/affine.ts";
import { type Extent, elementsAt, isFixed, sizeAt } from "../../graph/extent.ts";
import type { Compute, Value } from "../../graph/node.ts";
import type { TargetDescription, WorkgroupLimits } from "../target-description.ts";
import type { InnerLoad } from "./stage-sets.ts";

/** Points of a row that one thread goes through, where there are rows for all of the device, and where not. */
const mostPoints = { busy: 256, idle: 64 } as const;

/** Points that one thread adds up by itself, for each point of a row: small windows and products. */
const longestOwnSum = 64;

/** Points a thread that stay in registers from pass to pass, see `schedule/workgroup/plan.ts`. */
export const pointsInRegisters = 4;

/** Fields of 32 bits that totals take of shared memory, for each thread. */
const totalFields = 4;

const wordBytes = 4;

/** Why stages that share their first `depth` axes are no rows of a workgroup, or undefined if they are. */
export function refuseWorkgroupRows(
  stages: readonly Compute[],
  inner: readonly InnerLoad[],
  depth: number,
  batchMax: number,
  limits: WorkgroupLimits,
): string | undefined {
  const rows = elementsAt(stages[0]!.parallel.slice(0, depth), batchMax);
  const longest = limits.threads * (rows < limits.concurrency ? mostPoints.idle : mostPoints.busy);
  for (const { parallel, reduction } of stages) {
    if (reduction.some((extent) => extent.batch !== 0)) return "one reduces over the batch";
    const points = elementsAt(parallel.slice(depth), batchMax);
    const summed = elementsAt(reduction, batchMax);
    if (points > 1 && summed > longestOwnSum) return "a sum is too long for one thread of a row";
    if (points * (points > 1 ? 1 : summed) > longest) return "a row is too long for one workgroup";
  }
  const bytes = [...readElsewhere(inner, depth, batchMax)].reduce(
    (sum, value) => sum + wordBytes * pointsInRow(value, depth, batchMax),
    0,
  );
  return bytes > sharedForValues(limits)
    ? "what a row keeps does not fit in shared memory"
    : undefined;
}

/** How much longer a product takes where every thread reads all that it multiplies from memory, not from a tile. */
const withoutTiles = 16;

/** Whether computing a product row by row, to be fused with what reads the rows, costs more than a kernel of its own. */
export function isWorthTiles(
  { parallel, reduction }: Compute,
  batchMax: number,
  { peakFlops, launchSeconds }: TargetDescription,
): boolean {
  const flops = 2 * elementsAt(parallel, batchMax) * elementsAt(reduction, batchMax);
  return (flops * withoutTiles) / peakFlops > launchSeconds;
}

/** Whether a product is small enough to be computed row by row, fused with what else there is of the rows. */
export function mayRunInRows(node: Compute, batchMax: number, target: TargetDescription): boolean {
  const { reduction } = node;
  const isShort = reduction.every(isFixed) && elementsAt(reduction, batchMax) <= longestOwnSum;
  return isShort && !isWorthTiles(node, batchMax, target);
}

/** Bytes of shared memory for the values of a row, beside those for totals. */
export function sharedForValues({ sharedBytes, threads }: WorkgroupLimits): number {
  return sharedBytes - threads * totalFields * wordBytes;
}

export function pointsInRow(value: Value, depth: number, batchMax: number): number {
  return elementsAt(value.shape.slice(depth), batchMax);
}

/** Values with points of a row that are read at other points than the one where a thread made them. */
function readElsewhere(
  inner: readonly InnerLoad[],
  depth: number,
  batchMax: number,
): ReadonlySet<Value> {
  const isLong = (extent: Extent) => sizeAt(extent, batchMax) > 1;
  const elsewhere = inner.filter(({ reader, load: { value, index } }) => {
    const dimensions = value.shape
      .map((_, d) => d)
      .filter((d) => d >= depth && isLong(value.shape[d]!));
    const rank = reader.parallel.length;
    const own = reader.parallel
      .map((_, axis) => axis)
      .filter((axis) => axis >= depth && isLong(reader.parallel[axis]!));
    const summed = reader.reduction
      .map((_, r) => rank + r)
      .filter((axis) => isLong(reader.reduction[axis - rank]!));
    // Threads go through the points of a result or, where there is one for the row, of its sum.
    const swept = own.length > 0 || reader.reducer === null ? own : summed;
    return (
      dimensions.length > 0 &&
      !(
        dimensions.length === swept.length &&
        dimensions.every((d, i) => bareAxis(index[d]!) === swept[i])
      )
    );
  });
  return new Set(elsewhere.map(({ load }) => load.value));
}
