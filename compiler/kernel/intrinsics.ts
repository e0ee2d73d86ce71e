/**
 * Functions of the machine that schedules call by name: copies that go on while threads compute, and products of small
 * matrices. Targets that have them print them as calls, with an implementation of their own beside the kernels; they
 * have no body here. All of them are statements; what they give goes to `local` buffers, the registers of a thread, at
 * literal positions.
 *
 * Asynchronous copies: a thread issues copies, closes the group of those issued since the last, and later waits until
 * all but the last so many of its groups have arrived. Threads of a workgroup see each other's copies after such a
 * wait of each and a barrier. The source must not change meanwhile.
 *
 * Matrices of a subgroup of 32 threads are spread over the threads' registers as PTX has it for `mma.sync` and
 * `ldmatrix` (https://docs.nvidia.com/cuda/parallel-thread-execution/, "Matrix Fragments for mma.m16n8k16"). All threads
 * of the subgroup come to these together.
 */

import { place } from "./build.ts";
import type {
  Access,
  ElementType,
  Expression,
  FunctionParameter,
  KernelFunction,
  Statement,
} from "./ir.ts";

/** Elements of narrow floats and f32 in memory. */
export type CopiedType = "f32" | "f16" | "bf16";
export type MatrixType = "f16" | "bf16";

/** Threads that issue an instruction together, on every device of a target that has these functions. */
export const subgroupThreads = 32;

export function intrinsic(
  name: string,
  comment: string,
  parameters: readonly FunctionParameter[],
): KernelFunction {
  return { name, comment, parameters, body: [], result: null, inline: true, isIntrinsic: true };
}

export function pointer(name: string, dtype: ElementType, access: Access): FunctionParameter {
  return { kind: "pointer", name, dtype, access };
}

export function value(name: string, dtype: ElementType): FunctionParameter {
  return { kind: "value", name, type: { dtype, lanes: 1 } };
}

/** Into which cache memory is brought. */
export type PrefetchLevel = "first" | "second";

/** Asks for memory to be brought near; see `askFor`. */
function prefetch(dtype: ElementType, level: PrefetchLevel): KernelFunction {
  const name = level === "first" ? `prefetch_${dtype}` : `prefetch_second_${dtype}`;
  return intrinsic(name, "", [pointer("from", dtype, "read")]);
}

/**
 * Asks for the memory around an element of f32 to be brought near, because it will be read soon. Nothing else happens;
 * the element may lie beyond the buffer's end, or before its start. Of a column, the row must be one of the batch.
 */
export function askFor(
  buffer: string,
  index: Expression,
  row: Expression | null = null,
  level: PrefetchLevel = "first",
): Statement {
  const address = { kind: "address", place: place(buffer, index, row) } as const;
  return { kind: "invoke", function: prefetch("f32", level), args: [address] };
}

/**
 * Copies 4, 8 or 16 bytes from global to shared memory, both aligned to as much; zeros where `exists` is false, without
 * touching the source.
 */
export function copyAsync(bytes: 4 | 8 | 16, dtype: CopiedType): KernelFunction {
  return intrinsic(`copy_async_${bytes}_${dtype}`, "", [
    pointer("to", dtype, "write"),
    pointer("from", dtype, "read"),
    value("exists", "bool"),
  ]);
}

/** Closes the group of asynchronous copies that this thread has issued. */
export const commitCopies: KernelFunction = intrinsic("commit_copies", "", []);

/** Waits until at most so many of this thread's latest groups are under way. */
export function awaitCopies(pending: number): KernelFunction {
  return intrinsic(`await_copies_${pending}`, "", []);
}

/**
 * Waits for all of the first so many threads of the workgroup, a multiple of 32, and sees what they stored: a barrier of
 * some threads, where no others come.
 */
export function meetThreads(threads: number): KernelFunction {
  return intrinsic(`meet_threads_${threads}`, "", []);
}

/**
 * Reads four (two) matrices of 8 × 8 halves from shared memory: thread i gives the address of line i mod 8 of matrix
 * i / 8, 16 bytes from a multiple of 16 on. Register j of thread t has elements 2(t mod 4) and the next of line t / 4 of
 * matrix j, or of column t / 4 if `transposed`.
 */
export function loadMatrices(count: 2 | 4, dtype: MatrixType, transposed: boolean): KernelFunction {
  return intrinsic(`load_matrices_${count}${transposed ? "_transposed" : ""}_${dtype}`, "", [
    pointer("registers", "u32", "write"),
    pointer("line", dtype, "read"),
  ]);
}

/**
 * sums += left · right, of 16 × 16 by 16 × 8 halves: `left` has 4 registers, `right` 2, `sums` 4.
 * Products are exact and added in f32.
 */
export function multiplyMatrices(dtype: MatrixType): KernelFunction {
  return intrinsic(`multiply_matrices_${dtype}`, "", [
    pointer("sums", "f32", "read_write"),
    pointer("left", "u32", "read"),
    pointer("right", "u32", "read"),
  ]);
}

/** The same of 16 × 8 by 8 × 8 numbers that `roundToTf32` made. */
export const multiplyMatricesTf32: KernelFunction = intrinsic("multiply_matrices_tf32", "", [
  pointer("sums", "f32", "read_write"),
  pointer("left", "u32", "read"),
  pointer("right", "u32", "read"),
]);

/** The bits of a number rounded to 10 bits of fraction, to nearest with ties away from zero. */
export const roundToTf32: KernelFunction = intrinsic("round_to_tf32", "", [
  pointer("register", "u32", "write"),
  value("number", "f32"),
]);
