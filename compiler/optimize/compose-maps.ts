/**
 * Composes chains of maps: a map with a single reader moves into that reader's body. For graphs that run once, as
 * plain loops, where each node would be a pass over memory of its own and nothing is gained by keeping it.
 *
 *     u[i] = random(i);  v[i] = 2.0 · u[i];  w[i] = v[i] − 1.0   →   w[i] = 2.0 · random(i) − 1.0
 */

import { type GraphContext, graphNodes, loadsOf } from "../graph/context.ts";
import type { Compute, Graph, LoadScalar, Scalar, Value } from "../graph/node.ts";
import { mapScalar, rewriteGraph, substituteAxes } from "../graph/rewrite.ts";

/** The same values, bit for bit; returns the same graph if no map has a single reader. */
export function composeMaps(context: GraphContext, graph: Graph): Graph {
  const readers = countLoads(graph);
  return rewriteGraph(context, graph, (node, original) => {
    if (node.kind !== "compute" || original.kind !== "compute") return undefined;
    const once = new Set(
      loadsOf(node.body)
        .map((load, i) => ({ load, before: loadsOf(original.body)[i] }))
        .filter(({ load, before }) => before && isSole(before, readers) && isMap(load))
        .map(({ load }) => load),
    );
    if (once.size === 0) return undefined;
    const body = mapScalar(context, node.body, {
      load: (load) => (once.has(load) ? composed(context, load) : load),
    });
    return context.computeLike(node, body).values;
  });
}

/** How often each value is loaded, results counting as loads, as do operands of loops and scatters. */
function countLoads(graph: Graph): ReadonlyMap<Value, number> {
  const counts = new Map<Value, number>();
  const count = (value: Value): void => {
    counts.set(value, (counts.get(value) ?? 0) + 1);
  };
  for (const { value } of [...graph.results, ...graph.assignments]) count(value);
  for (const node of graphNodes(graph)) {
    if (node.kind === "leaf") continue;
    const read =
      node.kind === "compute" ? loadsOf(node.body).map(({ value }) => value) : node.operands;
    for (const value of read) count(value);
  }
  return counts;
}

function isSole(load: LoadScalar, readers: ReadonlyMap<Value, number>): boolean {
  return readers.get(load.value) === 1 && load.guard.kind === "true";
}

function isMap({ value: { node } }: LoadScalar): boolean {
  return node.kind === "compute" && node.reducer === null;
}

function composed(context: GraphContext, { value, index }: LoadScalar): Scalar {
  return substituteAxes(context, (value.node as Compute).body, (axis) => index[axis]!);
}
