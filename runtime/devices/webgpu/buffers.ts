/** Memory of a WebGPU device: buffers with identities, and uploads of any size. */

import { type ArrayOf, type TensorData, viewArray } from "../../data/column.ts";
import type { ElementType } from "../../plan.ts";
import { DeviceError } from "../device.ts";
import { inMebibytes } from "./adapter.ts";
import type { DeviceHealth } from "./device-health.ts";

/**
 * Numbers of https://www.w3.org/TR/webgpu/#namespacedef-gpubufferusage: in Node there is no such global object.
 */
export const usage = {
  mapRead: 0x1,
  copySource: 0x4,
  copyDestination: 0x8,
  uniform: 0x40,
  storage: 0x80,
} as const;

export interface DeviceBuffer {
  /** Never used again on this device, so that what was made for a buffer is not taken for another's. */
  readonly id: number;
  readonly gpu: GPUBuffer;
  readonly bytes: number;
}

/** Sizes that WebGPU copies are multiples of four. */
export function wholeWords(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}

export class Allocator {
  readonly #device: GPUDevice;
  readonly #health: DeviceHealth;
  #count = 0;

  constructor(device: GPUDevice, health: DeviceHealth) {
    this.#device = device;
    this.#health = health;
  }

  /**
   * A buffer of zeros, of at least four bytes.
   * @throws DeviceError if the device has not the memory or allows no buffer of this size.
   */
  async allocate(label: string, bytes: number, flags: number): Promise<DeviceBuffer> {
    this.#health.check();
    const size = Math.max(4, wholeWords(bytes));
    this.#device.pushErrorScope("validation");
    this.#device.pushErrorScope("out-of-memory");
    const gpu = this.#device.createBuffer({ label, size, usage: flags });
    const errors = Promise.all([this.#device.popErrorScope(), this.#device.popErrorScope()]);
    const error = (await this.#health.guard(errors)).find((found) => found !== null);
    if (error === undefined) return { id: this.#count++, gpu, bytes: size };
    gpu.destroy();
    throw new DeviceError(
      `the graphics processor has no ${inMebibytes(size)} for the ${label}: ${error?.message}`,
    );
  }
}

const pieceBytes = 16 * 2 ** 20;
const piecesAtOnce = 4;

/**
 * Writes to a buffer in the order of the queue; `offset` is a multiple of four, and a last word that is not full is
 * filled with zeros. Data are taken at once up to 64 MiB, later ones as the device comes after.
 */
export async function upload(
  device: GPUDevice,
  health: DeviceHealth,
  buffer: GPUBuffer,
  offset: number,
  data: ArrayBufferView,
): Promise<void> {
  let pieces = 0;
  for (let start = 0; start < data.byteLength; start += pieceBytes) {
    if (++pieces > piecesAtOnce) {
      // What is written is kept in memory until a submission takes it along.
      device.queue.submit([]);
      await health.guard(device.queue.onSubmittedWorkDone());
      pieces = 1;
    }
    const bytes = Math.min(pieceBytes, data.byteLength - start);
    writePiece(device.queue, buffer, offset + start, data, start, bytes);
  }
}

/** `bytes` of `data` from `start` on, without waiting. */
export function writePiece(
  queue: GPUQueue,
  buffer: GPUBuffer,
  offset: number,
  data: ArrayBufferView,
  start: number,
  bytes: number,
): void {
  const whole = bytes - (bytes % 4);
  if (whole > 0) queue.writeBuffer(buffer, offset, data.buffer, data.byteOffset + start, whole);
  if (whole === bytes) return;
  const rest = new Uint8Array(4);
  rest.set(new Uint8Array(data.buffer, data.byteOffset + start + whole, bytes - whole));
  queue.writeBuffer(buffer, offset + whole, rest);
}

/** Elements as arenas hold them, a word each. */
export function toWords(data: TensorData): Float32Array | Int32Array | Uint32Array {
  return data instanceof Uint8Array ? Uint32Array.from(data) : data;
}

/** The inverse of `toWords`. */
export function fromWords<T extends ElementType>(dtype: T, words: ArrayBuffer): ArrayOf[T];
export function fromWords(dtype: ElementType, words: ArrayBuffer): TensorData {
  const length = words.byteLength / 4;
  const isByte = dtype === "u8" || dtype === "bool";
  return isByte ? Uint8Array.from(new Uint32Array(words)) : viewArray(dtype, words, 0, length);
}
