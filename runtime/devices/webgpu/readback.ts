/**
 * Copies of device memory for the host. What is asked for at the same time comes in one go, as every trip to the
 * device and back takes its time, however little it brings.
 */

import { type Allocator, type DeviceBuffer, usage } from "./buffers.ts";
import type { DeviceHealth } from "./device-health.ts";

/** The most that one trip brings. */
const tripBytes = 64 * 2 ** 20;
const mapForReading = 0x1;

interface Wanted {
  readonly source: GPUBuffer;
  readonly offset: number;
  readonly result: Uint8Array<ArrayBuffer>;
  readonly resolve: (result: ArrayBuffer) => void;
  readonly reject: (error: unknown) => void;
  /** Bytes that have come or are on their way. */
  taken: number;
}

/** A stretch of what is wanted, and where it lies in the staging buffer. */
interface Stretch {
  readonly wanted: Wanted;
  readonly from: number;
  readonly bytes: number;
  readonly at: number;
}

export class Readback {
  readonly #device: GPUDevice;
  readonly #health: DeviceHealth;
  readonly #allocator: Allocator;
  #queue: Wanted[] = [];
  #isRunning = false;
  #staging: DeviceBuffer | undefined;

  constructor(device: GPUDevice, health: DeviceHealth, allocator: Allocator) {
    this.#device = device;
    this.#health = health;
    this.#allocator = allocator;
  }

  /** Multiples of four bytes, as the queue has left them. */
  read(source: GPUBuffer, offset: number, bytes: number): Promise<ArrayBuffer> {
    if (bytes === 0) return Promise.resolve(new ArrayBuffer(0));
    return new Promise((resolve, reject) => {
      const result = new Uint8Array(bytes);
      this.#queue.push({ source, offset, result, resolve, reject, taken: 0 });
      if (this.#isRunning) return;
      this.#isRunning = true;
      queueMicrotask(() => void this.#run());
    });
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) {
      const stretches = this.#takeStretches();
      try {
        await this.#fetch(stretches);
        for (const { wanted, from, bytes } of stretches) {
          if (from + bytes === wanted.result.byteLength) wanted.resolve(wanted.result.buffer);
        }
      } catch (error) {
        const failed = new Set(stretches.map(({ wanted }) => wanted));
        this.#queue = this.#queue.filter((wanted) => !failed.has(wanted));
        for (const { reject } of failed) reject(error);
      }
    }
    this.#isRunning = false;
  }

  #takeStretches(): readonly Stretch[] {
    const stretches: Stretch[] = [];
    let at = 0;
    for (const wanted of this.#queue) {
      const bytes = Math.min(wanted.result.byteLength - wanted.taken, tripBytes - at);
      if (bytes === 0) break;
      stretches.push({ wanted, from: wanted.taken, bytes, at });
      wanted.taken += bytes;
      at += bytes;
    }
    this.#queue = this.#queue.filter(({ taken, result }) => taken < result.byteLength);
    return stretches;
  }

  async #fetch(stretches: readonly Stretch[]): Promise<void> {
    const last = stretches.at(-1)!;
    const total = last.at + last.bytes;
    const staging = await this.#stagingOf(total);
    const encoder = this.#device.createCommandEncoder({ label: "read" });
    for (const { wanted, from, bytes, at } of stretches) {
      encoder.copyBufferToBuffer(wanted.source, wanted.offset + from, staging, at, bytes);
    }
    this.#device.queue.submit([encoder.finish()]);
    await this.#health.guard(staging.mapAsync(mapForReading, 0, total));
    const mapped = new Uint8Array(staging.getMappedRange(0, total));
    for (const { wanted, from, bytes, at } of stretches) {
      wanted.result.set(mapped.subarray(at, at + bytes), from);
    }
    staging.unmap();
    this.#health.check();
  }

  async #stagingOf(bytes: number): Promise<GPUBuffer> {
    if (this.#staging === undefined || this.#staging.bytes < bytes) {
      const grown = Math.min(tripBytes, Math.max(bytes, 2 * (this.#staging?.bytes ?? 2 ** 15)));
      this.#staging?.gpu.destroy();
      this.#staging = undefined;
      const flags = usage.mapRead | usage.copyDestination;
      this.#staging = await this.#allocator.allocate("results read", grown, flags);
    }
    return this.#staging.gpu;
  }
}
