/**
 * How the stages of a group are computed within one row. Stages that sweep over the same points of a row are
 * done in one pass; a stage that needs a finished reduction, or other points than its own, waits for a later
 * pass. Sweeps of few vectors are unrolled and keep their values in registers from pass to pass; longer ones
 * keep what later passes read in memory of the task.
 */

import { bareAxis } from "../graph/affine.ts";
import { conditionAxes } from "../graph/condition.ts";
import { loadsOf, visitScalars } from "../graph/context.ts";
import { type Extent, elementsAt, printShape, sizeAt } from "../graph/extent.ts";
import type { Compute, LoadScalar, Value } from "../graph/node.ts";
import { boxOf, linearAccess, stepAlong } from "../optimize/fusion/linear-access.ts";
import type { TargetDescription } from "../optimize/target-description.ts";
import { bodyCost } from "./cost.ts";
import { type SumTile, tileOfSums } from "./sum-tiles.ts";

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
  /** Whether what it computes at the points of the sweep is in registers afterwards. */
  readonly staysInRegisters: boolean;
  /** Vectors that one turn of a loop over the sweep does, on targets whose lanes run along it. */
  readonly block: number;
  /** For so many points of each of as many axes before the last one, whole ones but for the first of them. */
  readonly points: readonly number[];
}

