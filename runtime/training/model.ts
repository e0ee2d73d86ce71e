/**
 * A trainer as a typed module: what the class in a generated `trainer.ts` delegates to. Columns go in and outputs
 * come out by the names of the model; the generated class gives them their types.
 */

import type { Column } from "../data/column.ts";
import type { Device } from "../devices/device.ts";
import type { CallbackSpec, TrainerDefinition, TrainerPlan } from "../plan.ts";
import type { FileStorage } from "../storage/file-storage.ts";
import type { Callback } from "./callbacks/callback.ts";
import { type ColumnInput, columnFromInput } from "./column-input.ts";
import { TrainingError } from "./error.ts";
import type { OutputTensor } from "./evaluate.ts";
import type { History } from "./history.ts";
import { LineReporter, type TextSink } from "./report/line-reporter.ts";
import { type FitProgress, ProgressReporter } from "./report/progress-reporter.ts";
import { type Reporter, silentReporter } from "./report/reporter.ts";
import type { RunState } from "./run-state.ts";
import type { SelfTestResult } from "./self-test.ts";
import { formatSummary } from "./summary.ts";
import { Trainer } from "./trainer.ts";

/** An output of the model; `data` is row-major. */
export interface Tensor<Data = Float32Array> {
  readonly data: Data;
  readonly shape: readonly number[];
}

/** Keras' arguments of `fit`; what is left out is as in the model's train block. */
export interface FitOptions<Data> {
  readonly epochs?: number;
  readonly batchSize?: number;
  readonly shuffle?: boolean;
  /** The number of the first epoch; `epochs` is that after the last. */
  readonly initialEpoch?: number;
  /** Batches of an epoch, where that is not once through the rows; the next epoch goes on where it ends. */
  readonly stepsPerEpoch?: number;
  /** Batches to validate on, where that is not all of them. */
  readonly validationSteps?: number;
  /** Epochs from one validation to the next, or those after which there is one, counted from 1. */
  readonly validationFreq?: number | readonly number[];
  readonly learningRate?: number;
  /** Run-time numbers of the optimizer by name, `learning_rate` among them. */
  readonly hypers?: Readonly<Record<string, number>>;
  /** A share of the rows, taken from their end, or data of its own; null for none. */
  readonly validation?: number | Data | null;
  readonly callbacks?: readonly (CallbackSpec | Callback)[];
  /** Prints a line an epoch. */
  readonly verbose?: boolean;
  /** Gets what training has to say, instead of the console. */
  readonly reporter?: Reporter;
  /** Called several times a second while an epoch runs. */
  readonly onProgress?: (progress: FitProgress) => void;
  /** File to keep the run in, for the method `resume`: in the working folder, or among those of the browser's origin. */
  readonly checkpoint?: string;
  /** Write it within epochs too, every so many seconds; by default only between them. */
  readonly checkpointSeconds?: number;
  /** Pauses after the steps in flight: `fit` gives the history so far, and with `resume: true` goes on. */
  readonly signal?: AbortSignal;
  /** Goes on with the run that `signal` paused, with the same data, instead of beginning one. */
  readonly resume?: boolean;
  /** Trains even on a device that fails the self-test. */
  readonly force?: boolean;
}

export interface LoadOptions {
  /** Leaves out what the file does not have, or has with other shapes. */
  readonly skipMismatch?: boolean;
  readonly parts?: Readonly<Record<string, string>>;
}

export interface BatchOptions {
  readonly batchSize?: number;
}

/** Text comes as whole lines. */
const consoleLog: TextSink = { write: (text) => console.log(text.replace(/\n$/, "")) };
const consoleError: TextSink = { write: (text) => console.warn(text.replace(/\n$/, "")) };

type Columns = Readonly<Record<string, ColumnInput | undefined>>;

export class Model<Inputs, Data extends Inputs, Outputs, Metrics> {
  readonly #trainer: Trainer;

  private constructor(trainer: Trainer) {
    this.#trainer = trainer;
  }

  static async create<Inputs, Data extends Inputs, Outputs, Metrics>(
    definition: TrainerDefinition,
    device: Device,
    seed: number | undefined,
    storage: FileStorage,
  ): Promise<Model<Inputs, Data, Outputs, Metrics>> {
    return new Model(await Trainer.create(definition, device, seed, storage));
  }

  /** What the compiler decided: data, inputs, outputs, layers, metrics. */
  get plan(): TrainerPlan {
    return this.#trainer.plan;
  }

  /** Where training stands: epoch, batches and updates done, learning rate, history. While `fit` runs, where it began. */
  get state(): RunState {
    return this.#trainer.state;
  }

  /** What computes, for people: `webgpu, NVIDIA H200`. */
  get device(): string {
    return this.#trainer.runner.device.description;
  }

