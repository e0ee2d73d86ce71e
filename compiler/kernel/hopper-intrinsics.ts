/**
 * Functions of the machine that devices of compute capability 9.0 have beside those of `intrinsics.ts`: copies of whole
 * boxes of a tensor, barriers in shared memory that count their bytes, and products of matrices in shared memory by a
 * **warpgroup**, four subgroups from a multiple of 128 threads on.
 *
 * A **barrier** is two words of shared memory, from a multiple of 8 bytes on. It goes through phases, numbered from 0: a
 * phase ends when as many threads have arrived as it was made for, and all bytes are there that were announced for it.
 * Threads wait for the end of the phase of a **parity**, that of its number; of a new barrier, the phase of parity 1 has
 * ended.
 *
 * **Boxes** lie in shared memory line by line, the innermost axis first, from a multiple of 1024 bytes on. A line is 128
 * bytes, 64 halves or 32 words, in pieces of 16; piece p of the line at 128·i lies where piece p ^ (i mod 8) would:
 * eight lines are then read without two of them meeting in one bank.
 *
 * **Products**: sums[64 × columns] += left[64 × 16 halves] · right[16 halves × columns], or 8 words of f32 in place of
 * 16 halves. Operands are boxes, or start within one: lines of an operand that lies **along the sum** are its rows (the
 * columns of `right`), each 64 halves of the sum, and the product takes 32 bytes of them; a **transposed** one has
 * lines of 64 rows at one point of the sum, 64 and 64 in boxes of their own, and is whole boxes wide. Products run
 * behind the threads' back: what they read must not change, and their sums not be touched, until they have been waited
 * for. Products are exact and added in f32.
 *
 * Thread t of a warpgroup has the sums of rows 16·(t div 32) + (t mod 32) div 4 and that + 8, and of each eight columns
 * those of number 2·(t mod 4) and the next: sums[4·i + 2·r + c] is row r and column c of the i-th eight.
 *
 * PTX ISA, "Asynchronous Warpgroup Level Matrix Instructions" and "Tensor copies"
 * (https://docs.nvidia.com/cuda/parallel-thread-execution/).
 */

import { invariant } from "../diagnostics/diagnostic.ts";
import { intrinsic, pointer, value } from "./intrinsics.ts";
import type { KernelFunction } from "./ir.ts";

/** What operands are in shared memory. */
export type WarpgroupOperand = "f16" | "bf16" | "tf32";

/** Of memory: words of f32 are multiplied as tf32. */
export const operandElement = { f16: "f16", bf16: "bf16", tf32: "f32" } as const;

/** Threads that issue a product together, and its rows. */
export const warpgroupThreads = 128;
export const warpgroupRows = 64;

/** Bytes of a line of a box, and what boxes are aligned to. */
export const lineBytes = 128;
export const boxAlignment = 1024;

/** Bytes of the sum that one product takes of a line. */
export const stepBytes = 32;

/** Halves of a line: rows of a box of a transposed operand. */
const boxRows = 64;

/** Makes a barrier for so many arrivals; one thread does, before all threads of the workgroup meet. */
export const initBarrier: KernelFunction = intrinsic("init_barrier", "", [
  pointer("barrier", "u32", "write"),
  value("arrivals", "i32"),
]);

/** Lets copies of boxes see the barriers that this thread has made. */
export const publishBarriers: KernelFunction = intrinsic("publish_barriers", "", []);

/** Arrives. */
export const arriveAtBarrier: KernelFunction = intrinsic("arrive_at_barrier", "", [
  pointer("barrier", "u32", "read_write"),
]);

/** Announces so many bytes, and arrives. */
export const expectBytes: KernelFunction = intrinsic("expect_bytes", "", [
  pointer("barrier", "u32", "read_write"),
  value("bytes", "i32"),
]);

/** Waits until the phase of this parity has ended; sees what was copied in it. */
export const awaitBarrier: KernelFunction = intrinsic("await_barrier", "", [
  pointer("barrier", "u32", "read_write"),
  value("parity", "i32"),
]);

/** The most axes that a tensor map has. */
export const mostAxes = 5;

/**
 * Copies the box of a tensor that starts at these coordinates, the innermost first, to shared memory; the barrier is given
 * all of its bytes. What lies beyond the tensor is 0.
 */
export function copyBox(axes: number, dtype: "f32" | "f16" | "bf16"): KernelFunction {
  invariant(axes >= 2 && axes <= mostAxes, `a box of ${axes} axes`);
  const coordinates = Array.from({ length: axes }, (_, i) => value(`at_${i}`, "i32"));
  return intrinsic(`copy_box_${axes}_${dtype}`, "", [
    pointer("to", dtype, "write"),
    pointer("map", dtype, "read"),
    pointer("barrier", "u32", "read_write"),
    ...coordinates,
  ]);
}

/** Orders what threads of the warpgroup did to sums before the products that follow. */
export const startProducts: KernelFunction = intrinsic("start_products", "", []);

/** Closes the group of products issued since the last. */
export const commitProducts: KernelFunction = intrinsic("commit_products", "", []);

/** Waits until at most so many of the latest groups are under way. */
export function awaitProducts(pending: number): KernelFunction {
  return intrinsic(`await_products_${pending}`, "", []);
}

/** Waits for all products; the sums, so many of this thread, may be read after it. */
export function finishProducts(sums: number): KernelFunction {
  return intrinsic(`finish_products_${sums}`, "", [pointer("sums", "f32", "read_write")]);
}

/** Whether operands are transposed; those of tf32 must not be. */
export interface OperandOrder {
  readonly left: boolean;
  readonly right: boolean;
}

/**
 * The product of 64 rows and so many columns, a multiple of 8 up to 256. `right_bytes` is how far apart the boxes of 64
 * columns of a transposed `right` are. Without `accumulates` the sums start at 0.
 */
export function multiplyWarpgroup(
  columns: number,
  dtype: WarpgroupOperand,
  transposed: OperandOrder,
): KernelFunction {
  invariant(columns % 8 === 0 && columns >= 8 && columns <= 256, `a product of ${columns} columns`);
  const isPlain = !transposed.left && !transposed.right;
  invariant(dtype !== "tf32" || isPlain, "products of tf32 are not transposed");
  const isWhole = !transposed.right || columns % boxRows === 0;
  invariant(isWhole, `a transposed operand of ${columns} columns`);
  const order = `${transposed.left ? "_transposed_left" : ""}${transposed.right ? "_transposed_right" : ""}`;
  const element = operandElement[dtype];
  return intrinsic(`multiply_warpgroup_${columns}_${dtype}${order}`, "", [
    pointer("sums", "f32", "read_write"),
    pointer("left", element, "read"),
    pointer("right", element, "read"),
    value("right_bytes", "i32"),
    value("accumulates", "bool"),
  ]);
}

/** Gives or takes registers, so that each thread of this warpgroup has so many: a multiple of 8 from 24 to 256. */
export function setRegisters(how: "increase" | "decrease", count: number): KernelFunction {
  invariant(count % 8 === 0 && count >= 24 && count <= 256, `${count} registers`);
  return intrinsic(`${how}_registers_${count}`, "", []);
}
