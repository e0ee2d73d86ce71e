/**
 * The kernel IR: what schedules produce and printers print. It says loops, memory and machine arithmetic,
 * and nothing of any one target. What it means:
 *
 * A **kernel** is run as `tasks` independent tasks, numbered by the symbol `task`, in any order and at the
 * same time; no task may read what another writes. Its parameters are **windows** (one tensor each, row-major,
 * indexed in elements from 0), **columns** of the data (indexed within one row of the batch, see `load`),
 * step **scalars** and **steps** of loops around it. Shapes and strides are literals taken at N = Nmax; the symbol `n` is the current batch
 * size. A written window overlaps no other one: memory that is read and written is one parameter. Only windows that
 * are said to be `shared` may overlap, and change hands at barriers.
 *
 * A task is run by one thread, or by a **workgroup** of `threads` threads that all run the body, told apart by the
 * symbol `thread`. Names and `local` buffers belong to a thread, `shared` buffers to the workgroup. What a thread
 * stores in shared or global memory the others of its workgroup may read after a `barrier`; all threads must come to
 * every barrier, so conditions and loop bounds around one depend on nothing that differs between threads and on no
 * memory. The workgroups of a persistent kernel may meet at barriers of the whole **grid**, all of them at every one:
 * what stands around these does not differ between workgroups either.
 *
 * A **type** is an element type and a number of lanes; more than one lane is a vector, and every operation
 * works lane by lane. Index arithmetic is `i32` with one lane, and never overflows; other `i32` and all
 * `u32` arithmetic wraps. `bool` is true or false, as a vector a mask. Floating-point operations are the IEEE
 * ones, rounded each; only `fma` rounds once for two operations, and no printer may contract on its own.
 *
 * **Statements** run in order. `let` names a value once; `mutable` names one that `assign` changes, and is what
 * accumulators of register tiles are: single named scalars or vectors, never arrays, because compilers keep
 * arrays in memory. Names are unique within a kernel or function. An unguarded access is in range; under a
 * `mask` lanes that are false read 0 or store nothing, and their addresses are not touched. Expressions have
 * no effects and may be evaluated in any order or not at all; a `select` evaluates both sides.
 *
 * `call` (a row of the table of scalar functions) and `random` mean what they mean in a graph. Targets rewrite
 * them before printing, into operations and functions of their own (`legalize`).
 */

import type { Extent } from "../graph/extent.ts";
import type { ScalarFunctionName } from "../graph/scalar-functions.ts";

/**
 * Types of elements in memory and of values. `f64` is for targets that compute in it, `u32` for bits, `f16` and `bf16`
 * for memory of targets that have them: values are converted to f32 before anything is computed with them.
 */
export type ElementType = "f32" | "f64" | "f16" | "bf16" | "i32" | "u32" | "u8" | "bool";

export interface Type {
  readonly dtype: ElementType;
  /** 1, or a power of two. */
  readonly lanes: number;
}

/**
 * - `n`: rows in this batch; `task`: number of this task; `thread`: number of this thread in its workgroup (all i32)
 * - `whole`: of kernels that tasks take some rows of the batch through, as if these were it: rows of the whole batch (i32)
 * - `subgroup`: threads that run in lockstep and may exchange values, a power of two; threads 0 … subgroup−1 of the
 *   workgroup are the first of them, and so on (i32)
 * - `group`, `groups`: of persistent kernels, number of this workgroup and how many there are (both i32)
 * - `seed`, `batch`: key and counter of random numbers (both u32)
 */
export type KernelSymbol =
  | "n"
  | "whole"
  | "task"
  | "thread"
  | "subgroup"
  | "group"
  | "groups"
  | "seed"
  | "batch";

