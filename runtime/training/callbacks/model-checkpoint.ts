/**
 * Saves the model at the end of epochs, or every so many batches, always or when it is the best so far: Keras 3
 * `callbacks/model_checkpoint.py`. Files are safetensors: weights alone, or a checkpoint to resume from.
 */

import type { CallbackSpec } from "../../plan.ts";
import { TrainingError } from "../error.ts";
import { CallbackArguments } from "./arguments.ts";
import type { Callback, CallbackState, Logs, TrainingControl } from "./callback.ts";
import { Monitor } from "./monitor.ts";
import { fillPathTemplate } from "./path-template.ts";

export class ModelCheckpoint implements Callback {
  readonly name = "ModelCheckpoint";
  readonly #path: string;
  readonly #monitorName: string;
  readonly #monitor: Monitor | null;
  readonly #verbose: boolean;
  readonly #weightsOnly: boolean;
  readonly #frequency: "epoch" | number;
  #best: number;
  #batchesSinceSave = 0;

  constructor(spec: CallbackSpec) {
    const args = new CallbackArguments(spec);
    this.#path = args.text("filepath");
    this.#monitorName = args.text("monitor", "val_loss");
    this.#verbose = args.flag("verbose", false);
    const bestOnly = args.flag("save_best_only", false);
    this.#weightsOnly = args.flag("save_weights_only", false);
    const mode = args.oneOf("mode", ["auto", "min", "max"]);
    this.#frequency = args.frequency("save_freq");
    const threshold = args.optionalNumber("initial_value_threshold");
    args.close();
    if (!this.#path.endsWith(".safetensors")) {
      throw new TrainingError(
        `ModelCheckpoint: filepath must end in ".safetensors", not "${this.#path}"`,
        "weights and checkpoints are written in that format",
      );
    }
    this.#monitor = bestOnly ? new Monitor(this.name, this.#monitorName, mode, 0) : null;
    this.#best = threshold ?? this.#monitor?.worst ?? Number.NaN;
  }

  get files(): readonly string[] {
    return [this.#path];
  }

  batchesUntilCall(): number {
    return this.#frequency === "epoch" ? Infinity : this.#frequency - this.#batchesSinceSave;
  }

  async onBatchesRun(
    at: { readonly epoch: number; readonly batch: number; readonly ran: number },
    control: TrainingControl,
    logs: () => Promise<Logs>,
  ): Promise<void> {
    this.#batchesSinceSave += at.ran;
    if (this.#frequency === "epoch" || this.#batchesSinceSave < this.#frequency) return;
    this.#batchesSinceSave = 0;
    await this.#save(at.epoch, at.batch, await logs(), control);
  }

  async onEpochEnd(epoch: number, logs: Logs, control: TrainingControl): Promise<void> {
    if (this.#frequency === "epoch") await this.#save(epoch, null, logs, control);
  }

  state(): CallbackState {
    return { values: { best: this.#best, batchesSinceSave: this.#batchesSinceSave } };
  }

  restore({ values }: CallbackState): void {
    this.#best = Number(values.best);
    this.#batchesSinceSave = Number(values.batchesSinceSave);
  }

  async #save(
    epoch: number,
    batch: number | null,
    logs: Logs,
    control: TrainingControl,
  ): Promise<void> {
    const path = fillPathTemplate(this.#path, {
      epoch: epoch + 1,
      ...(batch === null ? {} : { batch: batch + 1 }),
      ...logs,
    });
    if (!this.#shouldSave(epoch, logs, path, control)) return;
    await control.save(path, this.#weightsOnly ? "weights" : "checkpoint");
    if (this.#verbose) control.message(`Epoch ${epoch + 1}: finished saving model to ${path}`);
  }

  #shouldSave(epoch: number, logs: Logs, path: string, control: TrainingControl): boolean {
    const report = (text: string) => {
      if (this.#verbose) control.message(`Epoch ${epoch + 1}: ${text}`);
    };
    if (this.#monitor === null) {
      report(`saving model to ${path}`);
      return true;
    }
    const current = logs[this.#monitorName];
    if (current === undefined) {
      control.warn(
        `ModelCheckpoint can save the best model only with ${this.#monitorName} available`,
      );
      return true;
    }
    const before = this.#best.toFixed(5);
    if (!this.#monitor.improves(current, this.#best)) {
      report(`${this.#monitorName} did not improve from ${before}`);
      return false;
    }
    report(
      `${this.#monitorName} improved from ${before} to ${current.toFixed(5)}, saving model to ${path}`,
    );
    this.#best = current;
    return true;
  }
}
