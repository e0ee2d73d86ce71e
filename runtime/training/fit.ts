/**
 * The training loop: Keras' `fit`. What a run computes depends on its `RunState` and the tensors only, never on
 * time, on how many steps are handed to the device at once, or on whether it was interrupted and resumed.
 */

import type { FileStorage } from "../storage/file-storage.ts";
import type { Callback, Logs } from "./callbacks/callback.ts";
import { ChunkSizer } from "./chunking.ts";
import { FitControl } from "./control.ts";
import type { Selection } from "./dataset.ts";
import { EpochRows } from "./epoch-rows.ts";
import { evaluateRows } from "./evaluate.ts";
import { takeFinalValues } from "./final-values.ts";
import { appendEpoch } from "./history.ts";
import type { ModelRunner } from "./model-runner.ts";
import type { Reporter } from "./report/reporter.ts";
import type { RunState } from "./run-state.ts";
import { countedBatches, trainingGraphs, trainRows } from "./updates.ts";

export interface FitRequest {
  readonly runner: ModelRunner;
  readonly state: RunState;
  /** `state` comes from a checkpoint: callbacks take up theirs. */
  readonly resumed: boolean;
  readonly epochs: number;
  readonly shuffle: boolean;
  readonly stepsPerEpoch: number | undefined;
  readonly validationSteps: number | undefined;
  readonly validationFreq: number | readonly number[];
  readonly train: Selection;
  readonly validation: Selection | null;
  readonly callbacks: readonly Callback[];
  readonly reporter: Reporter;
  readonly storage: FileStorage;
  /** Writes a checkpoint, or weights alone, of the runner's tensors. */
  readonly save: (
    path: string,
    content: "weights" | "checkpoint",
    state: RunState,
  ) => Promise<void>;
  /** Where the run saves itself after each epoch, on interruption, and every so many seconds. */
  readonly checkpoint: { readonly path: string; readonly everySeconds: number } | null;
  /** Interrupts the run after the steps in flight. */
  readonly signal: AbortSignal | undefined;
}

export interface FitOutcome {
  readonly state: RunState;
  readonly end: "completed" | "interrupted" | "failed";
  /** Why it failed. */
  readonly failure: string | undefined;
  /** Of this run, without what it resumed from. */
  readonly updates: number;
  readonly samples: number;
  /** Spent in training steps, without validation, callbacks and saving. */
  readonly trainingSeconds: number;
}

export async function trainEpochs(request: FitRequest): Promise<FitOutcome> {
  const run = new FitRun(request);
  try {
    return await run.run();
  } finally {
    request.reporter.close();
  }
}

class FitRun {
  readonly #request: FitRequest;
  readonly #runner: ModelRunner;
  readonly #control: FitControl;
  readonly #sizer = new ChunkSizer();
  readonly #rows: EpochRows;
  #state: RunState;
  #warnedOfLoss = false;
  #samples = 0;
  #trainingSeconds = 0;
  #lastSave = performance.now();

