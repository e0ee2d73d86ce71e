/**
 * The CPU: kernels in a shared library, run by the native addon on its threads. This class knows
 * where the plan put every tensor and checks what it is asked before the addon, which trusts it,
 * sees it.
 */

import { resolve } from "node:path";
import {
  bytesPerElement,
  type Column,
  elementCount,
  holds,
  type TensorData,
  viewArray,
} from "../../data/column.ts";
import { messageOf } from "../../data/data-error.ts";
import type { GraphPlan, PersistentTensor, TensorPlan, TrainerPlan } from "../../plan.ts";
import { type Device, DeviceError, type RunRequest, stepCount } from "../device.ts";
import { loadNativeAddon, type NativeAddon, type NativeSession } from "./native-addon.ts";

export interface CpuDeviceOptions {
  readonly plan: TrainerPlan;
  /** Path of the kernel library. */
  readonly library: string;
  readonly threads: number;
  /** Path of the addon, where it is not in its usual place. */
  readonly addon?: string;
}

export class CpuDevice implements Device {
  readonly kind = "cpu";
  readonly description: string;
  readonly #plan: TrainerPlan;
  readonly #session: NativeSession;
  readonly #tensors: ReadonlyMap<string, PersistentTensor>;
  /** Rows of the column bound to each slot. */
  readonly #boundRows: (number | undefined)[];

  /**
   * Loads addon and kernels and allocates the arenas.
   * @throws DeviceError if one of them is missing or does not fit this machine.
   */
  constructor({ plan, library, threads, addon: addonPath }: CpuDeviceOptions) {
    if (!isCount(threads, 1, maximalThreads)) {
      throw new DeviceError(`${threads} threads: give a number from 1 to ${maximalThreads}`);
    }
    const addon = addonPath === undefined ? loadNativeAddon() : loadNativeAddon(addonPath);
    checkFeatures(plan, addon);
    this.description = threads === 1 ? "cpu, 1 thread" : `cpu, ${threads} threads`;
    this.#plan = plan;
    this.#tensors = new Map(plan.tensors.map((tensor) => [tensor.name, tensor]));
    this.#boundRows = plan.columns.map(() => undefined);
    this.#session = openSession(addon, plan, resolve(library), threads);
  }

  async bindColumn(slot: number, column: Column): Promise<void> {
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
    this.#session.bindColumn(slot, column.data);
    this.#boundRows[slot] = column.rows;
  }

  async write(tensor: string, data: TensorData): Promise<void> {
    const target = this.#viewTensor(tensor);
    if (data.length !== target.length || data.constructor !== target.constructor) {
      throw new RangeError(
        `tensor ${tensor} takes a ${target.constructor.name} of ${target.length} elements, ` +
          `not a ${data.constructor.name} of ${data.length}`,
      );
    }
    target.set(data);
  }

  async read(tensor: string): Promise<TensorData> {
    return this.#viewTensor(tensor).slice();
  }

  async run(request: RunRequest): Promise<void> {
    const graph = this.#graph(request.graph);
    this.#checkRequest(graph, request);
    await this.#session.run({
      symbol: graph.symbol,
      rows: request.rows,
      batchSize: request.batchSize,
      scalars: request.scalars,
      scalarsPerStep: graph.scalars,
      seed: request.seed,
      firstBatch: request.firstBatch,
    });
  }

  async readResult(graph: string, index: number): Promise<TensorData> {
    const result = this.#graph(graph).results[index];
    if (result === undefined) throw new RangeError(`graph ${graph} has no result ${index}`);
    return viewTensor(this.#session.results, result).slice();
  }

  dispose(): void {
    this.#session.dispose();
  }

  #graph(name: string): GraphPlan {
    const graph = Object.hasOwn(this.#plan.graphs, name) ? this.#plan.graphs[name] : undefined;
    if (graph === undefined) throw new RangeError(`the model was built without the graph ${name}`);
    return graph;
  }

  #viewTensor(name: string): TensorData {
    const tensor = this.#tensors.get(name);
    if (tensor === undefined) throw new RangeError(`the model has no tensor ${name}`);
    return viewTensor(this.#session.persistent, tensor);
  }

  #checkRequest(graph: GraphPlan, request: RunRequest): void {
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
      const bound = this.#boundRows[slot];
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
  }
}

const maximalThreads = 1024;
const maximalUint32 = 2 ** 32 - 1;

/** Kernels for another processor would end the process at the first unknown instruction. */
function checkFeatures(plan: TrainerPlan, addon: NativeAddon): void {
  const present = new Set(addon.cpuFeatures());
  const missing = plan.requiredFeatures.filter((feature) => !present.has(feature));
  if (missing.length > 0) {
    throw new DeviceError(
      `the kernels of ${plan.model} were compiled for a processor with ${missing.join(", ")}, ` +
        "which this one lacks: rebuild with `nnc build` on this machine, or with --march for it",
    );
  }
}

function openSession(
  addon: NativeAddon,
  plan: TrainerPlan,
  path: string,
  threads: number,
): NativeSession {
  try {
    const library = new addon.Library(path);
    for (const { name, symbol } of Object.values(plan.graphs)) {
      if (!library.has(symbol)) throw new Error(`${path} lacks ${symbol}, the graph ${name}`);
    }
    return new addon.Session(library, {
      persistentBytes: plan.arenas.persistent,
      temporariesBytes: plan.arenas.temporaries,
      resultsBytes: plan.arenas.results,
      threads,
      columns: plan.columns.length,
    });
  } catch (error) {
    throw new DeviceError(
      `the model ${plan.model} cannot be set up on the CPU: ${messageOf(error)}; ` +
        "if the kernels are at fault, rebuild with `nnc build`",
      { cause: error },
    );
  }
}

function viewTensor(arena: ArrayBuffer, { name, dtype, shape, offset }: TensorPlan): TensorData {
  const length = elementCount(shape);
  if (offset + length * bytesPerElement(dtype) > arena.byteLength) {
    throw new RangeError(`tensor ${name} is outside its arena: the device was disposed of`);
  }
  return viewArray(dtype, arena, offset, length);
}

function isCount(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}