/**
 * Machine operations, lane by lane. Arguments have one type but for `select`, whose first is a bool.
 *
 * - `add` … `negate`, `absolute`: numbers; `divide`: floats only
 * - `min`, `max`: a < b ? a : b and a > b ? a : b, so the second if either is NaN or both are equal
 * - `quotient`, `remainder`: integers, rounding towards zero, second argument ≠ 0
 * - `floorQuotient`, `floorRemainder`: integers, any first argument, second > 0
 * - `and`, `or`, `xor`, `not`: bools, or bits of u32 and i32
 * - `shiftLeft`, `shiftRight`: u32 and i32 by 0 … 31 bits; `shiftRight` of an i32 keeps the sign
 * - comparisons: any type, to bool; with a NaN all are false but `notEqual`
 * - `fma`: a·b + c rounded once; `sqrt`, `floor`, `ceil`, `trunc`, `rint` (ties to even): floats, exact
 * - `scale`: a·2^b rounded once, of f32 with 0.5 ≤ |a| < 2 and whole −252 ≤ b ≤ 254
 * - `rounded`: a float as it is. It marks what a formula needs to be rounded as said here, the parts of an error that
 *   is added back: where compilers of a target may reorder arithmetic, or have no fma, the target sees to it
 */
export type Operation =
  | "add"
  | "subtract"
  | "multiply"
  | "divide"
  | "negate"
  | "absolute"
  | "min"
  | "max"
  | "quotient"
  | "remainder"
  | "floorQuotient"
  | "floorRemainder"
  | "and"
  | "or"
  | "xor"
  | "not"
  | "shiftLeft"
  | "shiftRight"
  | "equal"
  | "notEqual"
  | "less"
  | "lessEqual"
  | "greater"
  | "greaterEqual"
  | "select"
  | "fma"
  | "sqrt"
  | "floor"
  | "ceil"
  | "trunc"
  | "rint"
  | "scale"
  | "rounded";

/** How the lanes of a vector become one value; always as a tree: lane i with lane i + L/2, then halves. */
export type LaneReduction = "add" | "multiply" | "maximum" | "minimum" | "and" | "or";

export type Expression = { readonly type: Type } & (
  | { readonly kind: "constant"; readonly value: number }
  /** A let, a mutable, a loop variable, a scalar parameter or a value parameter of a function. */
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "symbol"; readonly symbol: KernelSymbol }
  | LoadExpression
  | {
      readonly kind: "operation";
      readonly operation: Operation;
      readonly args: readonly Expression[];
    }
  | { readonly kind: "call"; readonly fn: ScalarFunctionName; readonly args: readonly Expression[] }
  /** A call of a function that returns a value. */
  | {
      readonly kind: "invoke";
      readonly function: KernelFunction;
      readonly args: readonly Expression[];
    }
  /**
   * The same number in another type: floats to integers truncate and saturate (NaN gives 0), integers to
   * floats round to nearest even, integers wrap, bools are 0 and 1, and a number is true when it is not 0.
   */
  | { readonly kind: "convert"; readonly of: Expression }
  /** The same 32 bits as another type. */
  | { readonly kind: "bitcast"; readonly of: Expression }
  /** One value in every lane. */
  | { readonly kind: "broadcast"; readonly of: Expression }
  /** 0, 1, 2 … in lanes of i32. */
  | { readonly kind: "ramp" }
  /** One lane of a vector. */
  | { readonly kind: "lane"; readonly of: Expression; readonly lane: number }
  | { readonly kind: "reduce"; readonly reduction: LaneReduction; readonly of: Expression }
  /** Single values side by side as the lanes of a vector. */
  | { readonly kind: "join"; readonly of: readonly Expression[] }
  /** Lanes of a followed by b, each by its number; with it blocks are transposed in registers. */
  | {
      readonly kind: "shuffle";
      readonly a: Expression;
      readonly b: Expression;
      readonly lanes: readonly number[];
    }
  /**
   * What `of` is in the thread `distance` further on in the same subgroup; undefined where that is beyond its end. For
   * targets whose description has subgroups; all threads of the workgroup must come to it.
   */
  | { readonly kind: "shuffleDown"; readonly of: Expression; readonly distance: number }
  /**
   * What `of` is in the first of `count` threads of the workgroup, from a multiple of `count` on, of which this is one. For
   * targets whose description says how many threads a subgroup has, at least `count`, a power of two.
   */
  | { readonly kind: "shuffleFirst"; readonly of: Expression; readonly count: number }
  /** Uniform in [0, 1), see `random` in `graph/node.ts`; `index` is the element's, in i32 lanes. */
  | { readonly kind: "random"; readonly stream: string; readonly index: Expression }
);

