/**
 * The cheapest vertices that separate sources from sinks: maximum flow by shortest augmenting paths, as in Edmonds and
 * Karp, "Theoretical improvements in algorithmic efficiency for network flow problems" (1972), over a graph with two
 * vertices for each given one, joined by an edge of its cost.
 */

import type { Value } from "./node.ts";

export interface CutGraph {
  /** What cutting a vertex costs. */
  readonly costs: readonly number[];
  readonly edges: readonly (readonly [from: number, to: number])[];
  readonly sources: readonly number[];
  readonly sinks: readonly number[];
  /** What it costs that a vertex comes after the cut, by vertex: computing it again from those that are cut. */
  readonly again?: readonly number[];
}

/** What is wanted and all that it is made of, by number. */
export interface NumberedValues {
  readonly values: readonly Value[];
  readonly number: ReadonlyMap<Value, number>;
  /** From each value to those that are made of it. */
  readonly edges: CutGraph["edges"];
  /** Those that are wanted. */
  readonly sinks: readonly number[];
}

/** `operandsOf`: what a value is made of, as far as the cut may go. */
export function numberValues(
  wanted: readonly Value[],
  operandsOf: (value: Value) => readonly Value[],
): NumberedValues {
  const number = new Map<Value, number>();
  const edges: (readonly [number, number])[] = [];
  const visit = (value: Value): number => {
    const known = number.get(value);
    if (known !== undefined) return known;
    const at = number.size;
    number.set(value, at);
    for (const operand of operandsOf(value)) edges.push([visit(operand), at]);
    return at;
  };
  const sinks = wanted.map(visit);
  return { values: [...number.keys()], number, edges, sinks };
}

interface Edge {
  readonly to: number;
  capacity: number;
  /** The edge back, by its number. */
  readonly reverse: number;
}

/** The vertices of a cheapest cut; of all such cuts the one next to the sinks. */
export function minimumCut({
  costs,
  edges,
  sources,
  sinks,
  again = [],
}: CutGraph): ReadonlySet<number> {
  const source = 2 * costs.length;
  const sink = source + 1;
  const all: Edge[] = [];
  const leaving: number[][] = Array.from({ length: sink + 1 }, () => []);
  const join = (from: number, to: number, capacity: number): void => {
    leaving[from]!.push(all.length);
    leaving[to]!.push(all.length + 1);
    all.push(
      { to, capacity, reverse: all.length + 1 },
      { to: from, capacity: 0, reverse: all.length },
    );
  };
  const entry = (vertex: number) => 2 * vertex;
  const exit = (vertex: number) => 2 * vertex + 1;
  costs.forEach((cost, vertex) => {
    join(entry(vertex), exit(vertex), cost);
  });
  for (const [from, to] of edges) join(exit(from), entry(to), Number.POSITIVE_INFINITY);
  again.forEach((cost, vertex) => {
    if (cost > 0) join(source, entry(vertex), cost);
  });
  for (const vertex of sources) join(source, entry(vertex), Number.POSITIVE_INFINITY);
  for (const vertex of sinks) join(exit(vertex), sink, Number.POSITIVE_INFINITY);

  for (;;) {
    const path = shortestPath(all, leaving, source, sink);
    if (path === undefined) break;
    const flow = Math.min(...path.map((edge) => all[edge]!.capacity));
    for (const edge of path) {
      all[edge]!.capacity -= flow;
      all[all[edge]!.reverse]!.capacity += flow;
    }
  }
  const reaching = verticesReaching(all, leaving, sink);
  const cut = costs.map((_, vertex) => vertex);
  return new Set(cut.filter((v) => !reaching.has(entry(v)) && reaching.has(exit(v))));
}

/** Edges from one vertex to another along which something can still flow; undefined if nothing can. */
function shortestPath(
  all: readonly Edge[],
  leaving: readonly (readonly number[])[],
  from: number,
  to: number,
): readonly number[] | undefined {
  const by = new Map<number, number>();
  const queue = [from];
  for (const vertex of queue) {
    for (const edge of leaving[vertex]!) {
      const { to: next, capacity } = all[edge]!;
      if (capacity <= 0 || next === from || by.has(next)) continue;
      by.set(next, edge);
      queue.push(next);
    }
    if (by.has(to)) break;
  }
  if (!by.has(to)) return undefined;
  const path: number[] = [];
  for (let at = to; at !== from; at = all[all[by.get(at)!]!.reverse]!.to) path.push(by.get(at)!);
  return path;
}

/** All vertices from which something can still flow to a vertex. */
function verticesReaching(
  all: readonly Edge[],
  leaving: readonly (readonly number[])[],
  to: number,
): ReadonlySet<number> {
  const reached = new Set([to]);
  for (const vertex of reached) {
    for (const edge of leaving[vertex]!) {
      const back = all[all[edge]!.reverse]!;
      if (back.capacity > 0) reached.add(all[edge]!.to);
    }
  }
  return reached;
}
