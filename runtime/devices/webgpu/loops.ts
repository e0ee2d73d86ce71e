/** Loops of a graph's dispatches, and the numbers of their iterations, which kernels read. */

import { type Allocator, type DeviceBuffer, usage, writePiece } from "./buffers.ts";
import type { WgslOrder, WgslProgram } from "./wgsl-program.ts";

/** Goes through dispatches in order; `enter` hears of each iteration of the loops around them, 0 being the outermost. */
export function runInOrder(
  order: readonly WgslOrder[],
  dispatch: (number: number) => void,
  enter: (depth: number, iteration: number) => void,
  depth = 0,
): void {
  for (const each of order) {
    if (typeof each === "number") dispatch(each);
    else {
      for (let iteration = 0; iteration < each.times; iteration++) {
        enter(depth, iteration);
        runInOrder(each.order, dispatch, enter, depth + 1);
      }
    }
  }
}

/** Dynamic offsets are multiples of it on every device. */
export const iterationStride = 256;

/** The numbers 0, 1, 2, … as uniforms, each at a multiple of `iterationStride`: as many as the longest loop needs. */
export async function createIterations(
  allocator: Allocator,
  queue: GPUQueue,
  { loops }: Pick<WgslProgram, "loops">,
): Promise<DeviceBuffer | undefined> {
  if (loops === undefined) return undefined;
  const words = new Int32Array((loops.longest * iterationStride) / 4);
  for (let i = 0; i < loops.longest; i++) words[(i * iterationStride) / 4] = i;
  const flags = usage.uniform | usage.copyDestination;
  const buffer = await allocator.allocate("iterations", words.byteLength, flags);
  writePiece(queue, buffer.gpu, 0, words, 0, words.byteLength);
  return buffer;
}