/** Where in a buffer. On a column, `row` is the row of the batch and `index` the element within it. */
export interface Place {
  readonly buffer: string;
  /** In elements. One lane: that element and the lanes − 1 after it. As many lanes as the value: each its own. */
  readonly index: Expression;
  /** For columns only: a row of the batch, 0 … n−1, in i32; element `rows[row]·rowElements + index`. */
  readonly row: Expression | null;
}

export type LoadExpression = { readonly type: Type } & {
  readonly kind: "load";
  readonly place: Place;
  /** One bool for all lanes, or one each; null reads all. */
  readonly mask: Expression | null;
  /** Only lanes 0 … active−1 are read, the others are 0; a literal, so it costs no mask. */
  readonly active: number;
};

export type Statement =
  | { readonly kind: "let"; readonly name: string; readonly value: Expression }
  | { readonly kind: "mutable"; readonly name: string; readonly value: Expression }
  | { readonly kind: "assign"; readonly name: string; readonly value: Expression }
  | {
      readonly kind: "store";
      readonly place: Place;
      readonly value: Expression;
      readonly mask: Expression | null;
      readonly active: number;
    }
  | Loop
  | {
      readonly kind: "if";
      readonly condition: Expression;
      readonly whenTrue: readonly Statement[];
      readonly whenFalse: readonly Statement[];
    }
  /** A call of a function that returns nothing, such as a micro-kernel. */
  | {
      readonly kind: "invoke";
      readonly function: KernelFunction;
      readonly args: readonly Argument[];
    }
  /** A buffer of this task alone (`local`) or of a workgroup (`shared`), with undefined content. */
  | {
      readonly kind: "buffer";
      readonly name: string;
      readonly scope: "local" | "shared";
      readonly dtype: ElementType;
      readonly elements: number;
    }
  /**
   * Waits for all threads of the workgroup; what they stored, in shared and in global memory, can be read after it. One
   * of the grid waits for all threads of all workgroups, and what they stored in global memory can be read after it.
   */
  | { readonly kind: "barrier"; readonly scope?: "grid" }
  | { readonly kind: "comment"; readonly text: string };

/** `variable` (i32) = from, from + step, … while it is < to. */
export interface Loop {
  readonly kind: "loop";
  /** `unrolled` asks the target's compiler to repeat the body instead of looping; trip counts are literals. */
  readonly mode: "serial" | "unrolled";
  readonly variable: string;
  readonly from: Expression;
  readonly to: Expression;
  /** A positive literal. */
  readonly step: number;
  readonly body: readonly Statement[];
}

export type Argument = Expression | Address;

/**
 * A pointer into a buffer, passed to a function; the callee sees it as a window that starts there, or as a column whose row
 * 0 is the place's row, with elements from the place's index on.
 */
export interface Address {
  readonly kind: "address";
  readonly place: Place;
}

export type Access = "read" | "write" | "read_write";

/** Emitted once per module however often it is called; equal content has an equal name. */
export interface KernelFunction {
  readonly name: string;
  readonly comment: string;
  readonly parameters: readonly FunctionParameter[];
  readonly body: readonly Statement[];
  /** What it returns after its body, or null. */
  readonly result: Expression | null;
  /** Asks for inlining; micro-kernels are not, so that they are emitted once. */
  readonly inline: boolean;
  /** One of the machine's own, see `intrinsics.ts`: targets that have it bring it along, and it has no body here. */
  readonly isIntrinsic?: boolean;
}

