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
import type { Compute, Graph, Leaf, Scan, Value } from "../graph/node.ts";

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
 */
export type GroupKind = "contraction" | "rows" | "map" | "reduction";

export interface Group {
  /** Position among the groups of its graph, in the order of execution. */
  readonly index: number;
  readonly kind: GroupKind;
  /** The leading parallel axes that all stages of a `rows` group share: each point of them is a row. */
  readonly tileSpace: readonly Extent[];
  /** Operands before users. */
  readonly stages: readonly Compute[];
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
