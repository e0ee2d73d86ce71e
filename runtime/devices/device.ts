/**
 * What the training loop knows of the machine that computes: it takes columns of data, keeps the
 * model's tensors, and runs the steps of a compiled graph. Everything that may wait for a device is
 * asynchronous, so that a GPU fits as well as a thread pool.
 */

import type { Column, TensorData } from "../data/column.ts";

/** Steps of one graph over some rows, `batchSize` at a time, the last one with what is left. */
export interface RunRequest {
  /** A key of `TrainerPlan.graphs`. */
  readonly graph: string;
  /** Row numbers of the columns, in the order of use. Not to be changed until the run has ended. */
  readonly rows: Int32Array;
  /** 1 … `TrainerPlan.batchMax`. */
  readonly batchSize: number;
  /**
   * `GraphPlan.scalars` numbers for each step, one step after the other; likewise not to be
   * changed.
   */
  readonly scalars: Float32Array;
  /** Key of the random numbers, an unsigned 32-bit integer. */
  readonly seed: number;
  /** The batch counter of the first step; it counts up by one a step. */
  readonly firstBatch: number;
}

export interface Device {
  readonly kind: "cpu" | "webgpu" | "cuda";
  /** For people: `cpu, 2 threads`, `webgpu, NVIDIA H200`, `cuda, NVIDIA H200`. */
  readonly description: string;

  /** Gives the data of a slot of `TrainerPlan.columns`, in place of what was there. */
  bindColumn(slot: number, column: Column): Promise<void>;

  /** Sets a tensor of `TrainerPlan.tensors`, row-major. */
  write(tensor: string, data: TensorData): Promise<void>;

  /** A copy of a tensor of `TrainerPlan.tensors`, row-major. */
  read(tensor: string): Promise<TensorData>;

  /**
   * Runs the steps one after the other; one run at a time. What they computed stays on the device.
   */
  run(request: RunRequest): Promise<void>;

  /**
   * A copy of result number `index` of a graph, as its last step left it, rows beyond that step
   * included.
   */
  readResult(graph: string, index: number): Promise<TensorData>;

  /** Frees everything at once. A run in flight ends after its step and is rejected. */
  dispose(): void;
}

/** How many steps a run makes. */
export function stepCount(request: Pick<RunRequest, "rows" | "batchSize">): number {
  return Math.ceil(request.rows.length / request.batchSize);
}

/** A device cannot be had or was asked for what it does not have; the message says what to do. */
export class DeviceError extends Error {
  override readonly name: string = "DeviceError";
}

/**
 * The device went away while it was in use: its driver was reset or updated, a laptop switched its graphics
 * processor, the system took it back. All calls fail from then on; a new device may work.
 */
export class DeviceLostError extends DeviceError {
  override readonly name: string = "DeviceLostError";
}
