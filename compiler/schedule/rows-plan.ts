/**
 * How the stages of a group are computed within one row. Stages that sweep over the same points of a row are
 * done in one pass; a stage that needs a finished reduction, or other points than its own, waits for a later
 * pass. Sweeps of few vectors are unrolled and keep their values in registers from pass to pass; longer ones
 * keep what later passes read in memory of the task.
 */

import { bareAxis } from "../graph/affine.ts";
import { conditionAxes } from "../graph/condition.ts";
import { loadsOf, visitScalars } from "../graph/context.ts";
import { type Extent, printShape, sizeAt } from "../graph/extent.ts";
import type { Compute, LoadScalar, Value } from "../graph/node.ts";

/** What a stage does with the points of a sweep. */
export type StageRole =
  /** One value for each point. */
  | "map"
  /** One value for each point, by loops of its own over its reduction axes. */
  | "nested"
  /** One value for the row, from all points. */
  | "total";

export interface RowStage {
  readonly node: Compute;
  readonly role: StageRole;
  /** The node's axes that the sweep goes through, without those of one point. */
  readonly sweepAxes: readonly number[];
}

export interface Pass {
  /** Extents of the sweep; empty for numbers of the row. */
  readonly sweep: readonly Extent[];
  readonly stages: readonly RowStage[];
  /** Whether the sweep is a few vectors, written out. */
  readonly isUnrolled: boolean;
}

export interface RowsPlan {
  /** How many leading axes a row is fixed by. */
  readonly depth: number;
  readonly passes: readonly Pass[];
  /** Values that some stage reads at all. */
  readonly read: ReadonlySet<Value>;
  /** Values that some stage reads from memory of the task. */
  readonly buffered: ReadonlySet<Value>;
  readonly lanes: number;
}

/** Vectors of a sweep that are written out rather than looped over. */
export const unrolledVectors = 4;

/** As many where parts are set side by side: which part a vector belongs to is then known. */
const piecedVectors = 16;

export function planRows(
  stages: readonly Compute[],
  depth: number,
  batchMax: number,
  lanes: number,
  isUnrolled: (sweep: readonly Extent[]) => boolean = shortSweeps(stages, depth, batchMax, lanes),
): RowsPlan {
  const passes: { sweep: readonly Extent[]; stages: RowStage[]; isUnrolled: boolean }[] = [];
  const passOf = new Map<Value, number>();
  const stageOf = new Map<Value, RowStage>();
  for (const node of stages) {
    const stage = describeStage(node, depth, batchMax);
    const sweep = sweepOf(stage);
    const earliest = loadsOf(node.body).reduce((latest, load) => {
      const maker = stageOf.get(load.value);
      if (maker === undefined) return latest;
      const pass = passOf.get(load.value)!;
      const isNear = maker.role !== "total" && readsOwnPoint(load, stage, maker);
      return Math.max(latest, isNear ? pass : pass + 1);
    }, 0);
    let at = earliest;
    while (at < passes.length && !sameSweep(passes[at]!.sweep, sweep)) at++;
    if (at === passes.length) {
      passes.push({ sweep, stages: [], isUnrolled: isUnrolled(sweep) });
    }
    passes[at]!.stages.push(stage);
    for (const value of node.values) {
      passOf.set(value, at);
      stageOf.set(value, stage);
    }
  }
  const buffered = new Set<Value>();
  for (const { stages: readers, isUnrolled: isWritten } of passes) {
    for (const reader of readers) {
      for (const load of loadsOf(reader.node.body)) {
        const maker = stageOf.get(load.value);
        if (maker === undefined || maker.sweepAxes.length === 0 || maker.role === "total") continue;
        const makerPass = passOf.get(load.value)!;
        const samePass = makerPass === passOf.get(reader.node.values[0]!);
        const inRegisters =
          readsOwnPoint(load, reader, maker) &&
          (samePass || (isWritten && passes[makerPass]!.isUnrolled));
        if (!inRegisters) buffered.add(load.value);
      }
    }
  }
  const read = new Set(stages.flatMap((stage) => stage.operands));
  return { depth, passes, read, buffered, lanes };
}

function describeStage(node: Compute, depth: number, batchMax: number): RowStage {
  const rank = node.parallel.length;
  const isLong = (extent: Extent) => sizeAt(extent, batchMax) > 1;
  const inner = node.parallel
    .map((_, axis) => axis)
    .filter((axis) => axis >= depth && isLong(node.parallel[axis]!));
  if (node.reducer === null) return { node, role: "map", sweepAxes: inner };
  if (inner.length > 0) return { node, role: "nested", sweepAxes: inner };
  const summed = node.reduction
    .map((_, r) => rank + r)
    .filter((axis) => isLong(node.reduction[axis - rank]!));
  return { node, role: "total", sweepAxes: summed };
}

function sweepOf({ node, sweepAxes }: RowStage): readonly Extent[] {
  const extents = [...node.parallel, ...node.reduction];
  return sweepAxes.map((axis) => extents[axis]!);
}

function sameSweep(a: readonly Extent[], b: readonly Extent[]): boolean {
  return printShape(a) === printShape(b);
}

/** Which sweeps are few vectors, more of them where a stage is made of pieces. */
function shortSweeps(
  stages: readonly Compute[],
  depth: number,
  batchMax: number,
  lanes: number,
): (sweep: readonly Extent[]) => boolean {
  const pieced = new Set(
    stages
      .map((node) => describeStage(node, depth, batchMax))
      .filter(isPieced)
      .map((stage) => printShape(sweepOf(stage))),
  );
  return (sweep) => {
    const [only] = sweep;
    if (only === undefined) return true;
    const most = pieced.has(printShape(sweep)) ? piecedVectors : unrolledVectors;
    return sweep.length === 1 && only.batch === 0 && only.constant <= most * lanes;
  };
}

/** Whether what a map is at a point depends on where the point is along the vectors. */
function isPieced({ node, role, sweepAxes }: RowStage): boolean {
  const axis = sweepAxes.at(-1);
  let found = false;
  if (role !== "map" || axis === undefined) return found;
  visitScalars(node.body, (scalar) => {
    if (scalar.kind === "condition" && conditionAxes(scalar.condition).has(axis)) found = true;
  });
  return found;
}

/**
 * Whether a load reads, at each point of its stage's sweep, the same point of the sweep that made the value.
 * Numbers of a row have no points: they are read wherever they are wanted.
 */
export function readsOwnPoint(load: LoadScalar, reader: RowStage, maker: RowStage): boolean {
  if (maker.role === "total" || maker.sweepAxes.length === 0) return true;
  // A loop of its own is not the sweep.
  if (maker.sweepAxes.length !== reader.sweepAxes.length) return false;
  if (!sameSweep(sweepOf(reader), sweepOf(maker))) return false;
  return maker.sweepAxes.every((axis, i) => bareAxis(load.index[axis]!) === reader.sweepAxes[i]);
}
