/**
 * What graph functions are written with in C: what runs launches, and tasks that take rows of the batch through a loop.
 * Launches are data, kernels with the places of their arguments, which cost compilers a fraction of what functions do.
 * What only tasks that take rows use has memory for as many of them as run at a time; a task takes a part of it that is free,
 * which on a thread of its own is the one that it used last.
 */

import {
  type GraphFunction,
  type LaunchTree,
  launchTrees,
  type RowTasks,
} from "../../kernel/module.ts";
import { type CFunction, noUses } from "./c-source.ts";
import { argumentCount, columnCount } from "./launch-places.ts";
import { batchType } from "./step-header.ts";

/** What graph functions know of a step. */
export function printRunningStep(functions: readonly GraphFunction[], isTimed: boolean): string[] {
  const trees = functions.map(launchTrees);
  const depth = Math.max(1, ...trees.map(depthOf));
  const columns = Math.max(0, ...functions.map(columnCount));
  return [
    ...batchType,
    "/* Where arguments of kernels lie. */",
    "enum { persistent, temporaries, results, rows, scalars, iterations, columns };",
    "",
    "/* So many bytes from the start of one of those, and more for each row and each part of memory before those of a task. */",
    "typedef struct {",
    "  size_t memory;",
    "  size_t offset;",
    "  size_t row_bytes;",
    "  size_t slot_bytes;",
    "} nnc_place;",
    "",
    "typedef struct {",
    "  void (*kernel)();",
    "  const nnc_place *places;",
    "  int32_t arguments;",
    "  int32_t tasks;",
    "} nnc_launch;",
    "",
    "typedef struct nnc_running_step nnc_running_step;",
    "struct nnc_running_step {",
    "  nnc_step step;",
    "  nnc_batch batch;",
    `  char *starts[columns + ${columns}];`,
    "  const nnc_launch *launches;           /* those that run together */",
    `  int32_t at[${depth}];                        /* iterations of the loops around */`,
    "  int32_t first_row;                    /* of a task that takes rows */",
    "  int32_t slot;                         /* its part of memory */",
    ...(trees.some(haveRowTasks)
      ? [
          "  void (*by_rows)(nnc_running_step *);",
          "  int32_t rows;                         /* of each task */",
          "  int32_t slots;                        /* how many parts of memory there are */",
          "  uint64_t *taken;                      /* a bit is set while a task has that part */",
          ...(isTimed ? ["  int64_t *busy;"] : []),
        ]
      : []),
    "};",
    "",
    "static void find_arguments(const nnc_running_step *running, const nnc_place *places, int32_t count, void **at) {",
    "  for (int32_t i = 0; i < count; i++) {",
    "    const nnc_place *place = &places[i];",
    "    at[i] = running->starts[place->memory] + place->offset + place->row_bytes * running->first_row + place->slot_bytes * running->slot;",
    "  }",
    "}",
    "",
  ];
}

/** What graph functions call. */
export function launchingFunctions(functions: readonly GraphFunction[]): CFunction[] {
  const launches = functions.flatMap((fn) => fn.launches);
  const counts = [...new Set(launches.map(argumentCount))].sort((a, b) => a - b);
  return [
    ...[beginStep, callKernel(counts), launch, takeLaunch, launchTogether],
    ...(functions.map(launchTrees).some(haveRowTasks) ? rowFunctions : []),
  ];
}

function helper(
  header: string,
  body: readonly string[],
  comment: readonly string[] = [],
): CFunction {
  const lines = [`${header} {`, ...body.map((line) => `  ${line}`), "}"];
  return { comment, lines, kind: "task", kernels: [], uses: noUses, work: lines.length };
}

const beginStep = helper(
  "void begin_step(nnc_running_step *running, const nnc_step *step, int32_t column_count)",
  [
    "*running = (nnc_running_step){",
    "  .step = *step,",
    "  .batch = {step->n, step->n, step->seed, step->batch},",
    "  .starts = {step->persistent, step->temporaries, step->results, (char *)step->rows, (char *)step->scalars, (char *)running->at},",
    "};",
    "for (int32_t i = 0; i < column_count; i++) running->starts[columns + i] = (char *)step->columns[i];",
  ],
);

