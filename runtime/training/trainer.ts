/**
 * A model with everything needed to train and use it: what a generated trainer and the command line are built on.
 * Methods and defaults are Keras'; data are columns by name.
 */

import { readFile } from "node:fs/promises";
import { writeFileAtomically } from "../data/atomic-write.ts";
import type { Column } from "../data/column.ts";
import { DataError, messageOf } from "../data/data-error.ts";
import type { Device } from "../devices/device.ts";
import type { CallbackSpec, TrainerDefinition, TrainerPlan, TrainingPlan } from "../plan.ts";
import type { Callback, Logs } from "./callbacks/callback.ts";
import { createCallbacks } from "./callbacks/create.ts";
import { decodeCheckpoint, decodeWeights, encodeWeights } from "./checkpoint.ts";
import { CheckpointWriter } from "./checkpoint-writer.ts";
import {
  allRows,
  createDataset,
  type Dataset,
  type Selection,
  splitRows,
  withWeights,
} from "./dataset.ts";
import { TrainingError } from "./error.ts";
import { evaluateRows, type OutputTensor, predictRows } from "./evaluate.ts";
import { type FitOutcome, trainEpochs } from "./fit.ts";
import { ModelRunner } from "./model-runner.ts";
import { type Reporter, silentReporter } from "./report/reporter.ts";
import { initialRunState, type RunState } from "./run-state.ts";
import { computeStatistics } from "./statistics.ts";