export type FunctionParameter =
  | {
      readonly kind: "value";
      readonly name: string;
      readonly type: Type;
      /**
       * Whether it is an i32 of which nothing but indexes are made, none of which overflow: languages in which addresses are
       * wider may pass it as one as wide, so that their compilers need not let indexes wrap.
       */
      readonly isStride?: boolean;
    }
  | {
      readonly kind: "pointer";
      readonly name: string;
      readonly dtype: ElementType;
      readonly access: Access;
    }
  /** Rows of the batch, read where they lie in a column; a function has one of these at most. */
  | ColumnParameter;

/** A data column of native type, read through the row numbers of the batch. */
export interface ColumnParameter {
  readonly kind: "column";
  readonly name: string;
  readonly dtype: ElementType;
  readonly rowElements: number;
}

export type KernelParameter =
  | {
      readonly kind: "window";
      readonly name: string;
      readonly dtype: ElementType;
      readonly access: Access;
      /** Elements of the whole tensor at Nmax. */
      readonly elements: number;
      /** It may be the memory of others, and one workgroup may read what another wrote before a barrier of the grid. */
      readonly isShared?: boolean;
    }
  | ColumnParameter
  | { readonly kind: "scalar"; readonly name: string }
  /** The number of the current iteration of a loop that launches the kernel again and again, an i32. */
  | { readonly kind: "step"; readonly name: string }
  /** How boxes of a tensor are copied by the machine itself; only intrinsics take it, by its address at index 0. */
  | TensorMapParameter;

/** A tensor in memory as boxes of it are copied; the innermost axis comes first, as the machine has it. */
export interface TensorMapParameter {
  readonly kind: "tensorMap";
  readonly name: string;
  readonly dtype: ElementType;
  /** From the first element on to the tensor's end, at N = Nmax. */
  readonly elements: number;
  /**
   * Elements along each axis, batch·n + constant: 2 to 5 axes. What is copied from beyond them is 0, so that rows after
   * those of this batch add nothing to sums.
   */
  readonly extents: readonly Extent[];
  /** Elements from one to the next along each axis, at N = Nmax: 1 for the first; the others multiples of 16 bytes. */
  readonly strides: readonly number[];
  /** Elements of a box along each axis, at most 256. */
  readonly box: readonly number[];
  /** Bytes of lines in shared memory within which 16-byte pieces are exchanged, so that columns are read at once. */
  readonly swizzleBytes: 0 | 32 | 64 | 128;
  /** Whether copies of f32 have 10 bits of fraction, rounded to nearest. */
  readonly roundsToTf32: boolean;
}

export interface Kernel {
  /** From the model: `dense_1_relu`. */
  readonly name: string;
  readonly comment: KernelComment;
  readonly parameters: readonly KernelParameter[];
  /** Number of tasks: an i32 of literals and `n`. */
  readonly tasks: Expression;
  /** Threads that run a task together: 1, or a multiple of 32 or power of two. */
  readonly threads: number;
  /**
   * As many workgroups run as the device has places for, at most one a task, and each goes through its tasks itself:
   * `group`, `group + groups`, … while below the number of tasks. The symbol `task` has no meaning then.
   */
  readonly isPersistent?: boolean;
  readonly body: readonly Statement[];
}

/** What `explain` and the head comment say of a kernel; figures at N = Nmax. */
export interface KernelComment {
  /** What is computed, one line per fused node, in order. */
  readonly lines: readonly string[];
  /** Places in the source, such as `digits.nn:5`. */
  readonly sources: readonly string[];
  /** Floating-point operations, counting fma as two. */
  readonly flops: number;
  /** Bytes of distinct memory read and written. */
  readonly bytes: number;
}
