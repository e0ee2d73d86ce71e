/**
 * Batches of columns that are too large for the device: their rows are gathered on the host, step by step, while
 * the steps before them run. Kernels see them as columns whose row numbers count from zero.
 */

import { bytesPerElement, elementCount } from "../../data/column.ts";
import type { ColumnPlan } from "../../plan.ts";
import { type Allocator, type DeviceBuffer, usage, wholeWords, writePiece } from "./buffers.ts";
import type { Columns } from "./columns.ts";

/** One is filled while the other is read. */
export const batchesAtOnce = 2;

export class Batches {
  readonly #queue: GPUQueue;
  readonly #allocator: Allocator;
  readonly #plans: readonly ColumnPlan[];
  readonly #batchMax: number;
  /** By slot: its buffers, from the first run that needs them on. */
  readonly #buffers: (readonly DeviceBuffer[] | undefined)[] = [];
  /** Gathered rows of one column. */
  #scratch = new Uint8Array(0);
  #numbers: DeviceBuffer | undefined;

  constructor(
    queue: GPUQueue,
    allocator: Allocator,
    { columns, batchMax }: { readonly columns: readonly ColumnPlan[]; readonly batchMax: number },
  ) {
    this.#queue = queue;
    this.#allocator = allocator;
    this.#plans = columns;
    this.#batchMax = batchMax;
  }

  /** Makes buffers for the columns of these slots. */
  async prepare(slots: readonly number[]): Promise<void> {
    for (const slot of slots) {
      if (this.#buffers[slot] !== undefined) continue;
      const plan = this.#plans[slot]!;
      const bytes = this.#batchMax * rowBytes(plan);
      const buffers: DeviceBuffer[] = [];
      while (buffers.length < batchesAtOnce) {
        const flags = usage.storage | usage.copyDestination;
        buffers.push(await this.#allocator.allocate(`batch of column ${plan.name}`, bytes, flags));
      }
      this.#buffers[slot] = buffers;
      if (this.#scratch.byteLength < bytes) this.#scratch = new Uint8Array(wholeWords(bytes));
    }
  }

  /** 0, 1, 2, …: the row numbers of every batch. */
  async rowNumbers(): Promise<DeviceBuffer> {
    if (this.#numbers === undefined) {
      const flags = usage.storage | usage.copyDestination;
      const bytes = 4 * this.#batchMax;
      const buffer = await this.#allocator.allocate("row numbers of a batch", bytes, flags);
      this.#queue.writeBuffer(
        buffer.gpu,
        0,
        Int32Array.from({ length: this.#batchMax }, (_, i) => i),
      );
      this.#numbers = buffer;
    }
    return this.#numbers;
  }

  /** Of the largest batch of these columns. */
  bytes(slots: readonly number[]): number {
    const rows = slots.map((slot) => rowBytes(this.#plans[slot]!));
    return this.#batchMax * rows.reduce((total, bytes) => total + bytes, 0);
  }

  /** The `turn`-th buffer of a slot that was prepared. */
  buffer(slot: number, turn: number): DeviceBuffer {
    return this.#buffers[slot]![turn]!;
  }

  /** Gathers rows of the bound columns into the buffers of this turn. */
  fill(slots: readonly number[], turn: number, columns: Columns, rows: Int32Array): void {
    for (const slot of slots) {
      const { data } = columns.bound(slot).column;
      const width = rowBytes(this.#plans[slot]!);
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      gatherRows(bytes, width, rows, this.#scratch);
      writePiece(
        this.#queue,
        this.buffer(slot, turn).gpu,
        0,
        this.#scratch,
        0,
        wholeWords(rows.length * width),
      );
    }
  }
}

function rowBytes({ dtype, shape }: ColumnPlan): number {
  return elementCount(shape) * bytesPerElement(dtype);
}

/** Copies rows of `width` bytes; those that follow one another in one piece. */
function gatherRows(source: Uint8Array, width: number, rows: Int32Array, target: Uint8Array): void {
  for (let first = 0, next = 1; first < rows.length; first = next, next = first + 1) {
    const start = rows[first]!;
    while (next < rows.length && rows[next] === start + next - first) next++;
    target.set(source.subarray(start * width, (start + next - first) * width), first * width);
  }
}
