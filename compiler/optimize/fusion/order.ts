/**
 * Who must run before whom: by data, and because old values are read before they are overwritten. Reachability
 * is kept in bitsets over the nodes, so that the legality of a merge is a few operations on words.
 */

import type { Compute } from "../../graph/node.ts";

export interface Order {
  /** Operands before users, readers of old values before their writers; ties by creation. */
  readonly nodes: readonly Compute[];
  /** Direct successors of each node, as positions in `nodes`. */
  readonly successors: readonly ReadonlySet<number>[];
}

/** The order of nodes under their data and the given pairs, or undefined if that is a cycle. */
export function orderOf(
  nodes: readonly Compute[],
  precedence: readonly (readonly [before: Compute, after: Compute])[],
): Order | undefined {
  const number = new Map(nodes.map((node, i) => [node, i]));
  const next = nodes.map(() => new Set<number>());
  nodes.forEach((node, i) => {
    for (const { node: operand } of node.operands) {
      if (operand.kind === "compute") next[number.get(operand)!]!.add(i);
    }
  });
  for (const [before, after] of precedence) next[number.get(before)!]!.add(number.get(after)!);

  const sorted = sortTopologically(next);
  if (sorted === undefined) return undefined;
  const position = new Map(sorted.map((from, to) => [from, to]));
  return {
    nodes: sorted.map((i) => nodes[i]!),
    successors: sorted.map((i) => new Set([...next[i]!].map((j) => position.get(j)!))),
  };
}

/** Vertices with all predecessors before them, the smallest first where there is a choice. */
export function sortTopologically(
  successors: readonly ReadonlySet<number>[],
): number[] | undefined {
  const missing = successors.map(() => 0);
  for (const set of successors) for (const j of set) missing[j]!++;
  const ready = successors.map((_, i) => i).filter((i) => missing[i] === 0);
  const sorted: number[] = [];
  while (ready.length > 0) {
    const i = ready.shift()!;
    sorted.push(i);
    for (const j of successors[i]!) {
      missing[j]!--;
      if (missing[j] === 0) insertSorted(ready, j);
    }
  }
  return sorted.length === successors.length ? sorted : undefined;
}

function insertSorted(list: number[], item: number): void {
  const at = list.findIndex((other) => other > item);
  list.splice(at === -1 ? list.length : at, 0, item);
}

/** A set of small numbers. */
export class BitSet {
  readonly #words: Uint32Array;

  constructor(size: number) {
    this.#words = new Uint32Array((size + 31) >> 5);
  }

  add(i: number): void {
    this.#words[i >> 5]! |= 1 << (i & 31);
  }

  has(i: number): boolean {
    return ((this.#words[i >> 5]! >>> (i & 31)) & 1) === 1;
  }

  addAll(other: BitSet): void {
    other.#words.forEach((word, i) => {
      this.#words[i]! |= word;
    });
  }
}