  async fit(data: Data, options: FitOptions<Data> = {}): Promise<History> {
    const { learningRate, hypers, validation, verbose, onProgress, ...rest } = options;
    for (const [name, value] of Object.entries(hypers ?? {})) this.#trainer.setHyper(name, value);
    if (learningRate !== undefined) this.#trainer.setHyper("learning_rate", learningRate);
    const told =
      options.reporter ?? (verbose ? new LineReporter(consoleLog, consoleError) : silentReporter);
    const reporter = onProgress === undefined ? told : new ProgressReporter(told, onProgress);
    const outcome = await this.#trainer.fit(this.#columns(data), {
      ...rest,
      validation: this.#validation(validation),
      reporter,
    });
    if (outcome.failure !== undefined) reporter.warn(outcome.failure);
    return outcome.state.history;
  }

  async evaluate(data: Data, { batchSize }: BatchOptions = {}): Promise<Metrics> {
    return (await this.#trainer.evaluate(this.#columns(data), batchSize)) as Metrics;
  }

  async predict(inputs: Inputs, { batchSize }: BatchOptions = {}): Promise<Outputs> {
    const outputs = await this.#trainer.predict(this.#columns(inputs), batchSize);
    const byName = outputs.map(({ name, data, shape }: OutputTensor) => [name, { data, shape }]);
    return Object.fromEntries(byName) as Outputs;
  }

  /** One update; gives the metrics of this batch. */
  async trainOnBatch(data: Data): Promise<Metrics> {
    return (await this.#trainer.trainOnBatch(this.#columns(data))) as Metrics;
  }

  async testOnBatch(data: Data): Promise<Metrics> {
    return (await this.#trainer.testOnBatch(this.#columns(data))) as Metrics;
  }

  summary(): string {
    return formatSummary(this.#trainer.plan);
  }

  /** Writes the weights as safetensors. */
  save(path: string): Promise<void> {
    return this.#trainer.save(path);
  }

  /**
   * Takes the weights of a weights file or a checkpoint; with `skipMismatch`, those that it has, as transfer learning
   * needs. `parts` says what parts of the model are called in the file: `{ "Mine/trunk": "Digits/encoder" }`.
   */
  async load(path: string, options: LoadOptions = {}): Promise<void> {
    const { parts, skipMismatch = parts !== undefined } = options;
    if (skipMismatch) await this.#trainer.loadMatching(path, parts);
    else await this.#trainer.load(path);
  }

  /** Takes everything from a checkpoint; the next `fit` goes on where that run stood. */
  resume(path: string): Promise<void> {
    return this.#trainer.resume(path);
  }

  /** The weights as the bytes of a safetensors file. */
  weights(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#trainer.weights();
  }

  /** Takes the weights of a weights file or a checkpoint, as `load` does. */
  async setWeights(bytes: Uint8Array, options: LoadOptions = {}): Promise<void> {
    const { parts, skipMismatch = parts !== undefined } = options;
    if (skipMismatch) await this.#trainer.setMatchingWeights(bytes, undefined, parts);
    else await this.#trainer.setWeights(bytes);
  }

  /** All that training needs to go on, as the bytes of a safetensors file. Not while `fit` runs: pause it first. */
  checkpoint(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#trainer.checkpoint();
  }

  /** Takes everything from a checkpoint's bytes; the next `fit` goes on where that run stood. */
  restore(bytes: Uint8Array): Promise<void> {
    return this.#trainer.restore(bytes);
  }

  /** Compares what the device computes with the figures of the compiler's interpreter; the model stays as it is. */
  selfTest(): Promise<SelfTestResult> {
    return this.#trainer.selfTest();
  }

  /** Frees the device. */
  dispose(): void {
    this.#trainer.dispose();
  }

  #validation(
    given: FitOptions<Data>["validation"],
  ): number | readonly Column[] | null | undefined {
    if (given === undefined) {
      // The validation block of the model's own data is not at hand here.
      return this.#trainer.plan.training?.validation === "block" ? null : undefined;
    }
    return given === null || typeof given === "number" ? given : this.#columns(given);
  }

  #columns(data: Inputs): readonly Column[] {
    const { plan } = this.#trainer;
    const given = data as Columns;
    for (const name of Object.keys(given)) {
      if (!plan.columns.some((column) => column.name === name)) {
        const known = plan.columns.map((column) => column.name).join(", ");
        throw new TrainingError(`model ${plan.model} has no column ${name}`, `it has ${known}`);
      }
    }
    return plan.columns.flatMap((column) => {
      const input = given[column.name];
      return input === undefined ? [] : [columnFromInput(column, input)];
    });
  }
}
