/**
 * Who must run before whom: by data, and because old values are read before they are overwritten.
 */

import { invariant } from "../../diagnostics/diagnostic.ts";
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
 * group stays convex. Its vertices are kept in a topological order, so that paths between two are looked for only among
 * what lies between them there: D. J. Pearce and P. H. J. Kelly, "A dynamic topological sort algorithm for directed
 * acyclic graphs", 2007.
 */
export class Precedence<Vertex> {
  readonly #successors = new Map<Vertex, Set<Vertex>>();
  readonly #predecessors = new Map<Vertex, Set<Vertex>>();
  /** Less for what must come before; made when it is asked for once all edges are there. */
  #ranks: Map<Vertex, number> | undefined;

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
    this.#ranks = undefined;
  }

  successors(vertex: Vertex): ReadonlySet<Vertex> {
    return this.#successors.get(vertex)!;
  }

  /** Puts `merged` in the place of both, which `canMerge` must allow. */
  merge(a: Vertex, b: Vertex, merged: Vertex): void {
    this.#rankMerged(a, b, merged);
    for (const edges of [this.#successors, this.#predecessors]) {
      const back = edges === this.#successors ? this.#predecessors : this.#successors;
      const all = edges.get(a)!;
      for (const other of edges.get(b)!) all.add(other);
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
    const seen = new Set<Vertex>([from]);
    const pending = [from];
    for (let vertex = pending.pop(); vertex !== undefined; vertex = pending.pop()) {
      for (const next of this.successors(vertex)) {
        if (next === to) return true;
        if (seen.has(next)) continue;
        seen.add(next);
        pending.push(next);
      }
    }
    return false;
  }

  /** Whether no path leads from one vertex to the other through a third. */
  canMerge(a: Vertex, b: Vertex): boolean {
    const ranks = this.#rank();
    const isInOrder = ranks.get(a)! < ranks.get(b)!;
    const first = isInOrder ? a : b;
    const last = isInOrder ? b : a;
    const to = ranks.get(last)!;
    const seen = new Set<Vertex>();
    const pending = [first];
    for (let vertex = pending.pop(); vertex !== undefined; vertex = pending.pop()) {
      for (const next of this.#successors.get(vertex)!) {
        if (next === last) {
          if (vertex !== first) return false;
        } else if (ranks.get(next)! < to && !seen.has(next)) {
          seen.add(next);
          pending.push(next);
        }
      }
    }
    return true;
  }

  #rank(): Map<Vertex, number> {
    if (this.#ranks !== undefined) return this.#ranks;
    const vertices = [...this.#successors.keys()];
    const number = new Map(vertices.map((vertex, i) => [vertex, i]));
    const sorted = sortTopologically(
      vertices.map((v) => new Set([...this.successors(v)].map((next) => number.get(next)!))),
    );
    invariant(sorted !== undefined, "an order has a cycle");
    this.#ranks = new Map(sorted.map((i, rank) => [vertices[i]!, rank]));
    return this.#ranks;
  }

  /** What leads to the later of both moves before `merged`, and what the earlier one leads to behind it. */
  #rankMerged(a: Vertex, b: Vertex, merged: Vertex): void {
    const ranks = this.#rank();
    const [first, last] = ranks.get(a)! < ranks.get(b)! ? [a, b] : [b, a];
    const [from, to] = [ranks.get(first)!, ranks.get(last)!];
    const isBetween = (vertex: Vertex): boolean => {
      const rank = ranks.get(vertex)!;
      return from < rank && rank < to;
    };
    const byRank = (x: Vertex, y: Vertex): number => ranks.get(x)! - ranks.get(y)!;
    const before = reachable(last, this.#predecessors, isBetween).sort(byRank);
    const behind = reachable(first, this.#successors, isBetween).sort(byRank);
    const places = [...before, ...behind].map((vertex) => ranks.get(vertex)!);
    places.push(from, to);
    places.sort((x, y) => x - y);
    before.forEach((vertex, i) => {
      ranks.set(vertex, places[i]!);
    });
    behind.forEach((vertex, i) => {
      ranks.set(vertex, places[places.length - behind.length + i]!);
    });
    ranks.delete(a);
    ranks.delete(b);
    ranks.set(merged, places[before.length]!);
  }
}

/** What edges lead to from a vertex through such vertices alone. */
function reachable<Vertex>(
  from: Vertex,
  edges: ReadonlyMap<Vertex, ReadonlySet<Vertex>>,
  isWithin: (vertex: Vertex) => boolean,
): Vertex[] {
  const seen = new Set<Vertex>();
  const found: Vertex[] = [];
  const pending = [from];
  for (let vertex = pending.pop(); vertex !== undefined; vertex = pending.pop()) {
    edges.get(vertex)!.forEach((next) => {
      if (seen.has(next) || !isWithin(next)) return;
      seen.add(next);
      found.push(next);
      pending.push(next);
    });
  }
  return found;
}
