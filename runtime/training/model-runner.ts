/**
 * A model on a device: runs its graphs over rows of data, many steps a call, and reads and writes its tensors.
 * It knows steps, not epochs.
 */

import { type Column, createArray, elementCount, type TensorData } from "../data/column.ts";
import { type Device, stepCount } from "../devices/device.ts";
import type {
  GraphPlan,
  PersistentTensor,
  StepCounters,
  TrainerDefinition,
  TrainerPlan,
} from "../plan.ts";
import type { Logs } from "./callbacks/callback.ts";
import { type TensorValues, weightTensors } from "./checkpoint.ts";
import type { Dataset } from "./dataset.ts";
import { TrainingError } from "./error.ts";

/** What steps depend on besides memory and rows. */
export interface StepContext extends StepCounters {
  readonly seed: number;
  readonly hypers: Readonly<Record<string, number>>;
  /** Counts what random numbers are drawn for; `batch` where that is not given. */
  readonly draw?: number;
}

/** Metrics' order and names are part of the model; their totals are tensors like others. */
export class ModelRunner {
  readonly plan: TrainerPlan;
  readonly device: Device;
  readonly #definition: TrainerDefinition;
  readonly #metricTensors: readonly PersistentTensor[];
  /** What metric totals start from. */
  #initialTotals: TensorValues = new Map();
  readonly #bound: (Column | undefined)[] = [];
  #scalars = new Float32Array(64);
  #turn: Promise<unknown> = Promise.resolve();

  constructor(definition: TrainerDefinition, device: Device) {
    this.#definition = definition;
    this.plan = definition.plan;
    this.device = device;
    this.#metricTensors = this.plan.tensors.filter(({ role }) => role === "metric");
  }

  /**
   * One action at a time, in the order of the calls: what binds columns, runs and reads has the device to itself, so
   * that a model may predict while it is trained. Within an action there must be no other.
   */
  exclusively<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(action);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  /** Fills all persistent tensors with their initial values; those without one are zero. */
  async initialize(seed: number): Promise<void> {
    const initial = this.#definition.initialize(seed);
    const values = this.plan.tensors.map(({ name, dtype, shape }) => {
      const given = initial[name];
      if (given !== undefined && dtype === "f32") return [name, given] as const;
      const value = createArray(dtype, elementCount(shape));
      if (given !== undefined) value.set(given);
      return [name, value] as const;
    });
    const tensors = new Map<string, TensorData>(values);
    this.#initialTotals = pick(tensors, this.#metricTensors);
    await this.writeTensors(tensors);
  }

  graph(name: string): GraphPlan {
    const graph = this.plan.graphs[name];
    if (graph === undefined) {
      throw new TrainingError(
        `model ${this.plan.model} cannot ${name}`,
        "it was compiled without a train block",
      );
    }
    return graph;
  }

  /** Hands the device the columns that the graphs read; others may be missing. */
  async bind(dataset: Dataset, graphs: readonly string[]): Promise<void> {
    const slots = new Set(graphs.flatMap((name) => this.graph(name).columns));
    for (const slot of slots) {
      const { name } = this.plan.columns[slot]!;
      const column = dataset.columns.get(name);
      if (column === undefined) throw new TrainingError(`the data has no column ${name}`);
      if (this.#bound[slot] === column) continue;
      await this.device.bindColumn(slot, column);
      this.#bound[slot] = column;
    }
  }

  /** Steps over `rows`, `batchSize` a step; the counters are those of the first step. */
  async run(
    name: string,
    rows: Int32Array,
    batchSize: number,
    { seed, hypers, t, batch, draw = batch }: StepContext,
  ): Promise<void> {
    const perStep = this.graph(name).scalars;
    const steps = stepCount({ rows, batchSize });
    if (this.#scalars.length < steps * perStep) {
      this.#scalars = new Float32Array(2 * steps * perStep);
    }
    for (let step = 0; perStep > 0 && step < steps; step++) {
      const counters = { t: t + step, batch: batch + step };
      this.#scalars.set(this.#definition.stepScalars(name, hypers, counters), step * perStep);
    }
    const scalars = this.#scalars.subarray(0, steps * perStep);
    await this.device.run({
      graph: name,
      rows,
      batchSize,
      scalars,
      seed: seed >>> 0,
      firstBatch: draw >>> 0,
    });
  }

  /** A schedule of the file: compiled as step scalars are, with the epoch for the batch. */
  schedule(name: string, epoch: number, learningRate: number): number {
    const hypers = { learning_rate: learningRate };
    const [value] = this.#definition.stepScalars(name, hypers, { t: 0, batch: epoch });
    if (value === undefined) throw new TrainingError(`model ${this.plan.model} has no ${name}`);
    return value;
  }

  async resetMetrics(): Promise<void> {
    await this.writeTensors(this.#initialTotals);
  }

  async readMetricTotals(): Promise<TensorValues> {
    return this.#read(this.#metricTensors);
  }

  /** Metrics over all steps since `resetMetrics`, `loss` first. */
  async readMetrics(): Promise<Logs> {
    const totals = await this.readMetricTotals();
    const values = this.#definition.readMetrics((path) => {
      const total = totals.get(path);
      if (!(total instanceof Float32Array)) throw new RangeError(`no metric total ${path}`);
      return total;
    });
    return Object.fromEntries(this.plan.metrics.map((name) => [name, values[name] ?? Number.NaN]));
  }

  /** A result of the last step, its rows beyond the batch included. */
  async readResult(graph: string, result: string): Promise<TensorData> {
    const index = this.graph(graph).results.findIndex(({ name }) => name === result);
    return this.device.readResult(graph, index);
  }

  /** Every persistent tensor: what a checkpoint holds. */
  async readTensors(): Promise<TensorValues> {
    return this.#read(this.plan.tensors);
  }

  /** Params and layer states. */
  async readWeights(): Promise<TensorValues> {
    return this.#read(weightTensors(this.plan));
  }

  async writeTensors(values: TensorValues): Promise<void> {
    for (const [name, value] of values) await this.device.write(name, value);
  }

  async #read(tensors: readonly PersistentTensor[]): Promise<TensorValues> {
    const values = tensors.map(async ({ name }) => [name, await this.device.read(name)] as const);
    return new Map(await Promise.all(values));
  }
}

function pick(values: TensorValues, tensors: readonly PersistentTensor[]): TensorValues {
  return new Map(tensors.map(({ name }) => [name, values.get(name)!]));
}
