/**
 * The graph: what a program means between lowering and scheduling.
 *
 * A **value** is one result of a node, with an element type and a shape. A **leaf** names a tensor that
 * exists before the step: a batch of an input, a parameter, a state. Nearly everything else is `compute`, the
 * tensor operation in gather form:
 *
 *     for each point p of the parallel box:
 *       s = identity
 *       for each r of the reduction box, in reading order, with where(p, r):
 *         s = combine(s, lift(body(p, r)))
 *       results[p] = finish(s)
 *
 * and without a reducer `results[p] = body(p)`. Axes are numbered: 0 … P−1 are parallel, P … P+R−1 are
 * reduction axes, and reading order has the last axis run fastest. A body is a DAG of scalars; its loads
 * index values by affine functions of the axes, and a load whose guard is false reads 0 and touches nothing.
 * Every load is in range wherever `where` and its guard hold; the verifier proves it for 1 ≤ N ≤ Nmax.
 *
 * A load by index (`gather`) reads where integers computed from data say; one that is out of range reads 0. What
 * gathers cannot say is a `scatter`, their derivative: for each point p of the parallel box, in reading order,
 *
 *     result[index(p)] += body(p)            nothing, where index(p) is out of range
 *
 * A `scan` is a loop over nodes: see `Scan`. A `call` is a region with a derivative of its own: see `Call`.
 *
 * Integers wrap at 32 bits; dividing one by zero gives 0. A cast of a float to an integer truncates and
 * saturates, NaN giving 0; of an integer to u8 it wraps; to bool it says whether the number is not 0.
 * Reducers say what an empty reduction, a NaN and a tie give (`reducers.ts`).
 * Nodes are immutable and hash-consed by content within one `GraphContext`: same content, same object.
 */

import type { Affine } from "./affine.ts";
import type { Condition } from "./condition.ts";
import type { DType } from "./dtype.ts";
import type { Extent, Shape } from "./extent.ts";
import type { ReducerName } from "./reducers.ts";
import type { ScalarFunctionName } from "./scalar-functions.ts";

/**
 * What a leaf stands for:
 * - `input`: a column of the batch, [N, …]
 * - `param`: trained by the optimizer; `state`: carried from step to step by assignments (moving
 *   averages, optimizer slots, metric totals)
 * - `gradient`: the derivative of the loss by the param of the same path, before differentiation
 * - `hyper`: a run-time number such as `learning_rate`, rank 0
 * - `counter`: `t`, the optimizer's updates from 1, or `batch`, trained batches from 0; rank 0
 * - `scalar`: a step scalar that the trainer computes and uploads, rank 0
 * - `carry`: what a loop carries from one iteration to the next, `3/0` the first of loop 3
 * - `outer`: a value from outside of a loop, in the graph of its body alone (see `loops.ts`)
 * - `cotangent`: the derivative of the loss by a result of a call, in that call's own derivative alone; `3/0` is by
 *   the first result of call 3. It has zeros where a graph is evaluated before it is differentiated
 * - `variable`: what a value is differentiated by where a program asks for that, in this value alone and until it is done;
 *   `12/0` stands for the first result of node 12
 */
export type LeafRole =
  | "input"
  | "param"
  | "state"
  | "gradient"
  | "hyper"
  | "counter"
  | "scalar"
  | "carry"
  | "outer"
  | "cotangent"
  | "variable";

/** What all nodes have. */
interface NodeBase {
  readonly id: number;
  /** The loops in whose bodies it is: it depends on their steps or carries. */
  readonly loops: ReadonlySet<number>;
}

export interface Leaf extends NodeBase {
  readonly kind: "leaf";
  readonly role: LeafRole;
  /** Unique within its role: `Digits/dense_1/kernel`. */
  readonly path: string;
  readonly values: readonly [Value];
}

export interface Compute extends NodeBase {
  readonly kind: "compute";
  /** Equal for nodes of one context that iterate alike: of the same axes, `where` and reducer. */
  readonly space: number;
  readonly parallel: readonly Extent[];
  readonly reduction: readonly Extent[];
  /** Points that take part in the reduction; `always` without a reducer. */
  readonly where: Condition;
  readonly reducer: ReducerName | null;
  readonly body: Scalar;
  /** One for most; value and arg for `max`, `min`; mean and variance for `moments`. */
  readonly values: readonly Value[];
  /** The distinct values that the body loads, in order of first occurrence. */
  readonly operands: readonly Value[];
}

export interface Scatter extends NodeBase {
  readonly kind: "scatter";
  /** The source points. */
  readonly parallel: readonly Extent[];
  /** Of the result. */
  readonly shape: Shape;
  /** An i32 for each dimension of the shape. */
  readonly index: readonly Scalar[];
  /** What is added there. */
  readonly body: Scalar;
  readonly values: readonly [Value];
  readonly operands: readonly Value[];
}

