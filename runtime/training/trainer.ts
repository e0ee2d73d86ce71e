/**
 * A model with everything needed to train and use it: what a generated trainer and the command line are built on.
 * Methods and defaults are Keras'; data are columns by name.
 */

import type { Column } from "../data/column.ts";
import { DataError } from "../data/data-error.ts";
import type { Device } from "../devices/device.ts";
import type { TrainerDefinition, TrainerPlan, TrainingPlan } from "../plan.ts";
import { type FileStorage, noStorage } from "../storage/file-storage.ts";
import type { Callback, Logs } from "./callbacks/callback.ts";
import { createCallbacks } from "./callbacks/create.ts";
import {
  decodeCheckpoint,
  decodeMatchingWeights,
  decodeWeights,
  encodeCheckpoint,
  encodeWeights,
} from "./checkpoint.ts";
import { CheckpointWriter } from "./checkpoint-writer.ts";
import { learningRates } from "./control.ts";
import { allRows, createDataset, type Selection, withWeights } from "./dataset.ts";
import { TrainingError } from "./error.ts";
import { evaluateRows, type OutputTensor, predictRows } from "./evaluate.ts";
import { beginFinalValues } from "./final-values.ts";
import { type FitOutcome, trainEpochs } from "./fit.ts";
import { ModelRunner } from "./model-runner.ts";
import { type Reporter, silentReporter } from "./report/reporter.ts";
import { initialRunState, outdatedNumbers, type RunState } from "./run-state.ts";
import { requireSelfTest, runSelfTest, type SelfTestResult } from "./self-test.ts";
import { computeStatistics } from "./statistics.ts";
import { checkCount, divide, optionalCount, type TrainOptions } from "./train-options.ts";
import { trainingGraphs, trainRows } from "./updates.ts";

export class Trainer {
  readonly plan: TrainerPlan;
  readonly #runner: ModelRunner;
  readonly #storage: FileStorage;
  readonly #writer: CheckpointWriter;
  #state: RunState;
  /** The state comes from a checkpoint whose run is to be gone on with. */
  #resumed = false;
  /** The state is that of a run that was interrupted here. */
  #interrupted = false;
  #fitting = false;
  #statisticsKnown = false;
  #deviceTested = false;

  private constructor(runner: ModelRunner, storage: FileStorage, state: RunState) {
    this.plan = runner.plan;
    this.#runner = runner;
    this.#storage = storage;
    this.#writer = new CheckpointWriter(runner, storage);
    this.#state = state;
  }

  /** The model on a device, with its initial weights for the seed; its files are those of `storage`. */
  static async create(
    definition: TrainerDefinition,
    device: Device,
    seed = definition.plan.training?.seed ?? 0,
    storage: FileStorage = noStorage,
  ): Promise<Trainer> {
    const { plan } = definition;
    if (!Number.isSafeInteger(seed))
      throw new TrainingError(`the seed ${seed} is not a whole number`);
    const runner = new ModelRunner(definition, device);
    await runner.initialize(seed);
    const batchSize = plan.training?.batchSize ?? plan.batchMax;
    return new Trainer(runner, storage, initialRunState(seed, batchSize, 0, plan.hypers));
  }

  get runner(): ModelRunner {
    return this.#runner;
  }

  /** Where training stands. */
  get state(): RunState {
    return this.#state;
  }

