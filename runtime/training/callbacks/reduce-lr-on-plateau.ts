/** Lowers the learning rate when a metric no longer improves: Keras 3 `callbacks/reduce_lr_on_plateau.py`. */

import type { CallbackSpec } from "../../plan.ts";
import { TrainingError } from "../error.ts";
import { CallbackArguments } from "./arguments.ts";
import type { Callback, CallbackState, Logs, TrainingControl } from "./callback.ts";
import { Monitor } from "./monitor.ts";

export class ReduceLROnPlateau implements Callback {
  readonly name = "ReduceLROnPlateau";
  readonly #monitor: Monitor;
  readonly #factor: number;
  readonly #patience: number;
  readonly #verbose: boolean;
  readonly #cooldown: number;
  readonly #minimum: number;

  #best: number;
  #wait = 0;
  #cooldownLeft = 0;

  constructor(spec: CallbackSpec) {
    const args = new CallbackArguments(spec);
    const monitor = args.text("monitor", "val_loss");
    this.#factor = args.number("factor", 0.1);
    this.#patience = args.number("patience", 10);
    this.#verbose = args.flag("verbose", false);
    const mode = args.oneOf("mode", ["auto", "min", "max"]);
    this.#monitor = new Monitor(this.name, monitor, mode, args.number("min_delta", 1e-4));
    this.#cooldown = args.number("cooldown", 0);
    this.#minimum = args.number("min_lr", 0);
    args.close();
    if (this.#factor >= 1) {
      throw new TrainingError(
        `ReduceLROnPlateau: factor must be below 1, not ${this.#factor}`,
        "the learning rate is multiplied by it",
      );
    }
    this.#best = this.#monitor.worst;
  }

  onTrainBegin(control: TrainingControl): void {
    this.#best = this.#monitor.worst;
    this.#wait = 0;
    this.#cooldownLeft = 0;
    if (control.learningRate() === undefined) {
      throw new TrainingError(
        "ReduceLROnPlateau needs an optimizer with a learning_rate that is a number",
        "the learning rate of this model follows a schedule or is fixed in the optimizer",
      );
    }
  }

  onEpochEnd(epoch: number, logs: Logs, control: TrainingControl): void {
    const rate = control.learningRate() ?? 0;
    logs.learning_rate = rate;
    const current = logs[this.#monitor.name];
    if (current === undefined) {
      control.warn(
        `ReduceLROnPlateau: ${this.#monitor.name} is not available, only ${Object.keys(logs).join(", ")}`,
      );
      return;
    }
    if (this.#cooldownLeft > 0) {
      this.#cooldownLeft--;
      this.#wait = 0;
    }
    if (this.#monitor.improves(current, this.#best)) {
      this.#best = current;
      this.#wait = 0;
      return;
    }
    if (this.#cooldownLeft > 0) return;
    this.#wait++;
    if (this.#wait < this.#patience || rate <= this.#minimum) return;
    const reduced = Math.max(rate * this.#factor, this.#minimum);
    control.setLearningRate(reduced);
    if (this.#verbose) {
      control.message(
        `Epoch ${epoch + 1}: ReduceLROnPlateau reducing learning rate to ${reduced}.`,
      );
    }
    this.#cooldownLeft = this.#cooldown;
    this.#wait = 0;
  }

  state(): CallbackState {
    return { values: { best: this.#best, wait: this.#wait, cooldownLeft: this.#cooldownLeft } };
  }

  restore({ values }: CallbackState): void {
    this.#best = Number(values.best);
    this.#wait = Number(values.wait);
    this.#cooldownLeft = Number(values.cooldownLeft);
  }
}
