/** Stops when a metric no longer improves: Keras 3 `callbacks/early_stopping.py`. */

import type { CallbackSpec } from "../../plan.ts";
import { CallbackArguments } from "./arguments.ts";
import type {
  Callback,
  CallbackState,
  Logs,
  TrainingControl,
  WeightsSnapshot,
} from "./callback.ts";
import { Monitor } from "./monitor.ts";

export class EarlyStopping implements Callback {
  readonly name = "EarlyStopping";
  readonly #monitor: Monitor;
  readonly #patience: number;
  readonly #verbose: boolean;
  readonly #baseline: number | null;
  readonly #restoreBestWeights: boolean;
  readonly #startFromEpoch: number;

  #best: number;
  #wait = 0;
  #stoppedEpoch = 0;
  #bestEpoch = 0;
  #bestWeights: WeightsSnapshot | undefined;

  constructor(spec: CallbackSpec) {
    const args = new CallbackArguments(spec);
    const monitor = args.text("monitor", "val_loss");
    const minDelta = args.number("min_delta", 0);
    this.#patience = args.number("patience", 0);
    this.#verbose = args.flag("verbose", false);
    this.#monitor = new Monitor(
      this.name,
      monitor,
      args.oneOf("mode", ["auto", "min", "max"]),
      minDelta,
    );
    this.#baseline = args.optionalNumber("baseline");
    this.#restoreBestWeights = args.flag("restore_best_weights", false);
    this.#startFromEpoch = args.number("start_from_epoch", 0);
    args.close();
    this.#best = this.#monitor.worst;
  }

  onTrainBegin(): void {
    this.#wait = 0;
    this.#stoppedEpoch = 0;
    this.#bestEpoch = 0;
    this.#bestWeights = undefined;
  }

  async onEpochEnd(epoch: number, logs: Logs, control: TrainingControl): Promise<void> {
    const current = logs[this.#monitor.name];
    if (current === undefined) {
      control.warn(
        `EarlyStopping: ${this.#monitor.name} is not available, only ${Object.keys(logs).join(", ")}`,
      );
      return;
    }
    if (epoch < this.#startFromEpoch) return;
    if (this.#restoreBestWeights && this.#bestWeights === undefined) {
      // Restored even if no epoch ever beats the baseline.
      this.#bestWeights = await control.snapshotWeights();
      this.#bestEpoch = epoch;
    }

    this.#wait++;
    if (this.#monitor.improves(current, this.#best)) {
      this.#best = current;
      this.#bestEpoch = epoch;
      if (this.#restoreBestWeights) this.#bestWeights = await control.snapshotWeights();
      if (this.#baseline === null || this.#monitor.improves(current, this.#baseline)) {
        this.#wait = 0;
      }
      return;
    }
    if (this.#wait >= this.#patience && epoch > 0) {
      this.#stoppedEpoch = epoch;
      control.stop();
    }
  }

  async onTrainEnd(control: TrainingControl): Promise<void> {
    if (this.#stoppedEpoch > 0 && this.#verbose) {
      control.message(`Epoch ${this.#stoppedEpoch + 1}: early stopping`);
    }
    if (this.#bestWeights === undefined) return;
    if (this.#verbose) {
      control.message(
        `Restoring model weights from the end of the best epoch: ${this.#bestEpoch + 1}.`,
      );
    }
    await control.restoreWeights(this.#bestWeights);
  }

  state(): CallbackState {
    return {
      values: {
        best: this.#best,
        wait: this.#wait,
        stoppedEpoch: this.#stoppedEpoch,
        bestEpoch: this.#bestEpoch,
      },
      weights: this.#bestWeights,
    };
  }

  restore({ values, weights }: CallbackState): void {
    this.#best = Number(values.best);
    this.#wait = Number(values.wait);
    this.#stoppedEpoch = Number(values.stoppedEpoch);
    this.#bestEpoch = Number(values.bestEpoch);
    this.#bestWeights = weights;
  }
}
