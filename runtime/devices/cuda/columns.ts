/**
 * Columns of the data on the device: whole where they fit, else handed over batch by batch. A slot keeps what was bound
 * to it before, as `fit` binds training and validation data in turn, every epoch.
 */

import type { Column } from "../../data/column.ts";
import type { NativeCudaSession } from "./native-cuda.ts";

interface Resident {
  /** The session's number for it. */
  readonly memory: number;
  readonly bytes: number;
  /** What it holds. Columns do not change, and one that is gone is not bound again. */
  readonly column: WeakRef<Column>;
}

/** Training, validation and test data. */
const keptColumns = 3;

export class Columns {
  readonly #session: NativeCudaSession;
  readonly #residentBytes: number;
  readonly #bound: (Column | undefined)[];
  /** By slot, the last used last. */
  readonly #residents: Resident[][];

  /** `residentBytes`: of the largest column that is put on the device. */
  constructor(session: NativeCudaSession, slots: number, residentBytes: number) {
    this.#session = session;
    this.#residentBytes = residentBytes;
    this.#bound = Array.from({ length: slots }, () => undefined);
    this.#residents = Array.from({ length: slots }, () => []);
  }

  /** Rows of the column bound to each slot. */
  get rows(): readonly (number | undefined)[] {
    return this.#bound.map((column) => column?.rows);
  }

  async bind(slot: number, column: Column): Promise<void> {
    const memory = await this.#memoryFor(slot, column);
    await this.#session.bindColumn(slot, column.data, memory);
    this.#bound[slot] = column;
  }

  /** Where the column is on the device; 0 if it is not. */
  async #memoryFor(slot: number, column: Column): Promise<number> {
    const residents = this.#residents[slot]!;
    const known = residents.findIndex((resident) => resident.column.deref() === column);
    if (known >= 0) {
      residents.push(...residents.splice(known, 1));
      return residents.at(-1)!.memory;
    }
    const bytes = column.data.byteLength;
    if (bytes > this.#residentBytes) return 0;
    // Nothing runs until the call is over, so what is bound may be given up.
    this.#bound[slot] = undefined;
    const memory = await this.#place(residents, bytes);
    if (memory === 0) return 0;
    await this.#session.uploadColumn(memory, column.data);
    residents.push({ memory, bytes, column: new WeakRef(column) });
    return memory;
  }

  /** The place of a column that is gone, or a new one; 0 if there is no room, even with nothing else kept. */
  async #place(residents: Resident[], bytes: number): Promise<number> {
    const gone = residents.findIndex(({ column }) => column.deref() === undefined);
    if (gone >= 0 || residents.length >= keptColumns) {
      const [given] = residents.splice(Math.max(gone, 0), 1);
      // Far more than is needed would stay taken for nothing.
      if (given!.bytes >= bytes && given!.bytes <= 4 * bytes) return given!.memory;
      await this.#session.free(given!.memory);
    }
    for (;;) {
      const memory = await this.#session.allocate(bytes);
      const unused = memory === 0 ? residents.shift() : undefined;
      if (unused === undefined) return memory;
      await this.#session.free(unused.memory);
    }
  }
}
