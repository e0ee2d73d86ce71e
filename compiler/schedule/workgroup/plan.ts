/**
 * How a group is shared out among threads. All groups are row programs here, as on the CPU (`rows-plan.ts`): a map
 * is a row of numbers at each of its points, a reduction has its points as the points of its row. `threadsPerRow`
 * threads work on a row, each on every T-th point, and a workgroup has several rows; its threads are
 * numbered along the row where a row's points lie side by side in memory, and from row to row where rows do.
 *
 * Where accesses are of 16 bytes, a thread computes four points side by side, of the sweeps of its row or of neighbouring
 * rows, if their number is always a multiple of four (`row-runs.ts`); everything here that counts points of a thread, or
 * rows of a workgroup, then counts runs of four. How much has to be on its way for that to pay: memory that answers
 * after 0.8 µs (an H200 under load) and gives 4.8 TB/s has 3.8 MB on its way, 29 KB for each of 132 multiprocessors, and
 * somewhat more for reads and writes to even out, 40 KB. A multiprocessor has 2,048 threads: 20 bytes each. With
 * one access of 4 bytes a thread that is 8 KB; with one of 16 bytes 32 KB, and so a map that reads one tensor reads two
 * runs a thread before it computes, one of two tensors or more has 64 KB with one. Rows of up to 8 runs a thread are all
 * asked for at once, 16 KB a warp of eight; loops over longer ones go by blocks of 4 runs.
 *
 * Decisions depend on sizes at N = Nmax and the target's description, and never on its subgroups: both variants of
 * a kernel have the same threads and add in the same order.
 */

import { loadsOf } from "../../graph/context.ts";
import { type Extent, elementsAt, isFixed, printShape } from "../../graph/extent.ts";
import type { Compute, LoadScalar, Value } from "../../graph/node.ts";
import { reducers } from "../../graph/reducers.ts";
import { runsAlongReduction } from "../../optimize/fusion/node-facts.ts";
import { pointsInRegisters, pointsInRow } from "../../optimize/fusion/workgroup-rows.ts";
import type { Group } from "../../optimize/group.ts";
import type { WorkgroupLimits } from "../../optimize/target-description.ts";
import { type Pass, planRows, type RowsPlan } from "../rows-plan.ts";
import { runLanes } from "./row-runs.ts";

/** Where a value is that more than one pass or other points of the row read. */
export type Place =
  /** Memory of the only thread of the row. */
  | { readonly kind: "local"; readonly points: number }
  /** Shared memory: so many elements a row. */
  | { readonly kind: "shared"; readonly points: number }
  /** The value's own memory, or scratch. */
  | { readonly kind: "global"; readonly points: number };

export interface WorkgroupPlan {
  readonly rows: RowsPlan;
  /** The axes that a row is fixed by. */
  readonly rowAxes: readonly Extent[];
  /** T, a power of two. */
  readonly threadsPerRow: number;
  /** A power of two. */
  readonly rowsPerGroup: number;
  /** By how much the numbers of a row's neighbouring threads differ: 1, or `rowsPerGroup`. */
  readonly threadStride: number;
  /** Rows that each thread goes through, one after the other; 1 where threads wait for each other. */
  readonly turns: number;
  /** Points side by side that a thread computes at once, 1 or 4, and whose: of the row's sweeps, or one of each row. */
  readonly lanes: number;
  readonly lanesAlong: "points" | "rows";
  /** Runs of a sweep that is not written out which a thread does in one turn of its loop. */
  readonly block: number;
  readonly places: ReadonlyMap<Value, Place>;
}

/** Threads of a workgroup below which it is not worth being made smaller so that there are more. */
const fewestThreads = 64;

/** Threads that run side by side on one memory access. */
const accessThreads = 32;

/** Points that a thread adds up before it is worth having another one. */
const leastPoints = 4;

/** Runs of four points a thread that stay in registers from pass to pass, and that one turn of a longer loop does. */
const runsInRegisters = 8;
const runsInBlock = 4;

/** Vectors of four words that a thread has asked for, or keeps, at once: 96 registers. */
const vectorsAtOnce = 24;

/** Workgroups of the most threads that share a place when runs are read at full speed: 4 runs each of 1,024 threads. */
const groupsReading = 4;

/** Waves of workgroups beyond which a thread had better go through several points. */
const manyWaves = 16;