  /** Run-time numbers of the optimizer, such as `learning_rate`, which stands for those of all optimizers. */
  setHyper(name: string, value: number): void {
    const rates = learningRates(this.#state.hypers);
    if (name === "learning_rate" && rates.length > 0) {
      for (const rate of rates) this.#setHyper(rate, value);
    } else this.#setHyper(name, value);
  }

  #setHyper(name: string, value: number): void {
    if (this.#state.hypers[name] === undefined) {
      const known = Object.keys(this.#state.hypers).join(", ");
      throw new TrainingError(
        `model ${this.plan.model} has no ${name} that can change`,
        known === "" ? undefined : `it has ${known}`,
      );
    }
    const { hypers, planned } = this.#state;
    const { [name]: _, ...others } = planned;
    this.#state = { ...this.#state, hypers: { ...hypers, [name]: value }, planned: others };
  }

  /** Trains, from where `resume` left off if that was called before. */
  async fit(columns: readonly Column[], options: TrainOptions = {}): Promise<FitOutcome> {
    this.#checkIdle("fit");
    this.#fitting = true;
    try {
      return await this.#fit(columns, options);
    } finally {
      this.#fitting = false;
    }
  }

  async #fit(columns: readonly Column[], options: TrainOptions): Promise<FitOutcome> {
    if (options.resume === true && this.#interrupted) this.#resumed = true;
    const training = this.#training();
    const { validation = training.validation, reporter = silentReporter } = options;
    const { train: trained, validation: held } = divide(createDataset(columns), validation);
    const train = this.#withWeights(trained, "train");
    const validating = Array.isArray(validation)
      ? this.#selectForEvaluation(validation)
      : held && this.#withWeights(held, "evaluate");
    const batchSize = this.#checkBatchSize(options.batchSize ?? this.#state.batchSize);
    const epochs = checkCount("epochs", options.epochs ?? training.epochs, 0);
    const callbacks = (options.callbacks ?? training.callbacks).flatMap((callback) =>
      "arguments" in callback ? createCallbacks([callback]) : [callback],
    );
    const { checkpoint, checkpointSeconds = Infinity } = options;
    const files = callbacks.flatMap((callback) => callback.files ?? []);
    for (const path of checkpoint === undefined ? files : [checkpoint, ...files]) {
      await this.#storage.checkWritable(path);
    }
    if (!this.#resumed) await this.#restoreBackup(callbacks, reporter);
    const initialEpoch = options.initialEpoch ?? training.initialEpoch ?? 0;
    const outdated = this.#resumed ? outdatedNumbers(this.#state, this.plan.hypers) : [];
    for (const warning of outdated) reporter.warn(warning);
    const state = this.#startState(batchSize, train.rows.length, initialEpoch);
    await this.#testDevice(reporter, options.force === true);
    await this.#runner.exclusively(async () => {
      await this.#ensureStatistics(train, state);
      if (state.t === 0) await beginFinalValues(this.#runner);
    });
    const resumed = this.#resumed;
    this.#resumed = false;
    this.#interrupted = false;
    const outcome = await trainEpochs({
      runner: this.#runner,
      state,
      resumed,
      epochs,
      shuffle: options.shuffle ?? training.shuffle,
      stepsPerEpoch: optionalCount(
        "steps per epoch",
        options.stepsPerEpoch ?? training.stepsPerEpoch,
      ),
      validationSteps: optionalCount(
        "validation steps",
        options.validationSteps ?? training.validationSteps,
      ),
      validationFreq: options.validationFreq ?? training.validationFreq ?? 1,
      train,
      validation: validating,
      callbacks,
      reporter,
      storage: this.#storage,
      save: (path, content, at) => this.#writer.save(path, content, at),
      checkpoint:
        checkpoint === undefined ? null : { path: checkpoint, everySeconds: checkpointSeconds },
      signal: options.signal,
    }).finally(() => this.#writer.flush());
    this.#state = outcome.state;
    this.#interrupted = outcome.end === "interrupted";
    if (!this.#interrupted) {
      const obsolete = callbacks.flatMap((callback) => callback.obsolete ?? []);
      for (const path of obsolete) await this.#storage.remove(path);
    }
    return outcome;
  }

  /** Metrics by name, `loss` first. */
  async evaluate(columns: readonly Column[], batchSize = this.#state.batchSize): Promise<Logs> {
    return this.#evaluate(this.#selectForEvaluation(columns), this.#checkBatchSize(batchSize));
  }

  /** All outputs for all rows. */
  async predict(
    columns: readonly Column[],
    batchSize = this.plan.batchMax,
  ): Promise<readonly OutputTensor[]> {
    const selection = allRows(createDataset(columns));
    const rows = this.#checkBatchSize(batchSize);
    return this.#runner.exclusively(() => predictRows(this.#runner, selection, rows, this.#state));
  }

  /** One update on all rows given, at most `batchMax`; gives the metrics of this batch. */
  async trainOnBatch(columns: readonly Column[]): Promise<Logs> {
    this.#checkIdle("trainOnBatch");
    const dataset = withWeights(
      createDataset(columns),
      this.plan.columns,
      this.#training(),
      "train",
    );
    const selection = allRows(dataset);
    const { rows } = selection;
    this.#checkBatchSize(rows.length);
    return this.#runner.exclusively(async () => {
      await this.#ensureStatistics(selection, this.#state);
      if (this.#state.t === 0) await beginFinalValues(this.#runner);
      await this.#runner.bind(dataset, trainingGraphs(this.plan));
      await this.#runner.resetMetrics();
      const counted = await trainRows(this.#runner, rows, rows.length, this.#state);
      this.#state = { ...this.#state, ...counted };
      return this.#runner.readMetrics();
    });
  }

  /** Metrics of all rows given, at most `batchMax`. */
  async testOnBatch(columns: readonly Column[]): Promise<Logs> {
    const selection = this.#selectForEvaluation(columns);
    const { length } = selection.rows;
    return this.#evaluate(selection, this.#checkBatchSize(length));
  }

  /** The weights: params and layer states, as the bytes of a safetensors file. */
  weights(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#runner.exclusively(async () =>
      encodeWeights(this.plan, await this.#runner.readWeights()),
    );
  }

  /**
   * Takes of a weights file or a checkpoint what there is of the model's weights, by path and shape, as Keras'
   * `load_weights` with `skip_mismatch`. `parts` says what parts of the model are called in the file.
   * @throws DataError if there is nothing.
   */
  async setMatchingWeights(
    bytes: Uint8Array,
    file = "weights",
    parts: Readonly<Record<string, string>> = {},
  ): Promise<readonly string[]> {
    this.#checkIdle("setMatchingWeights");
    const found = await decodeMatchingWeights(this.plan, bytes, file, parts);
    await this.#runner.writeTensors(found);
    return [...found.keys()];
  }

  /** Takes the weights of a weights file or a checkpoint, which messages call `file`. */
  async setWeights(bytes: Uint8Array, file = "weights"): Promise<void> {
    this.#checkIdle("setWeights");
    await this.#runner.writeTensors(await decodeWeights(this.plan, bytes, file));
    this.#statisticsKnown = true;
  }

  /** All that training needs to go on, as the bytes of a safetensors file. Not while `fit` runs. */
  async checkpoint(): Promise<Uint8Array<ArrayBuffer>> {
    this.#checkIdle("checkpoint");
    const tensors = await this.#runner.exclusively(() => this.#runner.readTensors());
    return encodeCheckpoint(this.plan, { state: this.#state, tensors });
  }

  /** Takes everything from a checkpoint; the next `fit` goes on where that run stood. */
  async restore(bytes: Uint8Array, file = "checkpoint"): Promise<void> {
    this.#checkIdle("restore");
    await this.#restore(bytes, file);
  }

  async #restore(bytes: Uint8Array, file: string): Promise<void> {
    const { state, tensors } = await decodeCheckpoint(this.plan, bytes, file);
    await this.#runner.writeTensors(tensors);
    // The optimizer's numbers are the checkpoint's, as far as the model still has them.
    const hypers = Object.entries(this.plan.hypers).map(([name, value]) => {
      return [name, state.hypers[name] ?? value] as const;
    });
    this.#state = { ...state, hypers: Object.fromEntries(hypers) };
    this.#resumed = true;
    this.#statisticsKnown = true;
  }

  /** Writes the weights to a file. */
  async save(path: string): Promise<void> {
    await this.#storage.write(path, await this.weights());
  }

  /** Takes the weights of a weights file or a checkpoint. */
  async load(path: string): Promise<void> {
    await this.setWeights(await this.#read(path), path);
  }

  /** Takes of a file what there is of the model's weights; gives their paths. */
  async loadMatching(
    path: string,
    parts: Readonly<Record<string, string>> = {},
  ): Promise<readonly string[]> {
    return this.setMatchingWeights(await this.#read(path), path, parts);
  }

  /** Takes everything from a checkpoint's file; the next `fit` goes on where that run stood. */
  async resume(path: string): Promise<void> {
    await this.restore(await this.#read(path), path);
  }

  /** Compares the device with the reference interpreter; the model stays as it is. */
  async selfTest(): Promise<SelfTestResult> {
    return this.#runner.exclusively(async () => {
      const tensors = await this.#runner.readTensors();
      try {
        const result = await runSelfTest(this.#runner);
        this.#deviceTested = result.deviations.length === 0;
        return result;
      } finally {
        await this.#runner.writeTensors(tensors);
      }
    });
  }

  /** Frees the device. */
  dispose(): void {
    this.#runner.device.dispose();
  }

  /** Statistics are those of the first rows that the model is trained on; weights that are loaded bring theirs. */
  async #ensureStatistics(rows: Selection, state: RunState): Promise<void> {
    if (this.#statisticsKnown) return;
    await computeStatistics(this.#runner, rows, { ...state, batch: 0 });
    this.#statisticsKnown = true;
  }

  /** Goes on from a backup that a callback made of a run which broke off; a damaged one gives way to the one before. */
  async #restoreBackup(callbacks: readonly Callback[], reporter: Reporter): Promise<void> {
    for (const path of callbacks.flatMap((callback) => callback.backups ?? [])) {
      const bytes = await this.#storage.read(path);
      if (bytes === undefined) continue;
      try {
        await this.#restore(bytes, path);
        reporter.message(`goes on from ${path}`);
        return;
      } catch (error) {
        if (!(error instanceof DataError)) throw error;
        reporter.warn(error.message);
      }
    }
  }

  /** A new run starts at epoch 0 with the counters of the ones before; a resumed one where it stood. */
  #startState(batchSize: number, trainingRows: number, initialEpoch: number): RunState {
    const state = this.#state;
    if (!this.#resumed) {
      const earlierEpochs = state.earlierEpochs + state.epoch + (state.position > 0 ? 1 : 0);
      const { seed, hypers, planned, t, updates, batch } = state;
      const fresh = initialRunState(seed, batchSize, trainingRows, hypers);
      checkCount("the initial epoch", initialEpoch, 0);
      // The rows' order goes on as if the epochs before the initial one were those of earlier runs.
      const before = Math.max(0, earlierEpochs - initialEpoch);
      return { ...fresh, planned, epoch: initialEpoch, earlierEpochs: before, t, updates, batch };
    }
    if (
      state.position > 0 &&
      (state.batchSize !== batchSize || state.trainingRows !== trainingRows)
    ) {
      throw new TrainingError(
        `the checkpoint stands within an epoch of ${state.trainingRows} rows in batches of ` +
          `${state.batchSize}, but the run has ${trainingRows} rows in batches of ${batchSize}`,
        "resume with the same data and batch size",
      );
    }
    const planned = Object.entries(this.plan.hypers).filter(([name]) => name in state.planned);
    return { ...state, batchSize, trainingRows, planned: Object.fromEntries(planned) };
  }

  /** The totals of an epoch under way, or paused in, are the epoch's: evaluation leaves them alone. */
  #evaluate(selection: Selection, batchSize: number): Promise<Logs> {
    return this.#runner.exclusively(async () => {
      const isWithinEpoch = this.#fitting || this.#state.position > 0;
      const totals = isWithinEpoch ? await this.#runner.readMetricTotals() : undefined;
      const metrics = await evaluateRows(this.#runner, selection, batchSize, this.#state);
      if (totals !== undefined) await this.#runner.writeTensors(totals);
      return metrics;
    });
  }

  /**
   * A driver that nobody tested may compute wrongly and say nothing, so the first `fit` on a GPU begins with the
   * self-test. Kernels for the CPU come from a C compiler, on the machine where they were built.
   */
  async #testDevice(reporter: Reporter, force: boolean): Promise<void> {
    if (this.#deviceTested || this.plan.target === "cpu" || this.plan.selfTest === null) return;
    requireSelfTest(this.#runner.device, await this.selfTest(), force ? reporter : null);
    this.#deviceTested = true;
  }

  #checkIdle(what: string): void {
    if (!this.#fitting) return;
    throw new TrainingError(
      `${what} was called while fit runs`,
      "end it with its signal first; fit with `resume: true` goes on",
    );
  }

  async #read(path: string): Promise<Uint8Array> {
    const bytes = await this.#storage.read(path);
    if (bytes !== undefined) return bytes;
    throw new DataError({
      file: path,
      expected: "weights or a checkpoint",
      found: "no such file",
      hint: "check the path",
    });
  }

  #training(): TrainingPlan {
    if (this.plan.training === null) {
      throw new TrainingError(
        `model ${this.plan.model} has no train block, so it cannot be trained`,
      );
    }
    return this.plan.training;
  }

  #selectForEvaluation(columns: readonly Column[]): Selection {
    return this.#withWeights(allRows(createDataset(columns)), "evaluate");
  }

  #withWeights({ dataset, rows }: Selection, use: "train" | "evaluate"): Selection {
    return { dataset: withWeights(dataset, this.plan.columns, this.#training(), use), rows };
  }

  #checkBatchSize(batchSize: number): number {
    checkCount("the batch size", batchSize, 1);
    if (batchSize > this.plan.batchMax) {
      throw new TrainingError(
        `a batch of ${batchSize} rows is more than the ${this.plan.batchMax} the trainer was built for`,
        "build it again with a larger batch_size",
      );
    }
    return batchSize;
  }
}
