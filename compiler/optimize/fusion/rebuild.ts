/**
 * Rebuilding a graph with some loads replaced: the one way in which the passes of this folder change what
 * is computed where. Nodes that read nothing replaced stay the same objects.
 */

import { type Affine, axisAffine } from "../../graph/affine.ts";
import { type GraphContext, reachableNodes } from "../../graph/context.ts";
import type { Compute, Graph, LoadScalar, Node, Scalar, Value } from "../../graph/node.ts";

/** The axes in order: where an identity map reads and writes. */
export function identityIndex(rank: number): readonly Affine[] {
  return Array.from({ length: rank }, (_, axis) => axisAffine(axis));
}

/** A map that only copies: `result[p] = value[p]`. */
export function copyOf(context: GraphContext, value: Value): Value {
  const body = context.load(value, identityIndex(value.shape.length));
  const copy = context.compute({ parallel: value.shape, body });
  context.inheritOrigins(copy, value.node);
  return copy.values[0]!;
}

/** A body with every load replaced by what `replace` gives for it. */
export function replaceLoads(
  context: GraphContext,
  body: Scalar,
  replace: (load: LoadScalar) => Scalar,
): Scalar {
  const known = new Map<Scalar, Scalar>();
  const visit = (scalar: Scalar): Scalar => {
    const before = known.get(scalar);
    if (before !== undefined) return before;
    const after = rewrite(scalar);
    known.set(scalar, after);
    return after;
  };
  const rewrite = (scalar: Scalar): Scalar => {
    switch (scalar.kind) {
      case "load":
        return replace(scalar);
      case "cast":
        return context.cast(visit(scalar.of), scalar.dtype);
      case "call":
        return context.call(scalar.fn, ...scalar.args.map(visit));
      default:
        return scalar;
    }
  };
  return visit(body);
}

/**
 * The same graph with each compute node replaced by what `rewrite` makes of it. `rewrite` gets the node with
 * its operands already replaced, and the node it was.
 */
export function rebuildGraph(
  context: GraphContext,
  graph: Graph,
  rewrite: (node: Compute, was: Compute) => readonly Value[],
): Graph {
  const roots = [...graph.results, ...graph.assignments].map(({ value }) => value);
  const replaced = new Map<Value, Value>();
  const current = (value: Value): Value => replaced.get(value) ?? value;
  for (const was of reachableNodes(roots)) {
    if (was.kind !== "compute") continue;
    const node = was.operands.some((value) => replaced.has(value))
      ? withLoads(context, was, (load) => context.load(current(load.value), load.index, load.guard))
      : was;
    rewrite(node, was).forEach((value, result) => {
      if (value !== was.values[result]) replaced.set(was.values[result]!, value);
    });
  }
  if (replaced.size === 0) return graph;
  return {
    ...graph,
    results: graph.results.map(({ name, value }) => ({ name, value: current(value) })),
    assignments: graph.assignments.map(({ target, value }) => ({ target, value: current(value) })),
  };
}

/** A node with the loads of its body replaced. */
export function withLoads(
  context: GraphContext,
  node: Compute,
  replace: (load: LoadScalar) => Scalar,
): Compute {
  const body = replaceLoads(context, node.body, replace);
  if (body === node.body) return node;
  const { parallel, reduction, where, reducer } = node;
  const made = context.compute({ parallel, reduction, where, reducer, body });
  context.inheritOrigins(made, node);
  return made;
}

/** The compute nodes of a graph, operands before users. */
export function computeNodes(graph: Graph): Compute[] {
  const roots = [...graph.results, ...graph.assignments].map(({ value }) => value);
  return reachableNodes(roots).filter((node: Node) => node.kind === "compute");
}
