/**
 * Keeps the whole run in a folder and, when training is started again after it broke off, goes on from there: Keras 3
 * `callbacks/backup_and_restore.py`. The file is a checkpoint, so what is restored goes on with the same bits.
 */

import type { CallbackSpec } from "../../plan.ts";
import { CallbackArguments } from "./arguments.ts";
import type { Callback, CallbackState, Logs, TrainingControl } from "./callback.ts";

export class BackupAndRestore implements Callback {
  readonly name = "BackupAndRestore";
  /** The newest backup first. */
  readonly backups: readonly string[];
  readonly #frequency: "epoch" | number;
  readonly #keepsTwo: boolean;
  readonly #deletes: boolean;
  #batchesSinceSave = 0;

  constructor(spec: CallbackSpec) {
    const args = new CallbackArguments(spec);
    const folder = args.text("backup_dir").replace(/\/$/, "");
    this.#frequency = args.frequency("save_freq");
    this.#keepsTwo = args.flag("double_checkpoint", false);
    this.#deletes = args.flag("delete_checkpoint", true);
    args.close();
    const names = this.#keepsTwo ? ["latest", "previous"] : ["latest"];
    this.backups = names.map((name) => `${folder}/${name}.safetensors`);
  }

  batchesUntilCall(): number {
    return this.#frequency === "epoch" ? Infinity : this.#frequency - this.#batchesSinceSave;
  }

  async onBatchesRun(
    at: { readonly epoch: number; readonly batch: number; readonly ran: number },
    control: TrainingControl,
  ): Promise<void> {
    this.#batchesSinceSave += at.ran;
    if (this.#frequency === "epoch" || this.#batchesSinceSave < this.#frequency) return;
    this.#batchesSinceSave = 0;
    await this.#save(control);
  }

  async onEpochEnd(_epoch: number, _logs: Logs, control: TrainingControl): Promise<void> {
    if (this.#frequency === "epoch") await this.#save(control);
  }

  get files(): readonly string[] {
    return this.backups;
  }

  /** Files that nobody needs when training is over. */
  get obsolete(): readonly string[] {
    return this.#deletes ? this.backups : [];
  }

  state(): CallbackState {
    return { values: { batchesSinceSave: this.#batchesSinceSave } };
  }

  restore({ values }: CallbackState): void {
    this.#batchesSinceSave = Number(values.batchesSinceSave);
  }

  async #save(control: TrainingControl): Promise<void> {
    const [latest, previous] = this.backups as [string, string | undefined];
    const before = previous && (await control.storage.read(latest));
    if (previous !== undefined && before) await control.storage.write(previous, before);
    await control.save(latest, "checkpoint");
  }
}
