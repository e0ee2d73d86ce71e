/**
 * Columns of the data that are whole in a device's memory. A slot keeps what was bound to it before, as `fit` binds
 * training and validation data in turn, every epoch.
 */

import type { Column } from "../data/column.ts";

/** A device's memory, in pieces that it knows by what `Memory` is. */
export interface ColumnMemory<Memory> {
  /** For the column of a slot; undefined if the device has no room for it. */
  allocate(slot: number, bytes: number): Promise<Memory | undefined>;
  upload(memory: Memory, data: ArrayBufferView): Promise<void>;
  free(memory: Memory): Promise<void>;
}

export interface ResidentColumnsOptions {
  readonly slots: number;
  /** Of the largest column that is put on the device; others are handed over batch by batch. */
  readonly residentBytes: number;
  /** Beyond this, a slot keeps nothing but what is bound. */
  readonly keptBytes: number;
}

interface Resident<Memory> {
  readonly memory: Memory;
  /** Of the memory: its column may be smaller. */
  readonly bytes: number;
  /** What it holds. Columns do not change, and one that is gone is not bound again. */
  readonly column: WeakRef<Column>;
}

/** Training, validation and test data. */
const keptColumns = 3;

export class ResidentColumns<Memory> {
  readonly #memory: ColumnMemory<Memory>;
  readonly #options: ResidentColumnsOptions;
  /** By slot, the last used last. */
  readonly #residents: Resident<Memory>[][];

  constructor(memory: ColumnMemory<Memory>, options: ResidentColumnsOptions) {
    this.#memory = memory;
    this.#options = options;
    this.#residents = Array.from({ length: options.slots }, () => []);
  }

  /**
   * The memory that holds the column, put there if it was not; undefined where it is too large or there is no room. What
   * the slot had before may be freed, so nothing that reads it may be in flight.
   */
  async place(slot: number, column: Column): Promise<Memory | undefined> {
    const residents = this.#residents[slot]!;
    const known = residents.findIndex((resident) => resident.column.deref() === column);
    if (known >= 0) {
      residents.push(...residents.splice(known, 1));
      return residents.at(-1)!.memory;
    }
    const bytes = column.data.byteLength;
    if (bytes > this.#options.residentBytes) return undefined;
    const room = (await this.#reuse(residents, bytes)) ?? (await this.#allocate(slot, bytes));
    if (room === undefined) return undefined;
    await this.#memory.upload(room.memory, column.data);
    residents.push({ ...room, column: new WeakRef(column) });
    return room.memory;
  }

  /** Takes the memory of a column that is gone, or makes room by giving up the one unused for longest. */
  async #reuse(residents: Resident<Memory>[], bytes: number): Promise<Room<Memory> | undefined> {
    const { keptBytes } = this.#options;
    const kept = residents.reduce((total, resident) => total + resident.bytes, 0);
    const gone = residents.findIndex(({ column }) => column.deref() === undefined);
    const isFull = residents.length >= keptColumns || kept + bytes > keptBytes;
    if (residents.length === 0 || (gone < 0 && !isFull)) return undefined;
    const [given] = residents.splice(Math.max(gone, 0), 1);
    const room = given!;
    // Far more than is needed would stay taken for nothing.
    if (room.bytes >= bytes && room.bytes <= 4 * bytes) return room;
    await this.#memory.free(room.memory);
    return kept - room.bytes + bytes > keptBytes ? this.#reuse(residents, bytes) : undefined;
  }

  /** Undefined if the device has no room for it, even with nothing else kept. */
  async #allocate(slot: number, bytes: number): Promise<Room<Memory> | undefined> {
    for (;;) {
      const memory = await this.#memory.allocate(slot, bytes);
      if (memory !== undefined) return { memory, bytes };
      const unused = this.#residents[slot]!.shift();
      if (unused === undefined) return undefined;
      await this.#memory.free(unused.memory);
    }
  }
}

type Room<Memory> = Pick<Resident<Memory>, "memory" | "bytes">;
