/** The callbacks by Keras' names. A new one is a row here and a file beside. */

import type { CallbackSpec } from "../../plan.ts";
import { TrainingError } from "../error.ts";
import { BackupAndRestore } from "./backup-and-restore.ts";
import type { Callback } from "./callback.ts";
import { CSVLogger } from "./csv-logger.ts";
import { EarlyStopping } from "./early-stopping.ts";
import { LearningRateScheduler } from "./learning-rate-scheduler.ts";
import { ModelCheckpoint } from "./model-checkpoint.ts";
import { ReduceLROnPlateau } from "./reduce-lr-on-plateau.ts";
import { SwapEMAWeights } from "./swap-ema-weights.ts";
import { TerminateOnNaN } from "./terminate-on-nan.ts";

const CALLBACKS: ReadonlyMap<string, new (spec: CallbackSpec) => Callback> = new Map<
  string,
  new (
    spec: CallbackSpec,
  ) => Callback
>([
  ["EarlyStopping", EarlyStopping],
  ["ModelCheckpoint", ModelCheckpoint],
  ["ReduceLROnPlateau", ReduceLROnPlateau],
  ["CSVLogger", CSVLogger],
  ["TerminateOnNaN", TerminateOnNaN],
  ["LearningRateScheduler", LearningRateScheduler],
  ["BackupAndRestore", BackupAndRestore],
  ["SwapEMAWeights", SwapEMAWeights],
]);

/** Checks the arguments of all callbacks; they start with `onTrainBegin`. */
export function createCallbacks(specs: readonly CallbackSpec[]): readonly Callback[] {
  return specs.map((spec) => {
    const make = CALLBACKS.get(spec.name);
    if (make === undefined) {
      throw new TrainingError(
        `there is no callback ${spec.name}`,
        `known are ${[...CALLBACKS.keys()].join(", ")}`,
      );
    }
    return new make(spec);
  });
}
