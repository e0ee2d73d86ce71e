/**
 * Compiled kernels for CUDA, as plain data: what the compiler prints, `nvcc` or NVRTC compiles, and the device runs.
 *
 * A kernel is an `extern "C" __global__` function. Its arguments are those of a launch in order, by value: pointers to
 * memory of the device, and where a kernel asks for them
 *
 * - `step`: a pointer to the step, which is not the same memory in every step:
 *
 *       struct NncStep {
 *         const int *rows;    // row numbers of this batch
 *         unsigned seed;      // key of random numbers
 *         unsigned batch;     // counter of random numbers
 *         float scalars[];    // step scalars by slot
 *       };
 *
 * - `n`: the rows of this batch, an int;
 * - `iteration`: which one it is of a loop around the launch, an int from 0;
 * - a tensor map: 128 bytes that `cuTensorMapEncodeTiled` makes for this n, as a `__grid_constant__`.
 *
 * All else of a launch is the same for every step and every n, so that a step is one CUDA graph for each n in use, with
 * a node for each time that a loop comes to a launch, or one for the whole loop.
 * Elements in arenas have their natural sizes: 4 bytes for f32 and i32, 2 for f16 and bf16, 1 for u8 and bool.
 */

/** What a model's kernels were printed for; a device runs the first variant that is for it. */
export interface CudaProgram {
  readonly variants: readonly CudaVariant[];
}

/** `sm_90a` runs on devices of compute capability 9.0 alone; `sm_80` from 8.0 on. */
export type CudaArchitecture = "sm_80" | "sm_90a";

export interface CudaVariant {
  readonly architecture: CudaArchitecture;
  readonly kernels: readonly CudaKernel[];
  /** By graph: what one step launches, in order. */
  readonly graphs: Readonly<Record<string, readonly CudaLaunch[]>>;
  /** By graph, of those that have loops: outer ones before those in them, and others in order. */
  readonly loops: Readonly<Record<string, readonly CudaLoop[]>>;
}

export interface CudaKernel {
  /** The function's name, from the model: `dense_1_relu`. */
  readonly name: string;
  /** Of a block. */
  readonly threads: number;
  /** Bytes of shared memory that are given at the launch, beside what the function declares. */
  readonly sharedBytes: number;
  /** Blocks are as many as the device runs at once, at most those of the launch: they share the tasks out themselves. */
  readonly isPersistent: boolean;
  /** Blocks wait for each other: all of them have to run at once, which the device is to be asked for. */
  readonly isCooperative: boolean;
  /** What it computes, `dense_1: matmul, bias, relu`, and where in the model, `digits.nn:5:30`: for messages. */
  readonly computes: readonly string[];
  readonly origins: readonly string[];
}

export interface CudaLaunch {
  /** Position in `kernels`. */
  readonly kernel: number;
  /** Blocks for the largest batch; kernels leave at once where a smaller one has no work for them. */
  readonly blocks: number;
  readonly arguments: readonly CudaArgument[];
  /** May run at the same time as the launch before it, and as those that that one may run with. */
  readonly withPrevious: boolean;
}

/** Launches `first` to `end`, the latter excluded, are made so many times; none of them runs with one outside. */
export interface CudaLoop {
  readonly first: number;
  readonly end: number;
  readonly count: number;
  /** One launch that does the same, if there is one; only some devices run it where its kernel is cooperative. */
  readonly whole: CudaLaunch | null;
}

export type CudaArgument =
  /** A pointer into an arena, `offset` bytes from its start. */
  | { readonly kind: "arena"; readonly arena: CudaArena; readonly offset: number }
  /** A pointer to a column of the data, by its slot in the plan. */
  | { readonly kind: "column"; readonly slot: number }
  | { readonly kind: "step" }
  | { readonly kind: "n" }
  /** Of the loops around the launch 0 is the outermost. */
  | { readonly kind: "iteration"; readonly depth: number }
  | ({ readonly kind: "tensorMap" } & CudaTensorMap);

export type CudaArena = "persistent" | "temporaries" | "results";

/** A tensor in an arena as boxes of it are copied, innermost axis first; see `TensorMapParameter` of the kernel IR. */
export interface CudaTensorMap {
  readonly arena: CudaArena;
  readonly offset: number;
  /** Copies of tf32 are numbers of f32 rounded to 10 bits of fraction. */
  readonly dtype: "f32" | "tf32" | "f16" | "bf16";
  /** In elements, batch·n + constant: rows after those of the batch are not there. */
  readonly extents: readonly { readonly batch: number; readonly constant: number }[];
  /** In elements, the same for every n; the first is 1. */
  readonly strides: readonly number[];
  readonly box: readonly number[];
  readonly swizzleBytes: 0 | 32 | 64 | 128;
}
