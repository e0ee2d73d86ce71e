/** Sets the learning rate of each epoch by a function of the model's file: Keras 3 `callbacks/learning_rate_scheduler.py`. */

import type { CallbackSpec } from "../../plan.ts";
import { TrainingError } from "../error.ts";
import { CallbackArguments } from "./arguments.ts";
import type { Callback, Logs, TrainingControl } from "./callback.ts";

export class LearningRateScheduler implements Callback {
  readonly name = "LearningRateScheduler";
  /** The schedule's graph. */
  readonly #schedule: string;
  readonly #verbose: boolean;

  constructor(spec: CallbackSpec) {
    const args = new CallbackArguments(spec);
    this.#schedule = args.text("schedule");
    this.#verbose = args.flag("verbose", false);
    args.close();
  }

  onEpochBegin(epoch: number, control: TrainingControl): void {
    const before = control.learningRate();
    if (before === undefined) {
      throw new TrainingError(
        "LearningRateScheduler needs a learning rate that can change",
        "the optimizer has a schedule of its own, or no learning rate",
      );
    }
    const rate = control.scheduled(this.#schedule, epoch, before);
    control.setLearningRate(rate);
    if (this.#verbose) control.message(`Epoch ${epoch + 1}: the learning rate is ${rate}`);
  }

  onEpochEnd(_epoch: number, logs: Logs, control: TrainingControl): void {
    logs.learning_rate = control.learningRate()!;
  }
}
