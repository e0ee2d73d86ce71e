/**
 * A trainer as a typed module: what the class in a generated `trainer.ts` delegates to. Columns go in and outputs
 * come out by the names of the model; the generated class gives them their types.
 */

import type { Column } from "../data/column.ts";
import type { Device } from "../devices/device.ts";
import type { TrainerDefinition, TrainerPlan } from "../plan.ts";
import type { FileStorage } from "../storage/file-storage.ts";
import { type ColumnInput, columnFromInput } from "./column-input.ts";
import { TrainingError } from "./error.ts";
import type { OutputTensor } from "./evaluate.ts";
import type { History } from "./history.ts";
import {
  type BatchOptions,
  batchOptionNames,
  checkOptions,
  type FitOptions,
  fitOptionNames,
  type LoadOptions,
  loadOptionNames,
} from "./model-options.ts";
import { LineReporter, type TextSink } from "./report/line-reporter.ts";
import { ProgressReporter } from "./report/progress-reporter.ts";
import { silentReporter } from "./report/reporter.ts";
import type { RunState } from "./run-state.ts";
import type { SelfTestResult } from "./self-test.ts";
import { formatSummary } from "./summary.ts";
import { Trainer } from "./trainer.ts";

/** An output of the model; `data` is row-major. */
export interface Tensor<Data = Float32Array> {
  readonly data: Data;
  readonly shape: readonly number[];
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
    checkOptions("fit", fitOptionNames, options);
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

  async evaluate(data: Data, options: BatchOptions = {}): Promise<Metrics> {
    checkOptions("evaluate", batchOptionNames, options);
    return (await this.#trainer.evaluate(this.#columns(data), options.batchSize)) as Metrics;
  }

  async predict(inputs: Inputs, options: BatchOptions = {}): Promise<Outputs> {
    checkOptions("predict", batchOptionNames, options);
    const outputs = await this.#trainer.predict(this.#columns(inputs), options.batchSize);
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
   * needs.
   */
  async load(path: string, options: LoadOptions = {}): Promise<void> {
    checkOptions("load", loadOptionNames, options);
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
    checkOptions("setWeights", loadOptionNames, options);
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
    if (typeof data !== "object" || data === null) {
      throw new TrainingError(
        `model ${plan.model} takes an object with its columns, found ${data}`,
        `give ${plan.inputs.join(", ")}, and what it learns from`,
      );
    }
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
