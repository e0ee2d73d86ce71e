/** What measuring candidates would give, made up. */

import type { LaunchSamples } from "../../compiler/cli/tuning/measure-candidates.ts";
import type { PlanChoice } from "../../compiler/optimize/target-description.ts";
import type { KernelReport } from "../../compiler/schedule/report-kernel.ts";

export function planOf(number: number): PlanChoice {
  return { row: 0, rows: number + 1, vectors: 1, packed: false, blocks: null };
}

/** A kernel with a contraction of the shape, or without one, and its times by candidate and round. */
export function launchOf(
  shape: string | null,
  seconds: readonly (readonly number[])[],
  name = "kernel",
): LaunchSamples {
  const candidates = seconds.map((_, number): KernelReport => {
    return {
      graph: "train",
      name,
      kind: "contraction",
      algorithm: null,
      computes: [],
      stages: 1,
      savedValues: 0,
      savedBytes: 0,
      apart: [],
      launchedWith: [],
      times: 1,
      loopIsOneLaunch: false,
      origins: [],
      flops: 1,
      bytes: 1,
      predictedSeconds: 1,
      boundBy: "arithmetic",
      plan: shape === null ? null : { shape, choice: planOf(number), isTuned: false },
    };
  });
  return { candidates, seconds, again: seconds[0]! };
}