export function planWorkgroup(
  group: Group,
  batchMax: number,
  limits: WorkgroupLimits,
): WorkgroupPlan {
  const [first] = group.stages;
  const depth = group.kind === "rows" ? group.tileSpace.length : first!.parallel.length;
  const rowAxes = first!.parallel.slice(0, depth);
  const { passes } = planRows(group.stages, depth, batchMax, 1);
  const longestSweep = Math.max(1, ...passes.map(({ sweep }) => elementsAt(sweep, batchMax)));
  const isAlong = group.kind === "rows" || readsAlong(group.stages, batchMax);
  const { lanes, lanesAlong } = lanesOf(passes, rowAxes, isAlong && longestSweep > 1, limits);
  const longest = lanesAlong === "points" ? longestSweep / lanes : longestSweep;
  const rowCount = elementsAt(rowAxes, batchMax) / (lanesAlong === "rows" ? lanes : 1);

  const loads = loadsOfRow(passes);
  const runs = (most: number) => Math.max(1, Math.min(most, Math.floor(vectorsAtOnce / loads)));
  const inRegisters = lanes === 1 ? pointsInRegisters : runs(runsInRegisters);
  const threadsPerRow = isAlong
    ? threadsAlong(longest, rowCount, inRegisters, lanes, limits)
    : threadsAcross(longest, rowCount, lanes, limits);
  const most = Math.min(limits.threads / threadsPerRow, powerAbove(rowCount));
  const perThread = threadsPerRow * (lanesAlong === "points" ? lanes : 1);
  const rows = planRows(group.stages, depth, batchMax, threadsPerRow, {
    isUnrolled: (sweep) =>
      isShort(sweep, perThread * (lanesAlong === "points" ? inRegisters : pointsInRegisters)),
    isOnce: () => false,
    tile: () => ({ points: [], vectors: 1 }),
  });
  const enough = fewestRows(threadsPerRow, isAlong);
  let rowsPerGroup = most;
  const treeLanes = lanesAlong === "rows" ? lanes : 1;
  const perWorkgroup = () => ({ threadsPerRow, rowsPerGroup, treeLanes });
  const fits = () => sharedBytes(rows, batchMax, perWorkgroup()) <= limits.sharedBytes;
  const isIdle = () => rowCount / rowsPerGroup < limits.concurrency && rowsPerGroup > enough;
  while (rowsPerGroup > 1 && (isIdle() || !fits())) rowsPerGroup /= 2;
  const places = placeValues(rows, batchMax, perWorkgroup(), limits);
  const isPlain = threadsPerRow === 1 && longestSweep === 1;
  const waves = rowCount / (rowsPerGroup * limits.concurrency);
  const mostTurns = lanes === 1 ? pointsInRegisters : turnsOf(group);
  return {
    rows,
    rowAxes,
    threadsPerRow,
    rowsPerGroup,
    threadStride: isAlong ? 1 : rowsPerGroup,
    turns: isPlain && waves > manyWaves ? mostTurns : 1,
    places,
    lanes,
    lanesAlong,
    block: lanes === 1 ? 1 : runs(runsInBlock),
  };
}

/** Different loads at the points of a row's sweeps, and values that are kept from pass to pass: at least one. */
function loadsOfRow(passes: readonly Pass[]): number {
  const passOf = new Map<Value, number>();
  const numbers = new Set<Value>();
  const loads = new Set<LoadScalar>();
  passes.forEach(({ sweep, stages }, pass) => {
    for (const { node, role } of stages) {
      for (const value of node.values) {
        passOf.set(value, pass);
        if (role === "total" || sweep.length === 0) numbers.add(value);
      }
      if (sweep.length === 0) continue;
      for (const read of loadsOf(node.body)) {
        // What the same pass has made passes through, and a number is one register.
        if (passOf.get(read.value) !== pass && !numbers.has(read.value)) loads.add(read);
      }
    }
  });
  return Math.max(1, loads.size);
}

/** Whether a thread computes four points side by side, and whose. */
function lanesOf(
  passes: readonly Pass[],
  rowAxes: readonly Extent[],
  isAlong: boolean,
  { accessBytes }: WorkgroupLimits,
): Pick<WorkgroupPlan, "lanes" | "lanesAlong"> {
  const lanesAlong = isAlong ? "points" : "rows";
  const sweeps = passes.map(({ sweep }) => sweep).filter((sweep) => sweep.length > 0);
  const boxes = isAlong ? sweeps : [rowAxes];
  const isWide = accessBytes === runLanes * wordBytes && boxes.every(hasRuns);
  return { lanes: isWide ? runLanes : 1, lanesAlong };
}

/** Whether the points of a box, joined to one axis, are whole runs however large the batch is. */
function hasRuns(box: readonly Extent[]): boolean {
  const [, ...inner] = box.filter((extent) => !isFixed(extent) || extent.constant > 1);
  return inner.every(isFixed) && [1, 2, 3].every((n) => elementsAt(box, n) % runLanes === 0);
}

