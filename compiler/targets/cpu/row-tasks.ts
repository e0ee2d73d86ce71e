/**
 * What tasks get to know in C, and tasks that take rows of the batch through a loop. What only those use has memory for as
 * many of them as run at a time; a task takes a part of it that is free, which on a thread of its own is the one that it used last.
 */

import {
  type GraphFunction,
  type LaunchTree,
  launchTrees,
  type RowTasks,
} from "../../kernel/module.ts";

/** A bit of `taken` is set while a task has that part of memory. */
const slotFunctions = [
  "static int32_t take_slot(uint64_t *taken, int32_t slots) {",
  "  uint64_t known = __atomic_load_n(taken, __ATOMIC_RELAXED);",
  "  for (;;) {",
  "    const int32_t slot = ~known == 0 ? 64 : __builtin_ctzll(~known);",
  "    if (slot >= slots) {",
  "      known = __atomic_load_n(taken, __ATOMIC_RELAXED);",
  "    } else if (__atomic_compare_exchange_n(taken, &known, known | (uint64_t)1 << slot, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {",
  "      return slot;",
  "    }",
  "  }",
  "}",
  "",
  "static void give_slot(uint64_t *taken, int32_t slot) {",
  "  __atomic_fetch_and(taken, ~((uint64_t)1 << slot), __ATOMIC_RELEASE);",
  "}",
  "",
] as const;

/** The tasks of launches that run together, one after the other, as those of one. */
const partFunctions = [
  "static void take_part(const nnc_step *step, int32_t task) {",
  "  const nnc_part *part = ((const nnc_running_step *)step)->parts;",
  "  while (task >= part->tasks) task -= (part++)->tasks;",
  "  part->run(step, task, part->places);",
  "}",
  "",
] as const;

/**
 * What tasks get: the step, which comes first, with the launches that run and the numbers of each one's places, the number
 * of the iteration of each loop around, and where they are run for a few rows of the batch the first of those, how many the
 * whole batch has, the part of memory that is the task's own, and which parts are taken.
 */
export function printRunningStep(functions: readonly GraphFunction[], isTimed: boolean): string[] {
  const trees = functions.map(launchTrees);
  const depth = Math.max(0, ...trees.map(depthOf));
  const isByRows = trees.some(haveRowTasks);
  return [
    "typedef struct {",
    "  void (*run)(const nnc_step *step, int32_t task, const size_t *places);",
    "  const size_t *places;",
    "  int32_t tasks;",
    "} nnc_part;",
    "",
    "typedef struct {",
    "  nnc_step step;",
    "  const nnc_part *parts;",
    ...(depth === 0 ? [] : [`  int32_t at[${depth}];`]),
    ...(isByRows
      ? ["  int32_t first_row;", "  int32_t whole;", "  int32_t slot;", "  uint64_t *taken;"]
      : []),
    ...(isByRows && isTimed ? ["  int64_t *busy;"] : []),
    "} nnc_running_step;",
    "",
    ...partFunctions,
    ...(isByRows ? slotFunctions : []),
  ];
}

/** How deep loops are nested. */
function depthOf(trees: readonly LaunchTree[]): number {
  return trees.reduce(
    (most, tree) => (tree.kind === "loop" ? Math.max(most, 1 + depthOf(tree.body)) : most),
    0,
  );
}

export function haveRowTasks(trees: readonly LaunchTree[]): boolean {
  return trees.some(
    (tree) => tree.kind === "loop" && (tree.tasks !== null || haveRowTasks(tree.body)),
  );
}

/** All iterations of a loop, for the rows of a task as if they were the batch: the body of a task of `whole`. */
export function printRowTask({ rows, slots }: RowTasks, loop: readonly string[]): string[] {
  return [
    "  nnc_running_step running = *(const nnc_running_step *)whole;",
    `  running.slot = take_slot(running.taken, ${slots});`,
    `  running.first_row = task * ${rows};`,
    "  const int32_t rest = whole->n - running.first_row;",
    `  const int32_t n = rest < ${rows} ? rest : ${rows};`,
    "  running.whole = whole->n;",
    "  running.step.n = n;",
    "  running.step.rows += running.first_row;",
    "  const nnc_step *step = &running.step;",
    ...loop,
    "  give_slot(running.taken, running.slot);",
  ];
}

/** What a graph function that launches such tasks begins with. */
export const noSlotTaken = ["  uint64_t taken = 0;", "  running.taken = &taken;"] as const;
