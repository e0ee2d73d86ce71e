/**
 * A trainer as a typed module: what the class in a generated `trainer.ts` delegates to. Columns go in and outputs
 * come out by the names of the model; the generated class gives them their types.
 */

import { availableParallelism } from "node:os";
import type { Column } from "../data/column.ts";
import type { Device } from "../devices/device.ts";
import type { CallbackSpec, TrainerDefinition } from "../plan.ts";
import type { Callback } from "./callbacks/callback.ts";
import { type ColumnInput, columnFromInput } from "./column-input.ts";
import { TrainingError } from "./error.ts";
import type { OutputTensor } from "./evaluate.ts";
import type { History } from "./history.ts";
import { LineReporter } from "./report/line-reporter.ts";
import { silentReporter } from "./report/reporter.ts";
import { formatSummary } from "./summary.ts";
import { Trainer } from "./trainer.ts";

/** An output of the model; `data` is row-major. */
export interface Tensor<Data = Float32Array> {
  readonly data: Data;
  readonly shape: readonly number[];
}

export interface CreateOptions {
  /** There is one device so far; `auto` takes the best one. */
  readonly device?: "auto" | "cpu";
  /** Of initial weights, shuffling and dropout. */
  readonly seed?: number;
  /** All cores by default. */
  readonly threads?: number;
}

/** Keras' arguments of `fit`; what is left out is as in the model's train block. */
export interface FitOptions<Data> {
  readonly epochs?: number;
  readonly batchSize?: number;
  readonly shuffle?: boolean;
  readonly learningRate?: number;
  /** A share of the rows, taken from their end, or data of its own; null for none. */
  readonly validation?: number | Data | null;
  readonly callbacks?: readonly (CallbackSpec | Callback)[];
  /** Prints a line an epoch. */
  readonly verbose?: boolean;
  /** File to keep the run in, for `resume`. */
  readonly checkpoint?: string;
  /** Ends training after the steps in flight. */
  readonly signal?: AbortSignal;
}

export interface BatchOptions {
  readonly batchSize?: number;
}

type Columns = Readonly<Record<string, ColumnInput | undefined>>;

export class Model<Inputs, Data extends Inputs, Outputs, Metrics> {
  readonly #trainer: Trainer;

  private constructor(trainer: Trainer) {
    this.#trainer = trainer;
  }

  static async create<Inputs, Data extends Inputs, Outputs, Metrics>(
    definition: TrainerDefinition,
    openDevice: (threads: number) => Promise<Device>,
    { seed, threads }: CreateOptions,
  ): Promise<Model<Inputs, Data, Outputs, Metrics>> {
    const device = await openDevice(threads ?? availableParallelism());
    return new Model(await Trainer.create(definition, device, seed));
  }

  async fit(data: Data, options: FitOptions<Data> = {}): Promise<History> {
    const { learningRate, validation, verbose, ...rest } = options;
    if (learningRate !== undefined) this.#trainer.setHyper("learning_rate", learningRate);
    const reporter = verbose ? new LineReporter(process.stdout, process.stderr) : silentReporter;
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

  /** Takes the weights of a weights file or a checkpoint. */
  load(path: string): Promise<void> {
    return this.#trainer.load(path);
  }

  /** Takes everything from a checkpoint; the next `fit` goes on where that run stood. */
  resume(path: string): Promise<void> {
    return this.#trainer.resume(path);
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
