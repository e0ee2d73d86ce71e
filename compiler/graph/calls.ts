/** Calls, regions with derivatives of their own: put in place and done away with. */

import type { GraphContext } from "./context.ts";
import { throughLoops } from "./loops.ts";
import type { Call, Graph, Node, Value } from "./node.ts";
import { rewriteGraph } from "./rewrite.ts";
import { reachableNodes } from "./traversal.ts";

/** The graph with what calls compute in the place of calls; their derivatives are forgotten. */
export const inlineCalls: (context: GraphContext, graph: Graph) => Graph = throughLoops(
  (context, graph) =>
    rewriteGraph(context, graph, (node) => (node.kind === "call" ? node.primal : undefined)),
);

/** The derivatives by a call's inputs, from those by its results. */
export function gradientsOfCall(
  context: GraphContext,
  { cotangents, gradients }: Call,
  incoming: (result: number, cotangent: Value) => Value,
  batchMax: number,
): Value[] {
  const given = new Map<Node, Value>();
  cotangents.forEach((leaf, i) => {
    if (leaf !== null) given.set(leaf.node, incoming(i, leaf));
  });
  return replaceLeaves(context, gradients, given, batchMax);
}

/** Values computed from other ones than some nodes' first results. */
export function replaceLeaves(
  context: GraphContext,
  values: readonly Value[],
  given: ReadonlyMap<Node, Value>,
  batchMax: number,
): Value[] {
  const results = values.map((value, i) => ({ name: String(i), value }));
  const graph: Graph = { name: "part", batchMax, results, assignments: [] };
  const replaced = rewriteGraph(context, graph, (node) => {
    const value = given.get(node);
    return value && [value];
  });
  return replaced.results.map(({ value }) => value);
}

/** The cotangents that nodes read and no call among them gives a value. */
export function freeCotangents(roots: readonly Value[]): ReadonlySet<Node> {
  const free = new Map<Node, ReadonlySet<Node>>();
  const of = (values: readonly Value[]): Set<Node> =>
    new Set(values.flatMap(({ node }) => [...(free.get(node) ?? [])]));
  const visit = (node: Node): void => {
    if (node.kind === "leaf") {
      if (node.role === "cotangent") free.set(node, new Set([node]));
      return;
    }
    if (node.kind === "scan") {
      node.nodes.forEach(visit);
      const ends = [...node.carries.map(({ next }) => next), ...node.stacks.map((s) => s.value)];
      free.set(node, of([...ends, ...node.carries.map(({ init }) => init)]));
      return;
    }
    if (node.kind !== "call") {
      free.set(node, of(node.operands));
      return;
    }
    const inDerivative = of(node.gradients);
    for (const leaf of node.cotangents) if (leaf !== null) inDerivative.delete(leaf.node);
    free.set(node, new Set([...of([...node.primal, ...node.inputs]), ...inDerivative]));
  };
  reachableNodes(roots).forEach(visit);
  return of(roots);
}