/** One of the values that a loop carries. */
export interface Carry {
  /** Its value in the body: that of the iteration before. */
  readonly leaf: Value;
  /** From outside: its value in the first iteration. */
  readonly init: Value;
  /** What it becomes. */
  readonly next: Value;
}

/** The values that a node of the body takes in all iterations, as one. */
export interface Stack {
  readonly value: Value;
  /** Which place along the stacked axis an iteration fills; of the loop's step alone, and each place once. */
  readonly place: Affine;
}

/**
 * A loop that runs `length` times, its **step** counting from 0. The body is those nodes that depend on its carries
 * or its step; it reads what lies outside as its own nodes do. Indexes in it may contain the step, and so may
 * those of loops around it.
 *
 * The results are the carries after the last iteration, then the stacks. The stacked axis is the first one, or
 * the second where N leads.
 */
export interface Scan extends NodeBase {
  readonly kind: "scan";
  /** Unique in a compilation. */
  readonly loop: number;
  readonly length: number;
  readonly carries: readonly Carry[];
  readonly stacks: readonly Stack[];
  /** Whether its derivative computes the body again from the carries, saving them alone. */
  readonly recompute: boolean;
  /** The body, operands before users. */
  readonly nodes: readonly Node[];
  readonly values: readonly Value[];
  /** Values from outside that the body reads, and the first carries. */
  readonly operands: readonly Value[];
}

/**
 * A region with a derivative of its own. Its results are the `primal` values; the derivative of the loss by each of
 * its inputs is the `gradient` at the same place, an expression over anything and the call's cotangents. Differentiation
 * puts the derivatives by its results in their place and never looks into the primal values; `inlineCalls` then does
 * away with calls.
 */
export interface Call extends NodeBase {
  readonly kind: "call";
  readonly primal: readonly Value[];
  /** Float values from outside that the primal values depend on. */
  readonly inputs: readonly Value[];
  /** A `cotangent` leaf for each result; null for a result that is not a float. */
  readonly cotangents: readonly (Value | null)[];
  /** One for each input, of its shape and type. */
  readonly gradients: readonly Value[];
  readonly values: readonly Value[];
  /** The primal values, the inputs and the gradients. */
  readonly operands: readonly Value[];
}

export type Node = Leaf | Compute | Scatter | Scan | Call;

export interface Value {
  readonly node: Node;
  readonly result: number;
  readonly dtype: DType;
  readonly shape: Shape;
}

export type Scalar = {
  readonly id: number;
  readonly dtype: DType;
} & (
  | { readonly kind: "constant"; readonly value: number }
  /** The integer value of an affine of the axes. */
  | { readonly kind: "index"; readonly index: Affine }
  /** Whether a condition on the axes holds. */
  | { readonly kind: "condition"; readonly condition: Condition }
  | {
      readonly kind: "load";
      readonly value: Value;
      readonly index: readonly Affine[];
      readonly guard: Condition;
      /** Equal for loads of one context with the same index and guard. */
      readonly place: number;
    }
  /** An element at a place that integers say, one for each dimension; 0 where one of them is out of range. */
  | { readonly kind: "gather"; readonly value: Value; readonly index: readonly Scalar[] }
  /**
   * Uniform in [0, 1), multiples of 2⁻²⁴: Threefry-2x32-20 with key (seed, hash32(stream)) and counter
   * (index >> 1, batch), of whose two words word index & 1 is taken.
   */
  | { readonly kind: "random"; readonly stream: string; readonly index: Affine }
  | { readonly kind: "cast"; readonly of: Scalar }
  | { readonly kind: "call"; readonly fn: ScalarFunctionName; readonly args: readonly Scalar[] }
);

export type GatherScalar = Extract<Scalar, { kind: "gather" }>;

export type LoadScalar = Extract<Scalar, { kind: "load" }>;

/** `target <- value`, committed at the end of the step. */
export interface Assignment {
  /** A param or a state. */
  readonly target: Value;
  readonly value: Value;
}

/** Named results and assignments; the nodes are whatever these reach. */
export interface Graph {
  readonly name: string;
  /** The largest N. */
  readonly batchMax: number;
  readonly results: readonly { readonly name: string; readonly value: Value }[];
  readonly assignments: readonly Assignment[];
}

/** Where a node comes from in the source; kept beside the graph so that equal nodes still unify. */
export interface Origin {
  readonly span: { readonly file: string; readonly start: number; readonly end: number };
  /** What the user would call it: the layer's or function's name. */
  readonly label: string;
  /** The function in it that is meant, if another: the activation of a layer. */
  readonly part?: string;
  /** Path of the layer instance: `Digits/dense_1`; empty outside layers. */
  readonly path: string;
  /** Whether it belongs to the derivative of what stands there. */
  readonly backward: boolean;
}
