/**
 * Symbolic differentiation, graph to graph. The backward pass is ordinary graph, made of compute nodes like any
 * other: it is optimized, scheduled and differentiated again by the same code.
 */

import { invariant } from "../diagnostics/diagnostic.ts";
import { axisAffine } from "../graph/affine.ts";
import { gradientsOfCall } from "../graph/calls.ts";
import { type GraphContext, graphNodes, reachableNodes } from "../graph/context.ts";
import { isFloat } from "../graph/dtype.ts";
import type { Compute, Graph, Node, Scalar, Value } from "../graph/node.ts";
import { rewriteGraph } from "../graph/rewrite.ts";
import { contributionsOf, scatterContributions } from "./node-derivative.ts";

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
  const loss = graph.results.find((result) => result.name === "loss")?.value;
  invariant(loss !== undefined, `graph ${graph.name} has gradients but no loss`);
  const gradients = gradientsOf(context, loss, [...wanted.values()], graph.batchMax);
  return rewriteGraph(context, graph, (node) => {
    const param = wanted.get(node);
    return param === undefined ? undefined : [gradients.get(param)!];
  });
}

/** The derivative of a rank-0 value by each of the wanted values, of their shapes and types. */
export function gradientsOf(
  context: GraphContext,
  loss: Value,
  wanted: readonly Value[],
  batchMax: number,
): ReadonlyMap<Value, Value> {
  invariant(loss.shape.length === 0 && isFloat(loss.dtype), "a loss is one float");
  const nodes = reachableNodes([loss]);
  const active = activeValues(nodes, wanted);
  const contributions = new Map<Value, Value[]>();
  const contribute = (operand: Value, value: Value): void => {
    const parts = contributions.get(operand);
    if (parts === undefined) contributions.set(operand, [value]);
    else parts.push(value);
  };
  const seed = context.compute({ parallel: [], body: context.constant(1, loss.dtype) });
  contribute(loss, seed.values[0]!);

  const totals = new Map<Value, Value>();
  const totalOf = (value: Value): Value | null => {
    const known = totals.get(value);
    if (known !== undefined) return known;
    const parts = contributions.get(value);
    if (parts === undefined) return null;
    const total = sumOf(context, value.node, parts);
    totals.set(value, total);
    return total;
  };
  for (const node of nodes.reverse()) {
    if (node.kind === "call" && node.values.some((value) => active.has(value))) {
      const incoming = node.values.map(totalOf);
      if (incoming.every((cotangent) => cotangent === null)) continue;
      const given = (result: number, leaf: Value) => incoming[result] ?? zeros(context, leaf);
      gradientsOfCall(context, node, given, batchMax).forEach((gradient, i) => {
        if (active.has(node.inputs[i]!)) contribute(node.inputs[i]!, gradient);
      });
      continue;
    }
    if (node.kind !== "compute" && node.kind !== "scatter") continue;
    if (!node.values.some((value) => active.has(value))) continue;
    const cotangents = node.values.map((value) => (active.has(value) ? totalOf(value) : null));
    if (cotangents.every((cotangent) => cotangent === null)) continue;
    const isActive = (value: Value) => active.has(value);
    const parts =
      node.kind === "compute"
        ? contributionsOf(context, node, cotangents, isActive, batchMax)
        : scatterContributions(context, node, cotangents[0]!, isActive, batchMax);
    for (const { operand, value } of parts) contribute(operand, value);
  }
  return new Map(wanted.map((value) => [value, totalOf(value) ?? zeros(context, value)]));
}

/** The float values that depend on a wanted one, which are the only ones with a derivative to compute. */
function activeValues(nodes: readonly Node[], wanted: readonly Value[]): ReadonlySet<Value> {
  const active = new Set(wanted);
  for (const node of nodes) {
    if (node.kind === "leaf" || node.kind === "scan") continue;
    const read = node.kind === "call" ? node.inputs : node.operands;
    if (!read.some((value) => active.has(value))) continue;
    for (const value of node.values) if (isFloat(value.dtype)) active.add(value);
  }
  return active;
}

/** The sum of the contributions of a value's uses, in the order in which they were met. */
function sumOf(context: GraphContext, source: Node, parts: readonly Value[]): Value {
  const [first] = parts;
  if (parts.length === 1) return first!;
  const place = first!.shape.map((_, axis) => axisAffine(axis));
  const body = parts
    .map<Scalar>((part) => context.load(part, place))
    .reduce((sum, part) => context.call("add", sum, part));
  const total: Compute = context.compute({ parallel: first!.shape, body });
  context.inheritOrigins(total, source, true);
  return total.values[0]!;
}

function zeros(context: GraphContext, { shape, dtype }: Value): Value {
  return context.compute({ parallel: shape, body: context.constant(0, dtype) }).values[0]!;
}
