/**
 * Columns of the data on the device: whole where they fit. A slot keeps what was bound to it before, as `fit` binds
 * training and validation data in turn, every epoch.
 */

import type { Column } from "../../data/column.ts";
import type { ColumnPlan } from "../../plan.ts";
import { DeviceError } from "../device.ts";
import { type Allocator, type DeviceBuffer, upload, usage, wholeWords } from "./buffers.ts";
import type { DeviceHealth } from "./device-health.ts";

interface Resident {
  readonly buffer: DeviceBuffer;
  /** What it holds. Columns do not change, and one that is gone is not bound again. */
  readonly column: WeakRef<Column>;
}

interface Slot {
  /** What is bound. */
  readonly column: Column;
  /** Its data, undefined where they are not on the device. */
  readonly buffer: DeviceBuffer | undefined;
}

/** Training, validation and test data. */
const keptColumns = 3;
/** Beyond this, a slot keeps nothing but what is bound. */
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
  readonly #options: ColumnsOptions;
  readonly #slots: (Slot | undefined)[];
  /** By slot, the last used last. */
  readonly #residents: Resident[][];

  constructor(options: ColumnsOptions) {
    this.#options = options;
    this.#slots = options.plans.map(() => undefined);
    this.#residents = options.plans.map(() => []);
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
    this.#slots[slot] = undefined;
    const buffer = await this.#residentFor(slot, column);
    this.#slots[slot] = { column, buffer };
  }

  async #residentFor(slot: number, column: Column): Promise<DeviceBuffer | undefined> {
    const residents = this.#residents[slot]!;
    const known = residents.findIndex((resident) => resident.column.deref() === column);
    if (known >= 0) {
      residents.push(...residents.splice(known, 1));
      return residents.at(-1)!.buffer;
    }
    const bytes = wholeWords(column.data.byteLength);
    if (bytes > this.#options.residentBytes) return undefined;
    const buffer = this.#reuse(residents, bytes) ?? (await this.#allocate(slot, bytes));
    if (buffer === undefined) return undefined;
    const { device, health } = this.#options;
    await upload(device, health, buffer.gpu, 0, column.data);
    residents.push({ buffer, column: new WeakRef(column) });
    return buffer;
  }

  /** Takes the buffer of a column that is gone, or makes room by giving up the one unused for longest. */
  #reuse(residents: Resident[], bytes: number): DeviceBuffer | undefined {
    const kept = residents.reduce((total, { buffer }) => total + buffer.bytes, 0);
    const gone = residents.findIndex(({ column }) => column.deref() === undefined);
    const isFull = residents.length >= keptColumns || kept + bytes > keptBytes;
    if (residents.length === 0 || (gone < 0 && !isFull)) return undefined;
    const [given] = residents.splice(Math.max(gone, 0), 1);
    const { buffer } = given!;
    // Far more than is needed would stay taken for nothing.
    if (buffer.bytes >= bytes && buffer.bytes <= 4 * bytes) return buffer;
    buffer.gpu.destroy();
    return kept - buffer.bytes + bytes > keptBytes ? this.#reuse(residents, bytes) : undefined;
  }

  /** Undefined if the device has no room for it, even with nothing else kept. */
  async #allocate(slot: number, bytes: number): Promise<DeviceBuffer | undefined> {
    const label = `column ${this.#options.plans[slot]!.name}`;
    const flags = usage.storage | usage.copyDestination;
    const residents = this.#residents[slot]!;
    for (;;) {
      try {
        return await this.#options.allocator.allocate(label, bytes, flags);
      } catch (error) {
        if (this.#options.health.ended || !(error instanceof DeviceError)) throw error;
        const given = residents.shift();
        if (given === undefined) return undefined;
        given.buffer.gpu.destroy();
      }
    }
  }
}
