/**
 * A variant of the kernel library that says how long its kernels take, for `nnc explain --measure`. Clocks are read
 * between launches, and what each launch took in a step, all iterations of the loops around it together, is handed back
 * as a further result of its graph: nanoseconds as floats, in the order of the launches. What otherwise runs in one
 * launch is launched one after the other here, so that each kernel has a time of its own.
 */

import type { TrainerPlan } from "../../../runtime/plan.ts";
import type { GraphFunction, KernelModule } from "../../kernel/module.ts";

/** The further result of each graph, f32[launches]. */
export const clocksResult = "nanoseconds";

/** Bytes from the start of the results arena, behind all results. */
export function clocksOffset(resultsBytes: number): number {
  const alignment = 64;
  return Math.ceil(resultsBytes / alignment) * alignment;
}

/** The plan of a program whose kernels are printed with clocks. */
export function planClocks(plan: TrainerPlan, { functions }: KernelModule): TrainerPlan {
  const offset = clocksOffset(plan.arenas.results);
  const most = Math.max(0, ...functions.map(({ launches }) => launches.length));
  const graphs = functions.map(({ graph, launches }) => {
    const { results, ...rest } = plan.graphs[graph]!;
    const shape = [launches.length];
    const clocks = { name: clocksResult, dtype: "f32", shape, offset } as const;
    return [graph, { ...rest, results: [...results, clocks] }];
  });
  return {
    ...plan,
    arenas: { ...plan.arenas, results: offset + 4 * most },
    graphs: Object.fromEntries(graphs),
  };
}

/** What graph functions with clocks call. */
export function printClock(): string[] {
  return [
    "#include <time.h>",
    "",
    "/* Adds the time since `*since`, in nanoseconds, to `*spent`; the next starts now. */",
    "static void charge(int64_t *spent, int64_t *since) {",
    "  struct timespec time;",
    "  clock_gettime(CLOCK_MONOTONIC, &time);",
    "  const int64_t now = (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;",
    "  *spent += now - *since;",
    "  *since = now;",
    "}",
    "",
  ];
}

/** Follows the launch of that number. */
export function printCharge(launch: number): string {
  return `  charge(&spent[${launch}], &since);`;
}

/** The statements of a graph function between clocks; `offset` is that of `clocksOffset`. */
export function printClocks(
  { launches }: GraphFunction,
  steps: readonly string[],
  offset: number,
): string[] {
  const count = launches.length;
  if (count === 0) return [...steps];
  return [
    `  int64_t spent[${count}] = {0}, since = 0, before = 0;`,
    "  charge(&before, &since);",
    ...steps,
    `  float *nanoseconds = (float *)(step->results + ${offset});`,
    `  for (int32_t i = 0; i < ${count}; i++) nanoseconds[i] = (float)spent[i];`,
  ];
}
