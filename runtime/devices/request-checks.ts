/**
 * What every device refuses, and in which words: names that the plan does not have, data of another type or size,
 * rows that are not there. Behind these checks are memory and kernels that trust what they get.
 */

import { type Column, createArray, elementCount, holds, type TensorData } from "../data/column.ts";
import type { GraphPlan, PersistentTensor, TensorPlan, TrainerPlan } from "../plan.ts";
import { type RunRequest, stepCount } from "./device.ts";

const maximalUint32 = 2 ** 32 - 1;

/** All methods throw a RangeError that says what is wrong. */
export class RequestChecks {
  readonly #plan: TrainerPlan;
  readonly #tensors: ReadonlyMap<string, PersistentTensor>;

  constructor(plan: TrainerPlan) {
    this.#plan = plan;
    this.#tensors = new Map(plan.tensors.map((tensor) => [tensor.name, tensor]));
  }

  graph(name: string): GraphPlan {
    const graph = Object.hasOwn(this.#plan.graphs, name) ? this.#plan.graphs[name] : undefined;
    if (graph === undefined) throw new RangeError(`the model was built without the graph ${name}`);
    return graph;
  }

  tensor(name: string): PersistentTensor {
    const tensor = this.#tensors.get(name);
    if (tensor === undefined) throw new RangeError(`the model has no tensor ${name}`);
    return tensor;
  }

  result(graph: string, index: number): TensorPlan {
    const result = this.graph(graph).results[index];
    if (result === undefined) throw new RangeError(`graph ${graph} has no result ${index}`);
    return result;
  }

  checkColumn(slot: number, column: Column): void {
    const plan = this.#plan.columns[slot];
    if (plan === undefined) throw new RangeError(`no column slot ${slot}`);
    const sameShape = `${column.shape}` === `${plan.shape}`;
    if (column.dtype !== plan.dtype || !sameShape || !holds(plan.dtype, column.data)) {
      throw new RangeError(
        `column ${plan.name} is ${plan.dtype}[${plan.shape}], not ${column.dtype}[${column.shape}]`,
      );
    }
    if (column.data.length !== column.rows * elementCount(column.shape)) {
      throw new RangeError(`column ${plan.name} has not the data of ${column.rows} rows`);
    }
  }

  checkData({ name, dtype, shape }: TensorPlan, data: TensorData): void {
    const length = elementCount(shape);
    if (data.length === length && holds(dtype, data)) return;
    throw new RangeError(
      `tensor ${name} takes a ${createArray(dtype, 0).constructor.name} of ${length} elements, ` +
        `not a ${data.constructor.name} of ${data.length}`,
    );
  }

  /** Gives the graph to run. `boundRows`: the rows of the column bound to each slot. */
  checkRun(request: RunRequest, boundRows: readonly (number | undefined)[]): GraphPlan {
    const graph = this.graph(request.graph);
    const { rows, batchSize, scalars, seed, firstBatch } = request;
    if (!isCount(batchSize, 1, this.#plan.batchMax)) {
      throw new RangeError(`batch size ${batchSize} is not from 1 to ${this.#plan.batchMax}`);
    }
    if (scalars.length !== stepCount(request) * graph.scalars) {
      throw new RangeError(
        `graph ${graph.name} takes ${graph.scalars} scalars for each of ${stepCount(request)} ` +
          `steps, not ${scalars.length} in all`,
      );
    }
    if (!isCount(seed, 0, maximalUint32) || !isCount(firstBatch, 0, maximalUint32)) {
      throw new RangeError(`seed ${seed} and batch ${firstBatch} must be unsigned 32-bit integers`);
    }
    let available = Number.POSITIVE_INFINITY;
    for (const slot of graph.columns) {
      const bound = boundRows[slot];
      if (bound === undefined) {
        throw new RangeError(`column ${this.#plan.columns[slot]?.name ?? slot} is not bound`);
      }
      available = Math.min(available, bound);
    }
    for (const row of rows) {
      if (row < 0 || row >= available) {
        throw new RangeError(`row ${row} is not among the ${available} rows of the data`);
      }
    }
    return graph;
  }
}

/** A whole number of a range, its ends included. */
export function isCount(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}
