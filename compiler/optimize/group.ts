/**
 * Fusion groups: the unit of execution. A group becomes one kernel; its stages are graph nodes, computed
 * tile by tile over a shared tile space, so that what one stage makes the next can read from registers or
 * from memory near by.
 *
 * A group is legal if
 * - it is convex: no path leaves it and comes back;
 * - it is tile-local: a stage reads a value made in the group only at points of its own tile;
 * - what it overwrites (the old value of a param or state) has no reader that runs later, and its own
 *   readers read each element no later than it is written.
 *
 * Which schedule a group gets follows from its structure alone, see `GroupKind`.
 */

import type { Extent } from "../graph/extent.ts";
import type { Compute, Graph, Leaf, Scan, Scatter, Value } from "../graph/node.ts";

/**
 * Where a value made in a group lives:
 * - `register`: in the registers that compute it; no reader outside the group
 * - `tile`: near the tile that computes it, in registers or memory of the task; no reader outside the group
 * - `global`: in an arena; read by other groups, by the runtime, or kept as a param or state
 */
export type Scope = "register" | "tile" | "global";

/**
 * The structure of a group:
 * - `contraction`: one stage sums products of two operands; the others are maps over the same points, computed
 *   on its accumulators
 * - `rows`: all stages share the axes of the tile space; maps and reductions over what is left of each row, and
 *   perhaps a contraction whose register tile holds whole rows
 * - `map`: stages without reducers over one iteration space
 * - `reduction`: reductions across rows, with maps over the same points
 * - `scatter`: a part of a scatter, see `ScatterStep`; its stages are maps on the sums
 */
export type GroupKind = "contraction" | "rows" | "map" | "reduction" | "scatter";

export interface Group {
  /** Position among the groups of its graph, in the order of execution. */
  readonly index: number;
  readonly kind: GroupKind;
  /** The leading parallel axes that all stages of a `rows` group share: each point of them is a row. */
  readonly tileSpace: readonly Extent[];
  /** Operands before users. */
  readonly stages: readonly Compute[];
  /** Of groups of kind `scatter`; null for others. */
  readonly scatter: ScatterStep | null;
  /** For every value that the stages make. */
  readonly scopes: ReadonlyMap<Value, Scope>;
  /** Values from outside that the stages load, leaves included. */
  readonly reads: readonly Value[];
  /** The values of scope `global`. */
  readonly writes: readonly Value[];
  /** What keeping its stages together is predicted to save. */
  readonly saved: Saved;
  /** Groups that it shares values with, by number, and why they are not one with it. */
  readonly apart: readonly { readonly group: number; readonly why: string }[];
}

/**
 * What one of the kernels of a scatter does, in this order. A source row is a point of those axes that the result's
 * dimensions do not simply run through, and its key the place that it goes to.
 * - `keys`: the key of each row, -1 where it goes nowhere; where one thread makes the links, it makes these too
 * - `zeros`: a result of zeros, where it is wanted as a whole
 * - `links`: which row comes next of those with one key, and how many there are from the first one on
 * - `sums`: for each first row the sum over all with its key, in order, and what the stages make of it
 */
export type ScatterPart = "keys" | "zeros" | "links" | "sums";

export interface ScatterStep {
  readonly part: ScatterPart;
  readonly node: Scatter;
  readonly layout: ScatterLayout;
  /** What the parts share. */
  readonly memory: ScatterMemory;
}

export interface ScatterLayout {
  /** Dimensions of the result that an axis of the source runs through, with that axis; by dimension. */
  readonly dense: readonly { readonly dimension: number; readonly axis: number }[];
  /** The other axes, in reading order. */
  readonly rowAxes: readonly number[];
  /** The other dimensions. */
  readonly places: readonly number[];
}

/** Numbers for each source row, and for each key. */
export interface ScatterMemory {
  readonly keys: Numbers;
  /** The row after it with the same key; anything where there is none. */
  readonly next: Numbers;
  /** How many rows have its key, where it is the first of them; 0 elsewhere. */
  readonly counts: Numbers;
  /** While links are made by one thread: the first row of its key, and by key the last one met. */
  readonly first: Numbers;
  readonly last: Numbers;
}

/** Integers in memory that kernels share, known by identity. */
export interface Numbers {
  readonly name: string;
  readonly dtype: "i32";
  readonly elements: number;
}

export interface Saved {
  /** Values that never are in memory. */
  readonly values: number;
  /** Bytes that need not be written or read at N = Nmax. */
  readonly bytes: number;
}

/** A loop, whose body is cut into groups as a graph of its own. */
export interface GroupedLoop {
  readonly kind: "loop";
  readonly scan: Scan;
  /**
   * What `openLoop` makes of the loop: results `0`, `1`, … are its stacks, each computed by a node of its own that nothing
   * reads; carries are assigned.
   */
  readonly body: GroupedGraph;
  /** What the leaves of the role `outer` stand for. */
  readonly outside: ReadonlyMap<Leaf, Value>;
}

/** A graph cut into groups and loops, in an order of execution that keeps data and overwriting dependences. */
export interface GroupedGraph {
  /**
   * The graph that the groups compute. It is the one that came in but for identity maps: every assigned
   * value, every result and what a loop carries first is computed by a node of its own, so that each has exactly one place.
   */
  readonly graph: Graph;
  readonly order: readonly (Group | GroupedLoop)[];
  /** Those of the order that are no loops. */
  readonly groups: readonly Group[];
  /**
   * Values stored straight into the memory of the param, state or carry that they are assigned to, or of the last value
   * of what a loop carries, whose first value they are; they have no other memory. Every assignment of the graph is one
   * of these. The order of groups makes it safe.
   */
  readonly stored: ReadonlyMap<Value, Value>;
}
