/**
 * Who must run before whom: by data, and because old values are read before they are overwritten.
 */

import { isWork, type Work } from "./copies.ts";

export interface Order {
  /** Operands before users, readers of old values before their writers; ties by creation. */
  readonly nodes: readonly Work[];
  /** Direct successors of each node, as positions in `nodes`. */
  readonly successors: readonly ReadonlySet<number>[];
}

/** The order of nodes under their data and the given pairs, or undefined if that is a cycle. */
export function orderOf(
  nodes: readonly Work[],
  precedence: readonly (readonly [before: Work, after: Work])[],
): Order | undefined {
  const number = new Map(nodes.map((node, i) => [node, i]));
  const next = nodes.map(() => new Set<number>());
  nodes.forEach((node, i) => {
    for (const { node: operand } of node.operands) {
      if (isWork(operand)) next[number.get(operand)!]!.add(i);
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

/**
 * A directed graph without cycles whose vertices are merged one pair after the other: what decides whether a
 * group stays convex.
 */
export class Precedence<Vertex> {
  readonly #successors = new Map<Vertex, Set<Vertex>>();
  readonly #predecessors = new Map<Vertex, Set<Vertex>>();

  constructor(vertices: Iterable<Vertex>) {
    for (const vertex of vertices) {
      this.#successors.set(vertex, new Set());
      this.#predecessors.set(vertex, new Set());
    }
  }

  addEdge(from: Vertex, to: Vertex): void {
    if (from === to) return;
    this.#successors.get(from)!.add(to);
    this.#predecessors.get(to)!.add(from);
  }

  successors(vertex: Vertex): ReadonlySet<Vertex> {
    return this.#successors.get(vertex)!;
  }

  /** Puts `merged` in the place of both. */
  merge(a: Vertex, b: Vertex, merged: Vertex): void {
    for (const edges of [this.#successors, this.#predecessors]) {
      const back = edges === this.#successors ? this.#predecessors : this.#successors;
      const all = new Set([...edges.get(a)!, ...edges.get(b)!]);
      all.delete(a);
      all.delete(b);
      edges.set(merged, all);
      for (const other of all) {
        const theirs = back.get(other)!;
        theirs.delete(a);
        theirs.delete(b);
        theirs.add(merged);
      }
    }
    for (const edges of [this.#successors, this.#predecessors]) {
      edges.delete(a);
      edges.delete(b);
    }
  }

  /** Whether a path leads from one vertex to the other. */
  reaches(from: Vertex, to: Vertex): boolean {
    return this.successors(from).has(to) || this.#hasDetour(from, to);
  }

  /** Whether no path leads from one vertex to the other through a third. */
  canMerge(a: Vertex, b: Vertex): boolean {
    return !this.#hasDetour(a, b) && !this.#hasDetour(b, a);
  }

  #hasDetour(from: Vertex, to: Vertex): boolean {
    const seen = new Set<Vertex>([from, to]);
    const pending = [...this.successors(from)].filter((vertex) => vertex !== to);
    for (let vertex = pending.pop(); vertex !== undefined; vertex = pending.pop()) {
      if (seen.has(vertex)) continue;
      seen.add(vertex);
      for (const next of this.successors(vertex)) {
        if (next === to) return true;
        pending.push(next);
      }
    }
    return false;
  }
}