/** What `fit` takes; the train block of the model says what is left out. */
export interface TrainOptions {
  readonly epochs?: number | undefined;
  readonly batchSize?: number | undefined;
  readonly shuffle?: boolean | undefined;
  /** A share of the rows, taken from their end, or columns of its own; null for none. */
  readonly validation?: number | readonly Column[] | null | undefined;
  readonly callbacks?: readonly (CallbackSpec | Callback)[] | undefined;
  readonly reporter?: Reporter | undefined;
  /** File to keep the run in, so that it can be resumed. */
  readonly checkpoint?: string | undefined;
  /** Also save within epochs, after so many seconds; by default only between them. */
  readonly checkpointSeconds?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export class Trainer {
  readonly plan: TrainerPlan;
  readonly #runner: ModelRunner;
  readonly #writer: CheckpointWriter;
  #state: RunState;
  /** The state comes from a checkpoint whose run is to be gone on with. */
  #resumed = false;
  #statisticsKnown = false;

  private constructor(runner: ModelRunner, state: RunState) {
    this.plan = runner.plan;
    this.#runner = runner;
    this.#writer = new CheckpointWriter(runner);
    this.#state = state;
  }

  /** The model on a device, with its initial weights for the seed. */
  static async create(
    definition: TrainerDefinition,
    device: Device,
    seed = definition.plan.training?.seed ?? 0,
  ): Promise<Trainer> {
    const { plan } = definition;
    if (!Number.isSafeInteger(seed))
      throw new TrainingError(`the seed ${seed} is not a whole number`);
    const runner = new ModelRunner(definition, device);
    await runner.initialize(seed);
    const batchSize = plan.training?.batchSize ?? plan.batchMax;
    return new Trainer(runner, initialRunState(seed, batchSize, 0, plan.hypers));
  }

  get runner(): ModelRunner {
    return this.#runner;
  }

  /** Where training stands. */
  get state(): RunState {
    return this.#state;
  }

  /** Run-time numbers of the optimizer, such as `learning_rate`. */
  setHyper(name: string, value: number): void {
    if (this.#state.hypers[name] === undefined) {
      const known = Object.keys(this.#state.hypers).join(", ");
      throw new TrainingError(
        `model ${this.plan.model} has no ${name} that can change`,
        known === "" ? undefined : `it has ${known}`,
      );
    }
    this.#state = { ...this.#state, hypers: { ...this.#state.hypers, [name]: value } };
  }

  /** Trains, from where `resume` left off if that was called before. */
  async fit(columns: readonly Column[], options: TrainOptions = {}): Promise<FitOutcome> {
    const training = this.#training();
    const { validation = training.validation, reporter = silentReporter } = options;
    const { train: trained, validation: held } = divide(createDataset(columns), validation);
    const train = this.#withWeights(trained, "train");
    const validating = Array.isArray(validation)
      ? this.#selectForEvaluation(validation)
      : held && this.#withWeights(held, "evaluate");
    const batchSize = this.#checkBatchSize(options.batchSize ?? this.#state.batchSize);
    const epochs = checkCount("epochs", options.epochs ?? training.epochs, 0);
    const state = this.#startState(batchSize, train.rows.length);
    const callbacks = (options.callbacks ?? training.callbacks).flatMap((callback) =>
      "arguments" in callback ? createCallbacks([callback]) : [callback],
    );
    await this.#ensureStatistics(train, state);
    const { checkpoint, checkpointSeconds = Infinity } = options;
    const resumed = this.#resumed;
    this.#resumed = false;
    const outcome = await trainEpochs({
      runner: this.#runner,
      state,
      resumed,
      epochs,
      shuffle: options.shuffle ?? training.shuffle,
      train,
      validation: validating,
      callbacks,
      reporter,
      save: (path, content, at) => this.#writer.save(path, content, at),
      checkpoint:
        checkpoint === undefined ? null : { path: checkpoint, everySeconds: checkpointSeconds },
      signal: options.signal,
    }).finally(() => this.#writer.flush());
    this.#state = outcome.state;
    return outcome;
  }

  /** Metrics by name, `loss` first. */
  async evaluate(columns: readonly Column[], batchSize = this.#state.batchSize): Promise<Logs> {
    const selection = this.#selectForEvaluation(columns);
    return evaluateRows(this.#runner, selection, this.#checkBatchSize(batchSize), this.#state);
  }

  /** All outputs for all rows. */
  async predict(
    columns: readonly Column[],
    batchSize = this.plan.batchMax,
  ): Promise<readonly OutputTensor[]> {
    const selection = allRows(createDataset(columns));
    return predictRows(this.#runner, selection, this.#checkBatchSize(batchSize), this.#state);
  }

  /** One update on all rows given, at most `batchMax`; gives the metrics of this batch. */
  async trainOnBatch(columns: readonly Column[]): Promise<Logs> {
    const dataset = withWeights(
      createDataset(columns),
      this.plan.columns,
      this.#training(),
      "train",
    );
    const selection = allRows(dataset);
    const { rows } = selection;
    this.#checkBatchSize(rows.length);
    await this.#ensureStatistics(selection, this.#state);
    await this.#runner.bind(dataset, ["train"]);
    await this.#runner.resetMetrics();
    const { t, batch } = this.#state;
    await this.#runner.run("train", rows, rows.length, { ...this.#state, t: t + 1 });
    this.#state = { ...this.#state, t: t + 1, batch: batch + 1 };
    return this.#runner.readMetrics();
  }

  /** Metrics of all rows given, at most `batchMax`. */
  async testOnBatch(columns: readonly Column[]): Promise<Logs> {
    const selection = this.#selectForEvaluation(columns);
    const { length } = selection.rows;
    return evaluateRows(this.#runner, selection, this.#checkBatchSize(length), this.#state);
  }

  /** Writes the weights: params and layer states, as safetensors. */
  async save(path: string): Promise<void> {
    await writeFileAtomically(path, encodeWeights(this.plan, await this.#runner.readWeights()));
  }

  /** Takes the weights of a weights file or a checkpoint. */
  async load(path: string): Promise<void> {
    const weights = decodeWeights(this.plan, await readBytes(path), path);
    await this.#runner.writeTensors(weights);
    this.#statisticsKnown = true;
  }

  /** Takes everything from a checkpoint; the next `fit` goes on where that run stood. */
  async resume(path: string): Promise<void> {
    const { state, tensors } = decodeCheckpoint(this.plan, await readBytes(path), path);
    await this.#runner.writeTensors(tensors);
    // The optimizer's numbers are the checkpoint's, as far as the model still has them.
    const hypers = Object.entries(this.plan.hypers).map(([name, value]) => {
      return [name, state.hypers[name] ?? value] as const;
    });
    this.#state = { ...state, hypers: Object.fromEntries(hypers) };
    this.#resumed = true;
    this.#statisticsKnown = true;
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

  /** A new run starts at epoch 0 with the counters of the ones before; a resumed one where it stood. */
  #startState(batchSize: number, trainingRows: number): RunState {
    const state = this.#state;
    if (!this.#resumed) {
      const earlierEpochs = state.earlierEpochs + state.epoch + (state.position > 0 ? 1 : 0);
      const { seed, hypers, t, batch } = state;
      return { ...initialRunState(seed, batchSize, trainingRows, hypers), earlierEpochs, t, batch };
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
    return { ...state, batchSize, trainingRows };
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

/** Rows to train on, and rows held back where validation is a share of them. */
function divide(
  dataset: Dataset,
  validation: TrainOptions["validation"] | TrainingPlan["validation"],
): { readonly train: Selection; readonly validation: Selection | null } {
  if (typeof validation === "number") return splitRows(dataset, validation);
  if (typeof validation === "object" && validation !== null && "fraction" in validation) {
    return splitRows(dataset, validation.fraction);
  }
  return { train: allRows(dataset), validation: null };
}

function checkCount(what: string, value: number, least: number): number {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new TrainingError(`${what} must be a whole number of at least ${least}, not ${value}`);
  }
  return value;
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new DataError(
      {
        file: path,
        expected: "weights or a checkpoint",
        found: messageOf(error),
        hint: "check the path",
      },
      { cause: error },
    );
  }
}
