/**
 * Compiled kernels for WebGPU, as plain data: what the compiler prints and the device runs.
 *
 * A kernel is one entry point `main` with its own module. Bind group 0 holds the step at binding 0, a uniform
 * buffer with a dynamic offset:
 *
 *     struct Step {
 *       n: i32,          // rows of this batch
 *       first_row: i32,  // where its row numbers start in `rows`
 *       seed: u32,
 *       batch: u32,
 *       infinity: u32,   // the bits of float32's infinity and NaN, which WGSL has no literals for
 *       nan: u32,
 *       scalars: array<vec4f, …>,  // step scalars, four to a vector, at byte 32; left out where there are none
 *     }
 *
 * In programs with loops, bindings 1, 2, … of bind group 0 are an i32 each, again with dynamic offsets: the number of the
 * iteration of the outermost loop around a dispatch, of the next one, and so on.
 *
 * Bind group 1 holds storage buffers, `WgslDispatch.bindings` in order from binding 0: ranges of the arenas as
 * `read_write`, which do not overlap within a dispatch, columns of the data and the row numbers as `read`. An arena is
 * one range as a whole where a kernel would have more than eight bindings, or where dispatches are joined. In arenas
 * every element takes a word of four bytes, bytes and bools too; columns are packed, bytes four to a `u32`, the first
 * in the lowest bits.
 */

export interface WgslProgram {
  /** Functions by name, as WGSL text; a module consists of what its kernel uses, in this order, and its code. */
  readonly functions: Readonly<Record<string, string>>;
  readonly kernels: readonly WgslKernel[];
  /** By graph: what one step dispatches, in order, each seeing what those before it stored. */
  readonly graphs: Readonly<Record<string, readonly WgslDispatch[]>>;
  /** Left out where there are none. */
  readonly loops?: WgslLoops;
  /** What the plan needs beyond the limits that every WebGPU device has, in bytes. */
  readonly limits: {
    readonly maxBufferSize?: number;
    readonly maxStorageBufferBindingSize?: number;
  };
}

/** The loops of all graphs. */
export interface WgslLoops {
  /** How deep they are nested at most. */
  readonly depth: number;
  /** Iterations of the longest one. */
  readonly longest: number;
  /** Graphs with loops: their dispatches in the order in which a step runs them, and how many it runs. */
  readonly graphs: Readonly<
    Record<string, { readonly order: readonly WgslOrder[]; readonly dispatches: number }>
  >;
}

/** A dispatch, by its position in its graph, or a loop over such. */
export type WgslOrder = number | { readonly times: number; readonly order: readonly WgslOrder[] };

/** Features of a device that kernels can make use of. */
export type WgslFeature = "subgroups" | "shader-f16";

export interface WgslKernel {
  /** From the model: `dense_1_relu`. */
  readonly name: string;
  /** Names of functions that it calls, callees first. */
  readonly uses: readonly string[];
  /** Declarations and the entry point `main`. */
  readonly code: string;
  /** Which bindings of group 1 are read only: columns and row numbers. */
  readonly readOnly: readonly boolean[];
  /** Features without which it does not compile; a model that needs them was built so. */
  readonly requires: readonly WgslFeature[];
  /** The same kernel for devices with subgroups, where it makes a difference. */
  readonly withSubgroups?: Pick<WgslKernel, "uses" | "code">;
}

export interface WgslDispatch {
  /** Position in `kernels`. */
  readonly kernel: number;
  /** Workgroups for the largest batch; kernels leave at once where a smaller one has no work for them. */
  readonly workgroups: readonly [x: number, y: number];
  readonly bindings: readonly WgslBinding[];
}

export type WgslBinding =
  /** A range of an arena in bytes, from a multiple of 256 on. */
  | {
      readonly kind: "arena";
      readonly arena: "persistent" | "temporaries" | "results";
      readonly offset: number;
      readonly size: number;
    }
  /** A column of the data, by its slot in the plan. */
  | { readonly kind: "column"; readonly slot: number }
  /** Row numbers of the run, as i32; those of the batch start at `Step.first_row`. */
  | { readonly kind: "rows" };
