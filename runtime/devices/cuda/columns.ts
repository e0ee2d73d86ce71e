/** The columns bound to a session's slots: whole on the device where they fit, else handed over batch by batch. */

import type { Column } from "../../data/column.ts";
import { ResidentColumns } from "../resident-columns.ts";
import type { NativeCudaSession } from "./native-cuda.ts";

export class Columns {
  readonly #session: NativeCudaSession;
  readonly #bound: (Column | undefined)[];
  readonly #residents: ResidentColumns<number>;

  /** `residentBytes`: of the largest column that is put on the device. */
  constructor(session: NativeCudaSession, slots: number, residentBytes: number) {
    this.#session = session;
    this.#bound = Array.from({ length: slots }, () => undefined);
    const memory = {
      allocate: async (_slot: number, bytes: number) =>
        (await session.allocate(bytes)) || undefined,
      upload: (place: number, data: ArrayBufferView) => session.uploadColumn(place, data),
      free: (place: number) => session.free(place),
    };
    // What is kept is given up when the device has no more room, and no sooner.
    const options = { slots, residentBytes, keptBytes: Infinity };
    this.#residents = new ResidentColumns(memory, options);
  }

  /** Rows of the column bound to each slot. */
  get rows(): readonly (number | undefined)[] {
    return this.#bound.map((column) => column?.rows);
  }

  async bind(slot: number, column: Column): Promise<void> {
    // Its memory may be given up, and no run starts without a column.
    this.#bound[slot] = undefined;
    const memory = await this.#residents.place(slot, column);
    await this.#session.bindColumn(slot, column.data, memory ?? 0);
    this.#bound[slot] = column;
  }
}
