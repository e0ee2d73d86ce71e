/** The columns bound to a device's slots: whole on the device where they fit. */

import type { Column } from "../../data/column.ts";
import type { ColumnPlan } from "../../plan.ts";
import { DeviceError } from "../device.ts";
import { type ColumnMemory, ResidentColumns } from "../resident-columns.ts";
import { type Allocator, type DeviceBuffer, upload, usage } from "./buffers.ts";
import type { DeviceHealth } from "./device-health.ts";

interface Slot {
  /** What is bound. */
  readonly column: Column;
  /** Its data, undefined where they are not on the device. */
  readonly buffer: DeviceBuffer | undefined;
}

/** A browser does not say how much memory there is before it has none. */
const keptBytes = 512 * 2 ** 20;

export interface ColumnsOptions {
  readonly device: GPUDevice;
  readonly health: DeviceHealth;
  readonly allocator: Allocator;
  readonly plans: readonly ColumnPlan[];
  /** The largest column that is put on the device; others are handed over batch by batch. */
  readonly residentBytes: number;
}

export class Columns {
  readonly #slots: (Slot | undefined)[];
  readonly #residents: ResidentColumns<DeviceBuffer>;

  constructor(options: ColumnsOptions) {
    const { plans, residentBytes } = options;
    this.#slots = plans.map(() => undefined);
    this.#residents = new ResidentColumns(columnMemory(options), {
      slots: plans.length,
      // Buffers are whole words.
      residentBytes: Math.floor(residentBytes / 4) * 4,
      keptBytes,
    });
  }

  /** Rows of the column bound to each slot. */
  get rows(): readonly (number | undefined)[] {
    return this.#slots.map((slot) => slot?.column.rows);
  }

  /** What is bound to a slot of which a run has checked that something is. */
  bound(slot: number): Slot {
    return this.#slots[slot]!;
  }

  async bind(slot: number, column: Column): Promise<void> {
    // Its memory may be given up, and no run starts without a column.
    this.#slots[slot] = undefined;
    const buffer = await this.#residents.place(slot, column);
    this.#slots[slot] = { column, buffer };
  }
}

function columnMemory({
  device,
  health,
  allocator,
  plans,
}: ColumnsOptions): ColumnMemory<DeviceBuffer> {
  const flags = usage.storage | usage.copyDestination;
  return {
    allocate: async (slot, bytes) => {
      try {
        return await allocator.allocate(`column ${plans[slot]!.name}`, bytes, flags);
      } catch (error) {
        if (health.ended || !(error instanceof DeviceError)) throw error;
        return undefined;
      }
    },
    upload: (buffer, data) => upload(device, health, buffer.gpu, 0, data),
    free: async (buffer) => buffer.gpu.destroy(),
  };
}
