/** Groups while they are being formed. */

import type { Compute, Scan, Scatter } from "../../graph/node.ts";
import type { Saved } from "../group.ts";
import type { Gain } from "./gain.ts";
import type { Unnumbered } from "./scatter-groups.ts";
import type { StageSet } from "./stage-sets.ts";
import type { Structure } from "./structure.ts";

/** A group while it is being formed. */
export interface Draft extends StageSet {
  readonly id: number;
  /** Of its first stage, in the order of nodes. */
  readonly position: number;
  readonly structure: Structure;
  readonly saved: Saved;
}

/** A loop or a scatter among the drafts; it is never merged. */
export interface SoloDraft {
  readonly id: number;
  /** In the order of nodes. */
  readonly position: number;
  readonly solo: Scan | Scatter;
  /** Maps that the kernels of a scatter compute. */
  readonly updates: readonly Compute[];
}

/** What is executed: a group of a draft, or a loop. */
export type Item = { readonly draft: number; readonly group: Unnumbered } | { readonly loop: Scan };

/** Two drafts and what to merge them is predicted to save, legal or not. */
export interface Candidate {
  readonly first: Draft;
  readonly second: Draft;
  readonly gain: Gain;
}

/** By gain, ties by order of nodes: the better is the greater. */
export function compareCandidates(a: Candidate, b: Candidate): number {
  return (
    a.gain.seconds - b.gain.seconds ||
    b.first.position - a.first.position ||
    b.second.position - a.second.position
  );
}

/** Whether all that a draft makes are single numbers: losses, totals, counts. */
export function isOfNumbers(draft: Draft): boolean {
  return draft.box?.length === 0;
}

export function savedBy({ first, second, gain }: Candidate): Saved {
  return {
    values: first.saved.values + second.saved.values + gain.values,
    bytes: first.saved.bytes + second.saved.bytes + gain.bytes,
  };
}
