/**
 * Horizontal fusion: neighbouring launches that touch nothing of each other become one. All updates of an optimizer
 * that could not join their gradients (a norm over all of them came between) are then a single fork and join on the
 * CPU, and a single launch on a GPU, whatever the number of tensors.
 */

import type { KernelParameter } from "../kernel/ir.ts";
import type { Launch, Placement } from "../kernel/module.ts";
import type { TargetDescription } from "../optimize/target-description.ts";
import { elementBytes, type MemoryRules } from "./memory-plan.ts";

/** A launch before it is known what it runs with. */
export interface TimedLaunch {
  readonly launch: Omit<Launch, "isParallel" | "withPrevious">;
  readonly predictedSeconds: number;
}

/**
 * Joins launches in order: each joins the one before it if it conflicts with none that this one runs with. Work that
 * is not worth a fork stays as it is, one kernel after the other.
 */
export function joinLaunches(
  launches: readonly TimedLaunch[],
  target: TargetDescription,
  joining: boolean,
): readonly Launch[] {
  const waves: TimedLaunch[][] = [];
  for (const timed of launches) {
    const wave = waves.at(-1);
    const joins = wave?.every(({ launch }) => !conflict(launch, timed.launch, target));
    if (joining && wave !== undefined && joins) wave.push(timed);
    else waves.push([timed]);
  }
  return waves.flatMap((wave) => {
    const seconds = wave.reduce((sum, { predictedSeconds }) => sum + predictedSeconds, 0);
    const isParallel = seconds > 2 * target.taskSeconds;
    return wave.map(
      ({ launch }, i): Launch => ({ ...launch, isParallel, withPrevious: isParallel && i > 0 }),
    );
  });
}

type Placed = Pick<Launch, "kernel" | "placements">;

interface Window {
  readonly arena: string;
  readonly start: number;
  readonly end: number;
  readonly isWritten: boolean;
}

/** Whether one writes what the other reads or writes. */
function conflict(a: Placed, b: Placed, rules: MemoryRules): boolean {
  const others = windowsOf(b, rules);
  return windowsOf(a, rules).some((mine) =>
    others.some(
      (other) =>
        (mine.isWritten || other.isWritten) &&
        mine.arena === other.arena &&
        mine.start < other.end &&
        other.start < mine.end,
    ),
  );
}

function windowsOf({ kernel, placements }: Placed, rules: MemoryRules): Window[] {
  return kernel.parameters.flatMap((parameter, i) => windowOf(parameter, placements[i]!, rules));
}

function windowOf(parameter: KernelParameter, placement: Placement, rules: MemoryRules): Window[] {
  const isMemory = parameter.kind === "window" || parameter.kind === "tensorMap";
  if (!isMemory || placement.kind !== "arena") return [];
  const { offset: start, arena } = placement;
  const end = start + parameter.elements * elementBytes(parameter.dtype, rules);
  const isWritten = parameter.kind === "window" && parameter.access !== "read";
  return [{ arena, start, end, isWritten }];
}
