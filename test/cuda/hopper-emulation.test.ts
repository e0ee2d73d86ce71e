/** What goes on behind the threads' back is emulated so that waits which are missing show, and memory reused too early. */

import { describe, expect, test } from "vitest";
import { narrowBits } from "../graph/narrow-bits.ts";
import { hasEmulation, needsEmulation } from "./emulation.ts";
import { runEmulated } from "./launches.ts";

const size = 64;
const threads = 128;

/** left[row, k] and right[column, k], both 64 × 64, and left · rightᵀ. */
const left = matrix((row, k) => ((row * 3 + k) % 5) - 2);
const right = matrix((column, k) => ((column + 2 * k) % 7) - 3);
const product = matrix((row, column) => {
  let sum = 0;
  for (let k = 0; k < size; k++) sum += left[row * size + k]! * right[column * size + k]!;
  return sum;
});

function matrix(element: (row: number, column: number) => number): number[] {
  return Array.from({ length: size * size }, (_, i) => element(Math.floor(i / size), i % size));
}

function transposed(of: readonly number[]): number[] {
  return matrix((row, column) => of[column * size + row]!);
}

const bytes = (numbers: readonly number[]): Uint8Array =>
  new Uint8Array(Uint16Array.from(numbers, (number) => narrowBits(number, "bf16")).buffer);

interface Operands {
  readonly left: readonly number[];
  readonly right: readonly number[];
}

/** A kernel of one warpgroup; `sums` are stored as the product's elements. */
async function multiply(body: string, operands: Operands = { left, right }): Promise<number[]> {
  const map = (memory: string) =>
    ({
      kind: "map",
      memory,
      offset: 0,
      dtype: "bf16",
      swizzleBytes: 128,
      extents: [size, size],
      strides: [1, size],
      box: [size, size],
    }) as const;
  const source = `struct __align__(2) nnc_bf16 { unsigned short bits; };
extern "C" __global__ void __launch_bounds__(${threads}) multiply(
    const __grid_constant__ NncTensorMap left, const __grid_constant__ NncTensorMap right, float *y) {
  NNC_DYNAMIC_SHARED;
  const int thread = (int)threadIdx.x;
  nnc_bf16 *const a = reinterpret_cast<nnc_bf16 *>(nnc_shared);
  nnc_bf16 *const b = reinterpret_cast<nnc_bf16 *>(nnc_shared + 8192);
  unsigned *const full = reinterpret_cast<unsigned *>(nnc_shared + 16384);
  float sums[32];
  if (thread == 0) {
    init_barrier(full, 1);
    publish_barriers();
  }
  __syncthreads();
${body}
  const int row = thread / 32 * 16 + thread % 32 / 4;
  for (int i = 0; i < 32; i++) {
    y[(row + i / 2 % 2 * 8) * ${size} + i / 4 * 8 + thread % 4 * 2 + i % 2] = sums[i];
  }
}
`;
  const memory = await runEmulated({
    source,
    memory: [
      { name: "left", bytes: 2 * size * size, given: bytes(operands.left) },
      { name: "right", bytes: 2 * size * size, given: bytes(operands.right) },
      { name: "y", bytes: 4 * size * size },
    ],
    launches: [
      {
        kernel: "multiply",
        blocks: 1,
        threads,
        sharedBytes: 16384 + 1024,
        arguments: [map("left"), map("right"), { kind: "pointer", memory: "y", offset: 0 }],
      },
    ],
  });
  return [...new Float32Array(memory.get("y")!)];
}

const copies = `
  if (thread == 0) {
    expect_bytes(full, 16384);
    copy_box_2_bf16(a, &left, full, 0, 0);
    copy_box_2_bf16(b, &right, full, 0, 0);
  }`;
const wait = `
  await_barrier(full, 0);`;

const products = (name: string, leftStep: number, rightStep: number): string => `
  start_products();
  for (int k = 0; k < 4; k++) {
    ${name}(sums, a + k * ${leftStep}, b + k * ${rightStep}, 8192, k > 0);
  }
  commit_products();`;
const along = products("multiply_warpgroup_64_bf16", 16, 16);
const finish = `
  finish_products_32(sums);`;

describe.runIf(hasEmulation)(`boxes and products of warpgroups, emulated ${needsEmulation}`, () => {
  test("a product of two boxes", async () => {
    expect(await multiply(copies + wait + along + finish)).toEqual(product);
  });

  test.each([
    ["left", "_transposed_left", 1024, 16],
    ["right", "_transposed_right", 16, 1024],
    ["left and right", "_transposed_left_transposed_right", 1024, 1024],
  ] as const)("a product with %s transposed", async (which, order, leftStep, rightStep) => {
    const body = products(`multiply_warpgroup_64_bf16${order}`, leftStep, rightStep);
    const operands = {
      left: which.includes("left") ? transposed(left) : left,
      right: which.includes("right") ? transposed(right) : right,
    };
    expect(await multiply(copies + wait + body + finish, operands)).toEqual(product);
  });

  test("a product one step too far along the sum", async () => {
    const body = products("multiply_warpgroup_64_bf16", 16, 32);
    expect(await multiply(copies + wait + body + finish)).not.toEqual(product);
  });

  test("boxes that nobody waited for", async () => {
    expect((await multiply(copies + along + finish)).some(Number.isNaN)).toBe(true);
  });

  test("sums that are read before their products are waited for", async () => {
    expect((await multiply(copies + wait + along)).some(Number.isNaN)).toBe(true);
  });

  test("a box that is overwritten while products read it", async () => {
    const again = `
  if (thread == 0) copy_box_2_bf16(a, &left, full, 0, 0);`;
    expect((await multiply(copies + wait + along + again + finish)).some(Number.isNaN)).toBe(true);
  });

  test("a box that does not start where lines can be exchanged", async () => {
    const misplaced = `
  if (thread == 0) copy_box_2_bf16(a + 64, &left, full, 0, 0);`;
    await expect(multiply(misplaced)).rejects.toThrow(
      /a box starts at 128, no multiple of 1024 bytes/,
    );
  });

  test("products that are not ordered after what was done to their sums", async () => {
    const unordered = along.replace("start_products();", "");
    await expect(multiply(copies + wait + unordered + finish)).rejects.toThrow(/start_products/);
  });

  test("a barrier whose bytes do not come", async () => {
    const announced = `
  if (thread == 0) expect_bytes(full, 64);`;
    await expect(multiply(announced + wait + finish)).rejects.toThrow(/await_barrier/);
  });
});
