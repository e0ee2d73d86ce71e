/** Groups while they are being formed. */

import type { Compute, Scan, Scatter, Value } from "../../graph/node.ts";
import type { Saved } from "../group.ts";
import type { Gain, Passage } from "./gain.ts";
import type { Unnumbered } from "./scatter-groups.ts";
import type { Structure } from "./structure.ts";

/** A group while it is being formed. */
export interface Draft {
  readonly id: number;
  /** In the order of nodes. */
  readonly stages: readonly Compute[];
  readonly structure: Structure;
  readonly saved: Saved;
  /** All that its stages read. */
  readonly reads: ReadonlySet<Value>;
}

/** A loop or a scatter among the drafts; it is never merged. */
export interface SoloDraft {
  readonly id: number;
  readonly solo: Scan | Scatter;
  /** Maps that the kernels of a scatter compute. */
  readonly updates: readonly Compute[];
}

/** What is executed: a group of a draft, or a loop. */
export type Item = { readonly draft: number; readonly group: Unnumbered } | { readonly loop: Scan };

export interface Merge {
  readonly first: Draft;
  readonly second: Draft;
  /** Of the first stage of each, in the order of nodes. */
  readonly positions: readonly [first: number, second: number];
  readonly stages: readonly Compute[];
  readonly structure: Structure;
  readonly gain: Gain;
  readonly passages: readonly Passage[];
}

export function readsOf(stages: readonly Compute[]): ReadonlySet<Value> {
  return new Set(stages.flatMap((stage) => stage.operands));
}

/** By gain, ties by order of nodes: the best comes last. */
export function compareMerges(a: Merge, b: Merge): number {
  return (
    a.gain.seconds - b.gain.seconds ||
    b.positions[0] - a.positions[0] ||
    b.positions[1] - a.positions[1]
  );
}

/** Puts a merge in its place among merges in order. */
export function insertMerge(merges: Merge[], merge: Merge): void {
  let low = 0;
  let high = merges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareMerges(merges[middle]!, merge) < 0) low = middle + 1;
    else high = middle;
  }
  merges.splice(low, 0, merge);
}

/** Whether all that a draft makes are single numbers: losses, totals, counts. */
export function isOfNumbers(draft: Draft): boolean {
  return draft.stages.every((stage) => stage.parallel.length === 0);
}

export function savedBy({ first, second, passages, gain }: Merge): Saved {
  const gone = passages.filter((passage) => passage.vanishes).length;
  return {
    values: first.saved.values + second.saved.values + gone,
    bytes: first.saved.bytes + second.saved.bytes + gain.bytes,
  };
}
