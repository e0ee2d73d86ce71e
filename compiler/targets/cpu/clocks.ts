/**
 * A variant of the kernel library that says how long its kernels take, for `nnc explain --measure`. Clocks are read
 * between launches, and what each launch took in a step, all iterations of the loops around it together, is handed back
 * as a further result of its graph: nanoseconds as floats, in the order of the launches. What otherwise runs in one
 * launch is launched one after the other here, so that each kernel has a time of its own. Where tasks take rows through a
 * whole loop, each has a clock of its own, and launches get shares of what the loop took by what they kept the tasks busy.
 * What reading a clock takes, which is as long as a small kernel where the system has to be asked, is taken off.
 */

import type { TrainerPlan } from "../../../runtime/plan.ts";
import type { GraphFunction, KernelModule } from "../../kernel/module.ts";

/**
 * Which time passes: that of the world, or that which the thread computes, where it is alone and others want its
 * processor too.
 */
export type Clock = "world" | "thread";

const clockNames: { readonly [C in Clock]: string } = {
  world: "CLOCK_MONOTONIC",
  thread: "CLOCK_THREAD_CPUTIME_ID",
};

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
export function printClock(clock: Clock): string[] {
  return [
    "#include <time.h>",
    "",
    "/* What reading the clock takes. */",
    "static int64_t reading;",
    "",
    "/* Adds the time since `*since`, in nanoseconds, to `*spent`; the next starts now. Several threads may do so. */",
    "static void charge(int64_t *spent, int64_t *since) {",
    "  struct timespec time;",
    `  clock_gettime(${clockNames[clock]}, &time);`,
    "  const int64_t now = (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;",
    "  __atomic_fetch_add(spent, now - *since - reading, __ATOMIC_RELAXED);",
    "  *since = now;",
    "}",
    "",
    "/* The least of a few times. */",
    "static void time_reading(void) {",
    "  int64_t least = INT64_MAX, since = 0, before = 0;",
    "  reading = 0;",
    "  charge(&before, &since);",
    "  for (int32_t i = 0; i < 8; i++) {",
    "    int64_t took = 0;",
    "    charge(&took, &since);",
    "    if (took < least) least = took;",
    "  }",
    "  reading = least;",
    "}",
    "",
    "/* The time since `*since` to the launches `first` to `last`, by what each was busy. */",
    "static inline void share(int64_t *spent, int64_t *busy, int32_t first, int32_t last, int64_t *since) {",
    "  int64_t took = 0, all = 0;",
    "  charge(&took, since);",
    "  for (int32_t i = first; i <= last; i++) all += busy[i];",
    // A thread that is alone is busy all the time, but for reading the clock.
    ...(clock === "thread" ? ["  took = all;"] : []),
    "  for (int32_t i = first; i <= last; i++) {",
    "    if (all > 0) spent[i] += (int64_t)((double)busy[i] / (double)all * (double)took);",
    "    busy[i] = 0;",
    "  }",
    "}",
    "",
  ];
}

/** The first lines of a task with a clock of its own. */
export function printStart(): string {
  return "  int64_t since = 0, before = 0;\n  charge(&before, &since);";
}

/** Follows the launch of that number; `inTask` where a task takes rows through a loop around it. */
export function printCharge(launch: number, inTask: boolean): string {
  return inTask
    ? `  charge(&running->busy[${launch}], &since);`
    : `  charge(&spent[${launch}], &since);`;
}

/** Follows the tasks that take rows through a loop over those launches. */
export function printShares(first: number, last: number): string {
  return `  share(spent, busy, ${first}, ${last}, &since);`;
}

/** By which clock launches are timed, and where graph functions store what they took, see `clocksOffset`. */
export interface LaunchClocks {
  readonly clock: Clock;
  readonly offset: number;
}

export interface GraphClocks extends LaunchClocks {
  /** Whether tasks take rows through loops. */
  readonly haveRowTasks: boolean;
}

/** The statements of a graph function between clocks. */
export function printClocks(
  { launches }: GraphFunction,
  steps: readonly string[],
  { offset, haveRowTasks }: GraphClocks,
): string[] {
  const count = launches.length;
  if (count === 0) return [...steps];
  const busy = [`  int64_t busy[${count}] = {0};`, "  running->busy = busy;"];
  return [
    `  int64_t spent[${count}] = {0};`,
    ...(haveRowTasks ? busy : []),
    "  time_reading();",
    printStart(),
    ...steps,
    `  float *nanoseconds = (float *)(step->results + ${offset});`,
    `  for (int32_t i = 0; i < ${count}; i++) nanoseconds[i] = spent[i] > 0 ? (float)spent[i] : 0.0f;`,
  ];
}