/** Tasks of a launch whose kernel takes one of these numbers of arguments. */
function callKernel(counts: readonly number[]): CFunction {
  const calls = counts.map((count) => {
    const args = Array.from({ length: count }, (_, i) => `at[${i}]`);
    return `    case ${count}: kernel(${["batch", "task", ...args].join(", ")}); break;`;
  });
  return helper(
    "void call_kernel(const nnc_running_step *running, const nnc_launch *launch, int32_t first, int32_t end)",
    [
      "void (*const kernel)() = launch->kernel;",
      "const nnc_batch *batch = &running->batch;",
      `void *at[${Math.max(1, ...counts)}];`,
      "find_arguments(running, launch->places, launch->arguments, at);",
      "for (int32_t task = first; task < end; task++) {",
      "  switch (launch->arguments) {",
      ...calls,
      "  }",
      "}",
    ],
    ["/* Whatever pointers a kernel takes, they are passed alike. */"],
  );
}

const launch = helper(
  "void launch(const nnc_running_step *running, void (*kernel)(), const nnc_place *places, int32_t arguments, int32_t tasks)",
  ["call_kernel(running, &(nnc_launch){kernel, places, arguments}, 0, tasks);"],
);

const takeLaunch = helper("void take_launch(const nnc_step *step, int32_t task)", [
  "const nnc_running_step *running = (const nnc_running_step *)step;",
  "const nnc_launch *launch = running->launches;",
  "while (task >= launch->tasks) task -= (launch++)->tasks;",
  "call_kernel(running, launch, task, task + 1);",
]);

const launchTogether = helper(
  "void launch_together(nnc_running_step *running, const nnc_launch *launches, int32_t count)",
  [
    "int32_t tasks = 0;",
    "for (int32_t i = 0; i < count; i++) tasks += launches[i].tasks;",
    "running->launches = launches;",
    "running->step.parallel(&running->step, take_launch, tasks);",
  ],
  ["/* The tasks of several launches, one after the other, as those of one. */"],
);

const rowFunctions: readonly CFunction[] = [
  helper("int32_t take_slot(uint64_t *taken, int32_t slots)", [
    "uint64_t known = __atomic_load_n(taken, __ATOMIC_RELAXED);",
    "for (;;) {",
    "  const int32_t slot = ~known == 0 ? 64 : __builtin_ctzll(~known);",
    "  if (slot >= slots) {",
    "    known = __atomic_load_n(taken, __ATOMIC_RELAXED);",
    "  } else if (__atomic_compare_exchange_n(taken, &known, known | (uint64_t)1 << slot, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {",
    "    return slot;",
    "  }",
    "}",
  ]),
  helper("void give_slot(uint64_t *taken, int32_t slot)", [
    "__atomic_fetch_and(taken, ~((uint64_t)1 << slot), __ATOMIC_RELEASE);",
  ]),
  helper(
    "void take_rows(const nnc_step *step, int32_t task)",
    [
      "nnc_running_step running = *(const nnc_running_step *)step;",
      "running.starts[iterations] = (char *)running.at;",
      "running.slot = take_slot(running.taken, running.slots);",
      "running.first_row = task * running.rows;",
      "const int32_t rest = running.batch.whole - running.first_row;",
      "running.batch.n = rest < running.rows ? rest : running.rows;",
      "running.by_rows(&running);",
      "give_slot(running.taken, running.slot);",
    ],
    ["/* All iterations of a loop, for the rows of a task as if they were the batch. */"],
  ),
  helper(
    "void prepare_rows(nnc_running_step *running, void (*by_rows)(nnc_running_step *), int32_t rows, int32_t slots)",
    ["running->by_rows = by_rows;", "running->rows = rows;", "running->slots = slots;"],
    ["/* For tasks of `take_rows`. */"],
  ),
];

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

/** The call that runs the tasks of a loop; `task` is the function of one. */
export function printRowTasks(task: string, { rows, slots, isParallel }: RowTasks): string[] {
  const count = `(n + ${rows - 1}) / ${rows}`;
  return [
    `  prepare_rows(running, ${task}, ${rows}, ${slots});`,
    isParallel
      ? `  step->parallel(&running->step, take_rows, ${count});`
      : `  for (int32_t task = 0; task < ${count}; task++) take_rows(&running->step, task);`,
  ];
}

/** What a graph function that launches such tasks begins with. */
export const noSlotTaken = ["  uint64_t taken = 0;", "  running->taken = &taken;"] as const;
