/**
 * The groups of a graph and of the bodies of its loops, as one list in the order of execution, each with the loops
 * around it and with where the values lie that it sees.
 *
 * What a loop carries lies in the memory of its last value, and the parts of what it stacks in that of the stack:
 * memory of the graph around the loop. A value that the body reads from outside is where that graph has it.
 */

import type { GraphContext } from "../graph/context.ts";
import type { Value } from "../graph/node.ts";
import { Supports } from "../graph/support.ts";
import type { LaunchLoop } from "../kernel/module.ts";
import type { Group, GroupedGraph, GroupedLoop } from "../optimize/group.ts";
import type { Surroundings, ValuePlace } from "./kernel-builder.ts";
import { valueName } from "./names.ts";
import type { RowRun } from "./row-runs.ts";

/** A loop by its number, and which groups it runs. */
export interface LoopAround extends LaunchLoop {
  readonly loop: number;
  /** Rows of the batch that a task takes through all iterations; null where iterations are run one after the other. */
  readonly rowsPerTask: number | null;
}

/** Whether what is in these loops is done by tasks, each with rows of its own. */
export function isTaskOfRows(around: readonly LoopAround[]): boolean {
  return around.some(({ rowsPerTask }) => rowsPerTask !== null);
}

export interface LeveledGroup {
  readonly group: Group;
  /** The graph or body of a loop that it is a group of. */
  readonly grouped: GroupedGraph;
  readonly surroundings: Surroundings;
  /** Outermost first; the same object for all groups that are in the same loops. */
  readonly around: readonly LoopAround[];
}

export interface LeveledGroups {
  readonly groups: readonly LeveledGroup[];
  /** Outer ones first. */
  readonly loops: readonly LoopAround[];
  /** Of how many loops around the memory of a value belongs to an iteration, and of how many if each task has its own. */
  readonly depths: ReadonlyMap<Value, MemoryDepth>;
}

export interface MemoryDepth {
  readonly depth: number;
  readonly inTask: number;
}

/** Runs have numbers that no loop has. */
const runLoop = -1;

/**
 * `runs` are what the graph does, in order; one that tasks take rows through is as a loop of one iteration. `rowsPerTask`
 * says of loops that are in none with such tasks whether they are to have them.
 */
export function levelGroups(
  context: GraphContext,
  outermost: GroupedGraph,
  runs: readonly RowRun[],
  rowsPerTask: (loop: GroupedLoop) => number | null,
): LeveledGroups {
  const groups: LeveledGroup[] = [];
  const loops: (LoopAround & { end: number })[] = [];
  const depths = new Map<Value, MemoryDepth>();
  const own = (value: Value, around: readonly LoopAround[]): void => {
    // Tasks are in different iterations at a time: what they make lives as long as the loop, but for what is their own.
    const inTask = around.findIndex(({ rowsPerTask: rows }) => rows !== null);
    const depth = inTask < 0 ? around.length : inTask;
    // What does not depend on a loop may be made in its body and outside.
    const known = depths.get(value) ?? { depth, inTask: around.length };
    depths.set(value, {
      depth: Math.min(depth, known.depth),
      inTask: Math.min(around.length, known.inTask),
    });
  };
  const visit = (
    grouped: GroupedGraph,
    surroundings: Surroundings,
    around: readonly LoopAround[],
    items: readonly (Group | GroupedLoop)[] = grouped.order,
  ): void => {
    for (const item of items) {
      if (item.kind !== "loop") {
        groups.push({ group: item, grouped, surroundings, around });
        for (const value of item.writes) own(value, around);
        continue;
      }
      const { scan, body } = item;
      for (const value of scan.values) own(value, around);
      const { loop, length: count } = scan;
      const isInTask = isTaskOfRows(around);
      const rows = isInTask ? null : rowsPerTask(item);
      const range = {
        loop,
        first: groups.length,
        end: groups.length,
        count,
        rowsPerTask: rows,
      };
      const place = loops.push(range) - 1;
      const inside = insideLoop(context, item, surroundings);
      const seen = rows === null ? inside : byRows(inside, rows);
      visit(body, seen, [...around, range]);
      range.end = groups.length;
      if (range.end === range.first) loops.splice(place, 1);
    }
  };
  const outside = outsideLoops(context, outermost);
  runs.forEach(({ items, rows }, i) => {
    if (rows === null) {
      visit(outermost, outside, [], items);
      return;
    }
    const first = groups.length;
    const range = { loop: runLoop - i, first, end: first, count: 1, rowsPerTask: rows };
    loops.push(range);
    visit(outermost, byRows(outside, rows), [range], items);
    range.end = groups.length;
  });
  return { groups, loops, depths };
}

/** What the kernels of a graph see that are in no loop. */
export function outsideLoops(
  context: GraphContext,
  { graph, stored }: Pick<GroupedGraph, "graph" | "stored">,
): Surroundings {
  return {
    batchMax: graph.batchMax,
    takesRows: false,
    times: 1,
    supports: context.memory(Supports, graph.batchMax, () => new Supports()),
    nameOf: (value) => valueName(context, value),
    placeOf: (value) => ({ memory: stored.get(value) ?? value, stacked: null }),
  };
}

function byRows(surroundings: Surroundings, rows: number): Surroundings {
  const { batchMax, times } = surroundings;
  const tasks = Math.ceil(batchMax / rows);
  return { ...surroundings, batchMax: rows, takesRows: true, times: times * tasks };
}

function insideLoop(
  context: GraphContext,
  { scan, body, outside }: GroupedLoop,
  { batchMax, takesRows, times, supports, placeOf: placeAround }: Surroundings,
): Surroundings {
  const { carries, stacks, values } = scan;
  const elsewhere = new Map<Value, ValuePlace>();
  carries.forEach(({ leaf }, i) => {
    elsewhere.set(leaf, placeAround(values[i]!));
  });
  stacks.forEach(({ place }, i) => {
    const stack = placeAround(values[carries.length + i]!);
    elsewhere.set(body.graph.results[i]!.value, { ...stack, stacked: place });
  });
  for (const [leaf, value] of outside) elsewhere.set(leaf.values[0], placeAround(value));
  const placeOf = (value: Value): ValuePlace => {
    const target = body.stored.get(value) ?? value;
    const known = elsewhere.get(target);
    if (known !== undefined) return known;
    return target.node.kind === "leaf" ? placeAround(target) : { memory: target, stacked: null };
  };
  return {
    batchMax,
    takesRows,
    times: times * scan.length,
    supports,
    placeOf,
    nameOf: (value) =>
      valueName(context, value.node.kind === "leaf" ? placeOf(value).memory : value),
  };
}
