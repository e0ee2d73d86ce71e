/**
 * Slots that take the place of params when training ends, as moving averages do. They begin as the params; callbacks
 * may exchange the two before, to validate or save what will be.
 */

import type { TrainerPlan } from "../plan.ts";
import type { ModelRunner } from "./model-runner.ts";

/** The path of each such param and of its slot. */
export function finalSlots(
  plan: Pick<TrainerPlan, "tensors">,
): readonly (readonly [string, string])[] {
  return plan.tensors.flatMap(({ name, finalOf }) =>
    finalOf === undefined ? [] : [[finalOf, name] as const],
  );
}

/** Before the first update: the slots are the params. */
export async function beginFinalValues(runner: ModelRunner): Promise<void> {
  for (const [param, slot] of finalSlots(runner.plan)) {
    await runner.device.write(slot, await runner.device.read(param));
  }
}

/** After the last: the params are the slots. */
export async function takeFinalValues(runner: ModelRunner): Promise<void> {
  for (const [param, slot] of finalSlots(runner.plan)) {
    await runner.device.write(param, await runner.device.read(slot));
  }
}

export async function exchangeFinalValues(runner: ModelRunner): Promise<void> {
  for (const [param, slot] of finalSlots(runner.plan)) {
    const [current, final] = [await runner.device.read(param), await runner.device.read(slot)];
    await runner.device.write(param, final);
    await runner.device.write(slot, current);
  }
}