/** How sweeps are written. */
export interface Writing {
  readonly isUnrolled: (sweep: readonly Extent[]) => boolean;
  /** Whether maps over the sweep are to stand there once, in a pass without sums of their own points. */
  readonly isOnce: (sweep: readonly Extent[]) => boolean;
  /** What one turn of the loops over a sweep does where each point has a sum of its own. */
  readonly tile: (sweep: readonly Extent[]) => SumTile;
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
const unrolledVectors = 4;

/** As many where parts are set side by side: which part a vector belongs to is then known. */
const piecedVectors = 16;

/** Vectors that a column sum adds up side by side, so that one addition does not wait for the other. */
const columnBlock = 4;

const onePoint: SumTile = { points: [], vectors: 1 };

export function planRows(
  stages: readonly Compute[],
  depth: number,
  batchMax: number,
  lanes: number,
  { isUnrolled, isOnce, tile: tileOf }: Writing = {
    isUnrolled: shortSweeps(stages, depth, batchMax, lanes),
    isOnce: () => false,
    tile: () => ({ points: [], vectors: columnBlock }),
  },
): RowsPlan {
  const passes: (Pass & { readonly stages: RowStage[]; readonly isNested: boolean })[] = [];
  const passOf = new Map<Value, number>();
  const stageOf = new Map<Value, RowStage>();
  for (const node of stages) {
    const stage = describeStage(node, depth, batchMax);
    const sweep = sweepOf(stage);
    const isNested = stage.role === "nested";
    const isAlone = isOnce(sweep);
    const earliest = loadsOf(node.body).reduce((latest, load) => {
      const maker = stageOf.get(load.value);
      if (maker === undefined) return latest;
      const pass = passOf.get(load.value)!;
      const isNear =
        maker.role !== "total" &&
        readsOwnPoint(load, stage, maker) &&
        !(isAlone && passes[pass]!.isNested !== isNested);
      return Math.max(latest, isNear ? pass : pass + 1);
    }, 0);
    let at = earliest;
    const isPass = (pass: Pass & { readonly isNested: boolean }) =>
      sameSweep(pass.sweep, sweep) && (!isAlone || pass.isNested === isNested);
    while (at < passes.length && !isPass(passes[at]!)) at++;
    if (at === passes.length) {
      const tile = isNested || !isAlone ? tileOf(sweep) : onePoint;
      passes.push({
        sweep,
        stages: [],
        isUnrolled: isUnrolled(sweep) && (isNested || !isAlone),
        staysInRegisters: isUnrolled(sweep) && !isAlone,
        block: tile.vectors,
        points: tile.points,
        isNested,
      });
    }
    passes[at]!.stages.push(stage);
    for (const value of node.values) {
      passOf.set(value, at);
      stageOf.set(value, stage);
    }
  }
  const planned = passes.map(({ isNested: _, ...pass }) => ({
    ...pass,
    ...(pass.stages.some(({ role }) => role === "nested") ? {} : { block: 1, points: [] }),
  }));
  const buffered = new Set<Value>();
  for (const { stages: readers } of passes) {
    for (const reader of readers) {
      for (const load of loadsOf(reader.node.body)) {
        const maker = stageOf.get(load.value);
        if (maker === undefined || maker.sweepAxes.length === 0 || maker.role === "total") continue;
        const makerPass = passOf.get(load.value)!;
        const samePass = makerPass === passOf.get(reader.node.values[0]!);
        const inRegisters =
          readsOwnPoint(load, reader, maker) && (samePass || passes[makerPass]!.staysInRegisters);
        if (!inRegisters) buffered.add(load.value);
      }
    }
  }
  const read = new Set(stages.flatMap((stage) => stage.operands));
  return { depth, passes: planned, read, buffered, lanes };
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

/**
 * What a statement that is written out once more costs, in seconds of a step: compilers take 0.1 ms for it, and a run has
 * tens of thousands of steps.
 */
const statementSeconds = 5e-9;

/** What one more turn of a loop takes, in seconds, with what is in memory of the task between one pass and the next. */
const turnSeconds = 1e-9;

/**
 * How sweeps of the CPU's vectors are written, in a kernel that a step runs so many times: maps once where writing them out
 * takes longer to compile than it saves.
 */
export function writingOf(
  stages: readonly Compute[],
  depth: number,
  batchMax: number,
  target: Pick<TargetDescription, "vectorLanes" | "vectorRegisters">,
  times: number,
): Writing {
  const lanes = target.vectorLanes;
  const isUnrolled = shortSweeps(stages, depth, batchMax, lanes);
  const described = stages.map((node) => describeStage(node, depth, batchMax));
  const rows = times * elementsAt(stages[0]!.parallel.slice(0, depth), batchMax);
  const known = new Map<string, boolean>();
  const isOnce = (sweep: readonly Extent[]): boolean => {
    const last = sweep.at(-1);
    if (last === undefined || last.batch !== 0) return false;
    const own = described.filter((stage) => sameSweep(sweepOf(stage), sweep));
    const vectors = Math.ceil(last.constant / lanes);
    const isBlocked = own.some(({ role }) => role === "nested");
    const written = isUnrolled(sweep) ? vectors : isBlocked ? Math.min(vectors, columnBlock) : 1;
    const maps = own.filter(({ role }) => role === "map");
    const statements = maps.reduce((sum, { node }) => sum + bodyCost(node.body) + 1, 0);
    const turns = rows * elementsAt(sweep.slice(0, -1), batchMax) * vectors;
    return (
      !own.some(isPieced) && turns * turnSeconds < (written - 1) * statements * statementSeconds
    );
  };
  return {
    isUnrolled,
    isOnce: (sweep) => {
      const key = printShape(sweep);
      const answer = known.get(key) ?? isOnce(sweep);
      known.set(key, answer);
      return answer;
    },
    tile: (sweep) => {
      const sums = described.filter(
        (stage) => stage.role === "nested" && sameSweep(sweepOf(stage), sweep),
      );
      const tile = tileOfSums(sums, sweep, target, batchMax);
      if (tile !== undefined) return tile;
      // Lanes that are read one by one take longer than additions wait.
      const isByLane = sums.every((stage) => readsLaneByLane(stage, batchMax));
      return { points: [], vectors: isByLane ? 1 : columnBlock };
    },
  };
}

/** Whether something that a stage reads lies in single elements along the vectors of its sweep. */
function readsLaneByLane({ node, sweepAxes }: RowStage, batchMax: number): boolean {
  const axis = sweepAxes.at(-1)!;
  const box = boxOf(node, batchMax);
  return loadsOf(node.body).some((load) => {
    const access = linearAccess(load, box);
    return access !== undefined && stepAlong(access, axis) > 1;
  });
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