/** Tensors as large as its result that a map reads: with two of them enough is on its way. */
function turnsOf({ reads, writes }: Group): number {
  const sizes = [...writes].map(({ shape }) => printShape(shape));
  const large = [...reads].filter(({ shape }) => sizes.includes(printShape(shape)));
  return large.length < 2 ? 2 : 1;
}

/** Whether the points of reductions lie side by side, rather than those of the innermost parallel axis. */
function readsAlong(stages: readonly Compute[], batchMax: number): boolean {
  const anchor = stages.find((stage) => stage.reducer !== null);
  return anchor !== undefined && runsAlongReduction(anchor, batchMax);
}

/** A thread for each point (or run), or for a few where all threads of the device have enough to do. */
function threadsAlong(
  points: number,
  rows: number,
  inRegisters: number,
  lanes: number,
  limits: WorkgroupLimits,
): number {
  let threads = Math.min(powerAbove(points), limits.threads);
  const busy = limits.concurrency * limits.threads;
  // Runs of eight threads are what memory gives at once.
  const fewest = lanes === 1 ? 1 : 8;
  while (threads > fewest && rows * threads > busy && points / (threads / 2) <= inRegisters) {
    threads /= 2;
  }
  return threads;
}

/** As many threads to a row as keep the device busy, beside those that read its neighbours' points. */
function threadsAcross(
  points: number,
  rows: number,
  lanes: number,
  limits: WorkgroupLimits,
): number {
  const busy = limits.concurrency * limits.threads * (lanes === 1 ? 1 : groupsReading);
  const most = limits.threads / Math.min(accessThreads, powerAbove(rows));
  let threads = 1;
  while (threads < most && rows * threads < busy && points / (2 * threads) >= leastPoints) {
    threads *= 2;
  }
  return threads;
}

/** Rows of a workgroup below which it is not made smaller. */
function fewestRows(threadsPerRow: number, isAlong: boolean): number {
  const forThreads = Math.max(1, fewestThreads / threadsPerRow);
  return isAlong ? forThreads : Math.max(forThreads, Math.min(accessThreads, fewestThreads));
}

function isShort(sweep: readonly Extent[], most: number): boolean {
  return sweep.every(isFixed) && elementsAt(sweep, 1) <= most;
}

/** The smallest power of two that is not below. */
function powerAbove(number: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, number)));
}

// Memory

/** Bytes of an element in shared memory: a word each. */
const wordBytes = 4;

/** Rows that share shared memory; `treeLanes` rows are combined by the same threads at once. */
interface SharedRows {
  readonly threadsPerRow: number;
  readonly rowsPerGroup: number;
  readonly treeLanes: number;
}

function sharedBytes(
  rows: RowsPlan,
  batchMax: number,
  { threadsPerRow, rowsPerGroup, treeLanes }: SharedRows,
): number {
  if (threadsPerRow === 1) return 0;
  const values = [...rows.buffered].reduce(
    (sum, value) => sum + pointsInRow(value, rows.depth, batchMax),
    0,
  );
  return rowsPerGroup * (values * wordBytes + threadsPerRow * treeLanes * treeBytes(rows));
}

/** Bytes a thread that the totals of a pass take in shared memory: no two passes combine theirs at once. */
function treeBytes({ passes }: RowsPlan): number {
  const fields = passes.map(({ stages, sweep }) =>
    sweep.length === 0
      ? 0
      : stages.reduce((sum, { node, role }) => sum + (role === "total" ? fieldsOf(node) : 0), 0),
  );
  return Math.max(0, ...fields) * wordBytes;
}

/** Fields of a reducer's state, and its count where points may be left out. */
function fieldsOf({ reducer, body, where }: Compute): number {
  const { state, usesCount } = reducers[reducer!];
  return state(body.dtype).length + (usesCount && where.kind !== "true" ? 1 : 0);
}

/** Shared memory for the smallest values first; what it has no room for goes through global memory. */
function placeValues(
  rows: RowsPlan,
  batchMax: number,
  { threadsPerRow, rowsPerGroup, treeLanes }: SharedRows,
  limits: WorkgroupLimits,
): ReadonlyMap<Value, Place> {
  const places = new Map<Value, Place>();
  let free = limits.sharedBytes - rowsPerGroup * threadsPerRow * treeLanes * treeBytes(rows);
  const points = (value: Value) => pointsInRow(value, rows.depth, batchMax);
  for (const value of [...rows.buffered].sort((a, b) => points(a) - points(b))) {
    const bytes = rowsPerGroup * points(value) * wordBytes;
    if (threadsPerRow === 1) {
      places.set(value, { kind: "local", points: points(value) });
    } else if (bytes <= free) {
      places.set(value, { kind: "shared", points: points(value) });
      free -= bytes;
    } else {
      places.set(value, { kind: "global", points: points(value) });
    }
  }
  return places;
}
