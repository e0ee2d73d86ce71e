/**
 * The CPU: kernels in a shared library, run by the native addon on its threads. This class knows
 * where the plan put every tensor and has what it is asked checked before the addon, which trusts it,
 * sees it.
 */

import { resolve } from "node:path";
import {
  bytesPerElement,
  type Column,
  elementCount,
  type TensorData,
  viewArray,
} from "../../data/column.ts";
import { messageOf } from "../../data/data-error.ts";
import type { TensorPlan, TrainerPlan } from "../../plan.ts";
import { type Device, DeviceError, type RunRequest } from "../device.ts";
import { isCount, RequestChecks } from "../request-checks.ts";
import {
  loadNativeAddon,
  type NativeAddon,
  type NativeLibrary,
  type NativeSession,
  type StepArenas,
} from "./native-addon.ts";

export interface CpuDeviceOptions {
  readonly plan: TrainerPlan;
  /** Path of the kernel library. */
  readonly library: string;
  /**
   * Where that has some of the graphs only: gives one that has them all, the same however often it is called. That is
   * when another graph is to run, and also when a run is over and the processors may have nothing else to do.
   */
  readonly whole?: () => Promise<WholeLibrary>;
  readonly threads: number;
  /** Path of the addon, where it is not in its usual place. */
  readonly addon?: string;
}

/** A library of all graphs, and what they need. */
export interface WholeLibrary {
  readonly path: string;
  readonly arenas: TrainerPlan["arenas"];
}

export class CpuDevice implements Device {
  readonly kind = "cpu";
  readonly description: string;
  readonly #plan: TrainerPlan;
  readonly #requests: RequestChecks;
  readonly #addon: NativeAddon;
  readonly #session: NativeSession;
  #library: NativeLibrary;
  /** Undefined as soon as the library has all graphs. */
  #whole: CpuDeviceOptions["whole"];
  /** Rows of the column bound to each slot. */
  readonly #boundRows: (number | undefined)[];

  /**
   * Loads addon and kernels and allocates the arenas.
   * @throws DeviceError if one of them is missing or does not fit this machine.
   */
  constructor({ plan, library, whole, threads, addon: addonPath }: CpuDeviceOptions) {
    if (!isCount(threads, 1, maximalThreads)) {
      throw new DeviceError(`${threads} threads: give a number from 1 to ${maximalThreads}`);
    }
    const addon = addonPath === undefined ? loadNativeAddon() : loadNativeAddon(addonPath);
    checkFeatures(plan, addon);
    this.description = threads === 1 ? "cpu, 1 thread" : `cpu, ${threads} threads`;
    this.#requests = new RequestChecks(plan);
    this.#boundRows = plan.columns.map(() => undefined);
    this.#plan = plan;
    this.#addon = addon;
    this.#whole = whole;
    this.#library = loadLibrary(addon, plan, library, whole === undefined);
    this.#session = openSession(addon, plan, this.#library, threads);
  }

  async bindColumn(slot: number, column: Column): Promise<void> {
    this.#requests.checkColumn(slot, column);
    this.#session.bindColumn(slot, column.data);
    this.#boundRows[slot] = column.rows;
  }

  async write(tensor: string, data: TensorData): Promise<void> {
    const plan = this.#requests.tensor(tensor);
    this.#requests.checkData(plan, data);
    this.#viewTensor(plan).set(data);
  }

  async read(tensor: string): Promise<TensorData> {
    return this.#viewTensor(this.#requests.tensor(tensor)).slice();
  }

  async run(request: RunRequest): Promise<void> {
    const graph = this.#requests.checkRun(request, this.#boundRows);
    if (this.#whole !== undefined && !this.#library.has(graph.symbol)) {
      const { path, arenas } = await this.#whole();
      this.#library = loadLibrary(this.#addon, this.#plan, path, true);
      setUp(this.#plan, () => this.#session.useLibrary(this.#library, stepArenas(arenas)));
      this.#whole = undefined;
    }
    await this.#session.run({
      symbol: graph.symbol,
      rows: request.rows,
      batchSize: request.batchSize,
      scalars: request.scalars,
      scalarsPerStep: graph.scalars,
      seed: request.seed,
      firstBatch: request.firstBatch,
    });
    const whole = this.#whole;
    if (whole === undefined) return;
    // What follows on the run itself, such as telling of it, comes first; what fails is said to who needs the other graphs.
    setImmediate(() => whole().catch(() => undefined));
  }

  async readResult(graph: string, index: number): Promise<TensorData> {
    return viewTensor(this.#session.results, this.#requests.result(graph, index)).slice();
  }

  dispose(): void {
    this.#session.dispose();
  }

  #viewTensor(tensor: TensorPlan): TensorData {
    return viewTensor(this.#session.persistent, tensor);
  }
}

const maximalThreads = 1024;

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

/** @throws DeviceError also if the library `isWhole` and lacks a graph. */
function loadLibrary(
  addon: NativeAddon,
  plan: TrainerPlan,
  path: string,
  isWhole: boolean,
): NativeLibrary {
  return setUp(plan, () => {
    const library = new addon.Library(resolve(path));
    for (const { name, symbol } of isWhole ? Object.values(plan.graphs) : []) {
      if (!library.has(symbol)) throw new Error(`${path} lacks ${symbol}, the graph ${name}`);
    }
    return library;
  });
}

function openSession(
  addon: NativeAddon,
  plan: TrainerPlan,
  library: NativeLibrary,
  threads: number,
): NativeSession {
  return setUp(
    plan,
    () =>
      new addon.Session(library, {
        persistentBytes: plan.arenas.persistent,
        ...stepArenas(plan.arenas),
        threads,
        columns: plan.columns.length,
      }),
  );
}

function stepArenas({ temporaries, results }: TrainerPlan["arenas"]): StepArenas {
  return { temporariesBytes: temporaries, resultsBytes: results };
}

function setUp<T>({ model }: TrainerPlan, step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw new DeviceError(
      `the model ${model} cannot be set up on the CPU: ${messageOf(error)}; ` +
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
