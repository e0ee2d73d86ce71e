/** What kernels know of their step, as `wgsl-program.ts` lays it out, for a number of steps at once. */

import type { RunRequest } from "../device.ts";
import { type Allocator, type DeviceBuffer, usage } from "./buffers.ts";

/** Offset of the scalars in a step; dynamic offsets are multiples of the alignment on every device. */
const headBytes = 32;
const offsetAlignment = 256;
const infinityBits = 0x7f80_0000;
const nanBits = 0x7fc0_0000;

export class StepUniforms {
  readonly buffer: DeviceBuffer;
  /** From one step to the next. */
  readonly stride: number;
  readonly #words: Uint32Array<ArrayBuffer>;
  readonly #floats: Float32Array;

  private constructor(buffer: DeviceBuffer, stride: number, steps: number) {
    this.buffer = buffer;
    this.stride = stride;
    this.#words = new Uint32Array((steps * stride) / 4);
    this.#floats = new Float32Array(this.#words.buffer);
  }

  /** For so many steps with so many scalars at most. */
  static async create(allocator: Allocator, steps: number, scalars: number): Promise<StepUniforms> {
    const bytes = headBytes + 16 * Math.ceil(scalars / 4);
    const stride = Math.ceil(bytes / offsetAlignment) * offsetAlignment;
    const flags = usage.uniform | usage.copyDestination;
    const buffer = await allocator.allocate("steps", steps * stride, flags);
    return new StepUniforms(buffer, stride, steps);
  }

  /**
   * Steps `first` to `first + count` of the run, from slot 0 on.
   * @param rowsAt Where in the buffer of row numbers those of a slot's batch start.
   */
  write(
    queue: GPUQueue,
    request: RunRequest,
    {
      first,
      count,
      scalars,
    }: { readonly first: number; readonly count: number; readonly scalars: number },
    rowsAt: (slot: number) => number,
  ): void {
    const { rows, batchSize, seed, firstBatch } = request;
    for (let slot = 0; slot < count; slot++) {
      const step = first + slot;
      const word = (slot * this.stride) / 4;
      this.#words[word] = Math.min(batchSize, rows.length - step * batchSize);
      this.#words[word + 1] = rowsAt(slot);
      this.#words[word + 2] = seed;
      // Counters of 32 bits, as the CPU's.
      this.#words[word + 3] = firstBatch + step;
      this.#words[word + 4] = infinityBits;
      this.#words[word + 5] = nanBits;
      const own = request.scalars.subarray(step * scalars, (step + 1) * scalars);
      this.#floats.set(own, word + headBytes / 4);
    }
    queue.writeBuffer(this.buffer.gpu, 0, this.#words.buffer, 0, count * this.stride);
  }
}