  constructor(request: FitRequest) {
    this.#request = request;
    this.#runner = request.runner;
    this.#state = request.state;
    const { runner, storage, reporter, state } = request;
    this.#control = new FitControl(runner, storage, reporter, state.hypers);
    const { shuffle, stepsPerEpoch } = request;
    const { batchSize, seed } = state;
    this.#rows = new EpochRows({
      rows: request.train.rows,
      batchSize,
      shuffle,
      seed,
      stepsPerEpoch,
    });
  }

  async run(): Promise<FitOutcome> {
    const { callbacks, epochs, resumed, state } = this.#request;
    for (const callback of callbacks) await callback.onTrainBegin?.(this.#control);
    if (resumed) this.#restoreCallbacks();
    while (this.#state.epoch < epochs && !this.#state.stopped) {
      const interrupted = !(await this.#epoch());
      if (interrupted) {
        await this.#saveRun();
        return this.#outcome("interrupted", state);
      }
    }
    for (const callback of callbacks) await callback.onTrainEnd?.(this.#control);
    await this.#runner.exclusively(() => takeFinalValues(this.#runner));
    await this.#saveRun();
    return this.#outcome(this.#control.failure === undefined ? "completed" : "failed", state);
  }

  /** Gives false if it was interrupted, with the state as it has to be saved. */
  async #epoch(): Promise<boolean> {
    const { reporter, epochs, callbacks, signal } = this.#request;
    const { epoch } = this.#state;
    const { batches } = this.#rows;
    const started = performance.now();
    if (this.#state.position === 0) {
      await this.#runner.exclusively(() => this.#runner.resetMetrics());
      for (const callback of callbacks) await callback.onEpochBegin?.(epoch, this.#control);
    }
    reporter.epochBegin(epoch, epochs, batches);

    while (this.#state.position < batches && !this.#control.stopRequested) {
      if (signal?.aborted) return false;
      await this.#chunk(batches);
      const { checkpoint } = this.#request;
      const unsaved = (performance.now() - this.#lastSave) / 1000;
      if (checkpoint !== null && unsaved >= checkpoint.everySeconds) await this.#saveRun();
    }

    const logs = await this.#epochMetrics();
    if (logs === null) return false;
    for (const callback of callbacks) await callback.onEpochEnd?.(epoch, logs, this.#control);
    this.#state = {
      ...this.#state,
      epoch: epoch + 1,
      position: 0,
      hypers: this.#control.hypers,
      history: appendEpoch(this.#state.history, epoch, logs),
      stopped: this.#control.stopRequested,
    };
    const seconds = (performance.now() - started) / 1000;
    reporter.epochEnd({ epoch, epochs, batches, seconds, logs });
    await this.#saveRequested();
    if (this.#state.epoch < epochs && !this.#state.stopped) await this.#saveRun();
    return true;
  }

  /** Some steps of the epoch at once, up to where a callback wants to be called. */
  async #chunk(batches: number): Promise<void> {
    const { callbacks, reporter, train } = this.#request;
    const { epoch, position } = this.#state;
    const calls = callbacks.map((callback) => callback.batchesUntilCall?.() ?? Infinity);
    const contiguous = this.#rows.contiguous(this.#epochNumber, position);
    const limits = [this.#sizer.steps, batches - position, contiguous, ...calls];
    const steps = Math.max(1, Math.min(...limits));
    for (const [i, callback] of callbacks.entries()) {
      if (calls[i] === 1) await callback.onBatchBegin?.({ epoch, batch: position }, this.#control);
    }
    const watched = callbacks.some(({ watchesLoss }) => watchesLoss === true);
    let ran = steps;

    await this.#runner.exclusively(async () => {
      const before = watched ? await this.#runner.readTensors() : undefined;
      await this.#runner.bind(train.dataset, trainingGraphs(this.#runner.plan));
      await this.#steps(steps);
      if (!watched && this.#warnedOfLoss && !reporter.wantsProgress) return;
      const logs = await this.#runner.readMetrics();
      if (!Number.isFinite(logs.loss ?? 0)) {
        if (before !== undefined) ran = await this.#findNonFinite(before, position, steps);
        else this.#warnOfLoss(logs, position, steps);
      }
      reporter.progress(this.#state.position, logs, this.#samples / this.#trainingSeconds);
    });
    const at = { epoch, batch: this.#state.position - 1, ran };
    for (const callback of callbacks) {
      await callback.onBatchesRun?.(at, this.#control, () =>
        this.#runner.exclusively(() => this.#runner.readMetrics()),
      );
    }
    await this.#saveRequested();
  }

  /** Counts the epochs of earlier runs too: the order of the rows goes on where those ended. */
  get #epochNumber(): number {
    return this.#state.earlierEpochs + this.#state.epoch;
  }

  /** Of the epoch's training and validation; null if it was interrupted while it validated. */
  async #epochMetrics(): Promise<Logs | null> {
    const { validation, callbacks } = this.#request;
    const logs = await this.#runner.exclusively(() => this.#runner.readMetrics());
    if (validation === null || !this.#validates()) return logs;
    for (const callback of callbacks) await callback.onTestBegin?.(this.#control);
    const metrics = await this.#runner.exclusively(() => this.#validate(validation));
    for (const callback of callbacks) await callback.onTestEnd?.(this.#control);
    if (metrics === null) return null;
    for (const [name, value] of Object.entries(metrics)) logs[`val_${name}`] = value;
    return logs;
  }

  /** Whether this epoch ends with a validation. */
  #validates(): boolean {
    const { validationFreq } = this.#request;
    const epoch = this.#state.epoch + 1;
    if (typeof validationFreq === "number") return epoch % validationFreq === 0;
    return validationFreq.includes(epoch);
  }

  async #validate({ dataset, rows }: Selection): Promise<Logs | null> {
    const { signal, validationSteps = Infinity } = this.#request;
    const totals = await this.#runner.readMetricTotals();
    const context = { ...this.#state, hypers: this.#control.hypers };
    const { batchSize } = this.#state;
    const some = { dataset, rows: rows.subarray(0, batchSize * validationSteps) };
    const metrics = await evaluateRows(this.#runner, some, batchSize, context, signal);
    if (!signal?.aborted) return metrics;
    // Resumed, the epoch has all its batches behind it and validates again.
    await this.#runner.writeTensors(totals);
    return null;
  }

  async #steps(steps: number): Promise<void> {
    const { position, batchSize } = this.#state;
    const rows = this.#rows.slice(this.#epochNumber, position, steps);
    const start = performance.now();
    const state = { ...this.#state, hypers: this.#control.hypers };
    const counted = await trainRows(this.#runner, rows, batchSize, state);
    const milliseconds = performance.now() - start;
    this.#sizer.record(steps, milliseconds);
    this.#trainingSeconds += milliseconds / 1000;
    this.#samples += rows.length;
    this.#state = { ...this.#state, ...counted, position: position + steps };
  }

  /**
   * The loss went bad somewhere in the chunk: goes back to its start and repeats it batch by batch up to the first
   * bad one, so that a callback stops exactly there however long chunks are. Gives the batches that now count.
   */
  async #findNonFinite(
    before: ReadonlyMap<string, Float32Array | Int32Array | Uint8Array>,
    position: number,
    steps: number,
  ): Promise<number> {
    const { epoch } = this.#state;
    await this.#runner.writeTensors(before);
    const counted = countedBatches(this.#runner.plan, this.#state, -steps);
    this.#state = { ...this.#state, ...counted, position };
    for (let ran = 1; ran <= steps; ran++) {
      await this.#steps(1);
      const loss = (await this.#runner.readMetrics()).loss ?? 0;
      if (Number.isFinite(loss)) continue;
      const at = { epoch, batch: this.#state.position - 1, loss };
      for (const callback of this.#request.callbacks) callback.onNonFinite?.(at, this.#control);
      return ran;
    }
    return steps;
  }

  #warnOfLoss(logs: Logs, position: number, steps: number): void {
    if (this.#warnedOfLoss) return;
    this.#warnedOfLoss = true;
    const epoch = this.#state.epoch + 1;
    const where =
      steps === 1
        ? `in batch ${position + 1}`
        : `between batches ${position + 1} and ${position + steps}`;
    this.#request.reporter.warn(
      `the loss became ${logs.loss} ${where} of epoch ${epoch}; training goes on ` +
        "(the callback TerminateOnNaN would stop it)",
    );
  }

  #restoreCallbacks(): void {
    const { callbacks, reporter, state } = this.#request;
    const names = state.callbacks.map(({ name }) => name).join();
    if (names !== callbacks.map(({ name }) => name).join()) {
      reporter.warn("the callbacks changed since the checkpoint was written: they start afresh");
      return;
    }
    for (const [index, callback] of callbacks.entries()) {
      const kept = state.callbacks[index]?.state;
      if (kept) callback.restore?.(kept);
    }
  }

  /** The state as of now, with what the callbacks want kept. */
  #currentState(): RunState {
    const callbacks = this.#request.callbacks.map((callback) => ({
      name: callback.name,
      state: callback.state?.() ?? null,
    }));
    const stopped = this.#state.stopped || this.#control.stopRequested;
    return { ...this.#state, hypers: this.#control.hypers, callbacks, stopped };
  }

  /** Checkpoints that callbacks asked for are written when all of them have seen the epoch. */
  async #saveRequested(): Promise<void> {
    for (const { path, content } of this.#control.takeSaves()) {
      await this.#request.save(path, content, this.#currentState());
    }
  }

  async #saveRun(): Promise<void> {
    const { checkpoint, save } = this.#request;
    if (checkpoint === null) return;
    await save(checkpoint.path, "checkpoint", this.#currentState());
    this.#lastSave = performance.now();
  }

  #outcome(end: FitOutcome["end"], from: RunState): FitOutcome {
    return {
      state: this.#currentState(),
      end,
      failure: this.#control.failure,
      updates: this.#state.t - from.t,
      samples: this.#samples,
      trainingSeconds: this.#trainingSeconds,
    };
  }
}
