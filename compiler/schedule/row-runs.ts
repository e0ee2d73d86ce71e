/**
 * Runs of kernels and loops of a graph whose rows of the batch have nothing to do with each other, as what leads into a
 * recurrent layer, its loop, the loss of each row and the loop that goes back. A task takes some rows through all of them:
 * what one loop keeps for the next is then still in a cache, and threads meet once a run.
 *
 * What stands between in the order of execution, and is for all rows alike, moves before the run or after it.
 */

import type { Value } from "../graph/node.ts";
import type { Group, GroupedGraph, GroupedLoop } from "../optimize/group.ts";
import type { TargetDescription } from "../optimize/target-description.ts";
import { readsLittleForAll, rowsPerTask } from "./row-loops.ts";

type Item = Group | GroupedLoop;

/** Items in the order of execution, and how many rows of the batch a task takes through all of them; null for none. */
export interface RowRun {
  readonly items: readonly Item[];
  readonly rows: number | null;
}

/** The items of a graph in runs: a loop that tasks take rows through, with what can be done with it. */
export function rowRuns(grouped: GroupedGraph, target: TargetDescription): readonly RowRun[] {
  const { batchMax } = grouped.graph;
  const rowsOf = (item: Item): number | null =>
    item.kind === "loop" ? rowsPerTask(item, batchMax, target) : null;
  const canJoin = (item: Item): boolean =>
    item.kind === "loop" ? rowsOf(item) !== null : readsLittleForAll([item], batchMax, target);
  const rows = grouped.order.reduce<number | null>((found, item) => found ?? rowsOf(item), null);
  if (target.workgroup !== null || rows === null) return [{ items: grouped.order, rows: null }];
  const { before, run, after } = gather(grouped, canJoin);
  // A single one has tasks of its own, and keeps nothing for another.
  if (run.filter(({ kind }) => kind === "loop").length < 2) {
    return [{ items: grouped.order, rows: null }];
  }
  return [
    { items: before, rows: null },
    { items: run, rows },
    { items: after, rows: null },
  ];
}

interface Gathered {
  readonly before: readonly Item[];
  readonly run: readonly Item[];
  readonly after: readonly Item[];
}

/** As many items as can be done together, those that have to be done before them, and those that can wait. */
function gather({ order, stored }: GroupedGraph, canJoin: (item: Item) => boolean): Gathered {
  const conflict = conflictsIn(order, stored);
  const before: Item[] = [];
  const run: Item[] = [];
  const after: Item[] = [];
  const waitsFor = (item: Item, others: readonly Item[]) =>
    others.some((other) => conflict(other, item));
  for (const item of order) {
    if (waitsFor(item, after)) after.push(item);
    else if (canJoin(item)) run.push(item);
    else if (waitsFor(item, run)) after.push(item);
    else before.push(item);
  }
  return { before, run, after };
}

/** Whether, of two of these items, one writes what the other reads or writes. */
export function conflictsIn(
  items: readonly Item[],
  stored: ReadonlyMap<Value, Value>,
): (a: Item, b: Item) => boolean {
  const memories = new Map(items.map((item) => [item, memoryOf(item, stored)]));
  return (a, b) => meet(memories.get(a)!, memories.get(b)!);
}

/** What is read and written, by the value or the numbers whose memory it is. */
interface Memory {
  readonly reads: ReadonlySet<unknown>;
  readonly writes: ReadonlySet<unknown>;
}

function memoryOf(item: Item, stored: ReadonlyMap<Value, Value>): Memory {
  const placeOf = (value: Value) => stored.get(value) ?? value;
  if (item.kind === "loop") {
    const { operands, values } = item.scan;
    return { reads: new Set(operands.map(placeOf)), writes: new Set(values.map(placeOf)) };
  }
  // The parts of a scatter share numbers.
  const shared = item.scatter === null ? [] : [item.scatter.node];
  return {
    reads: new Set(item.reads.map(placeOf)),
    writes: new Set<unknown>([...item.writes.map(placeOf), ...shared]),
  };
}

function meet(a: Memory, b: Memory): boolean {
  const meets = (some: ReadonlySet<unknown>, others: ReadonlySet<unknown>) =>
    [...some].some((memory) => others.has(memory));
  return meets(a.writes, b.reads) || meets(a.writes, b.writes) || meets(a.reads, b.writes);
}
