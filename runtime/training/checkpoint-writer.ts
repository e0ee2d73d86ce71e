/**
 * Writes checkpoints while training goes on: tensors are copied when `save` is called, the file is written behind.
 * One file at a time, in the order asked for; an error is thrown by the next `save`, or by `flush`.
 */

import type { FileStorage } from "../storage/file-storage.ts";
import { encodeCheckpoint, encodeWeights } from "./checkpoint.ts";
import type { ModelRunner } from "./model-runner.ts";
import type { RunState } from "./run-state.ts";

export class CheckpointWriter {
  readonly #runner: ModelRunner;
  readonly #storage: FileStorage;
  #pending: Promise<void> = Promise.resolve();
  #error: unknown;

  constructor(runner: ModelRunner, storage: FileStorage) {
    this.#runner = runner;
    this.#storage = storage;
  }

  async save(path: string, content: "weights" | "checkpoint", state: RunState): Promise<void> {
    const { plan } = this.#runner;
    const bytes = await this.#runner.exclusively(async () =>
      content === "weights"
        ? encodeWeights(plan, await this.#runner.readWeights())
        : encodeCheckpoint(plan, { state, tensors: await this.#runner.readTensors() }),
    );
    await this.flush();
    this.#pending = this.#storage.write(path, bytes).catch((error: unknown) => {
      this.#error = error;
    });
  }

  /** Waits for the file under way. */
  async flush(): Promise<void> {
    await this.#pending;
    const error = this.#error;
    this.#error = undefined;
    if (error !== undefined) throw error;
  }
}
