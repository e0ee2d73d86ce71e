/**
 * Symbolic differentiation, graph to graph. The backward pass is ordinary graph, made of compute nodes and loops like
 * any other: it is optimized, scheduled and differentiated again by the same code.
 */

import { invariant } from "../diagnostics/diagnostic.ts";
import { type GraphContext, graphNodes, reachableNodes } from "../graph/context.ts";
import { isFloat } from "../graph/dtype.ts";
import type { Graph, Node, Value } from "../graph/node.ts";
import { pruneLoops } from "../graph/prune-loops.ts";
import { rewriteGraph } from "../graph/rewrite.ts";
import { activeValues } from "./activity.ts";
import { Adjoints, zeros } from "./adjoints.ts";
import { saveForDerivative } from "./loop-derivative.ts";

/**
 * Replaces each `gradient` leaf by the derivative of the result `loss` by the param of the same path; zeros
 * where the loss does not depend on it. A graph without `gradient` leaves is returned as it is.
 *
 *     gradient w: f32[3]      becomes      %7: f32[3] = sum[i1 < N] %3[i1] * %0[i1, i0]
 */
export function differentiate(context: GraphContext, graph: Graph): Graph {
  const wanted = new Map<Node, Value>();
  for (const node of graphNodes(graph)) {
    if (node.kind !== "leaf" || node.role !== "gradient") continue;
    const [{ dtype, shape }] = node.values;
    wanted.set(node, context.leaf("param", node.path, dtype, shape));
  }
  if (wanted.size === 0) return graph;
  // The loss and its derivative share the loops that save what it needs.
  const saving = saveForDerivative(context, graph);
  const loss = saving.results.find((result) => result.name === "loss")?.value;
  invariant(loss !== undefined, `graph ${graph.name} has gradients but no loss`);
  const gradients = gradientsOf(context, loss, [...wanted.values()], graph.batchMax);
  const differentiated = rewriteGraph(context, saving, (node) => {
    const param = wanted.get(node);
    return param === undefined ? undefined : [gradients.get(param)!];
  });
  return pruneLoops(context, differentiated);
}

/** The derivative of a rank-0 value by each of the wanted values, of their shapes and types. */
export function gradientsOf(
  context: GraphContext,
  loss: Value,
  wanted: readonly Value[],
  batchMax: number,
): ReadonlyMap<Value, Value> {
  invariant(loss.shape.length === 0 && isFloat(loss.dtype), "a loss is one float");
  const results = [loss, ...wanted].map((value, i) => ({ name: String(i), value }));
  const given: Graph = { name: "loss", batchMax, results, assignments: [] };
  const [end, ...places] = saveForDerivative(context, given).results.map(({ value }) => value);
  const nodes = reachableNodes([end!]);
  const active = activeValues(nodes, places);
  const isActive = (value: Value) => active.has(value);
  const adjoints = new Adjoints(context, batchMax);
  const seed = context.compute({ parallel: [], body: context.constant(1, loss.dtype) });
  adjoints.contribute({ operand: end!, value: seed.values[0]! });
  for (const node of nodes.reverse()) adjoints.passThrough(node, isActive);
  return new Map(
    wanted.map((value, i) => [value, adjoints.of(places[i]!) ?? zeros(context, value)]),
  );
}
