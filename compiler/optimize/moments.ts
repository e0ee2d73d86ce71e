/**
 * Finds variances that are written out, and makes them `moments`: mean and variance in one pass over the data that
 * loses no digits, with a derivative that needs two sums instead of three.
 *
 *     μ[p] = mean over r of x[p, r];  v[p] = mean over r of (x[p, r] − μ[p])²   →   μ, v = moments over r of x[p, r]
 */

import { type Affine, axisAffine } from "../graph/affine.ts";
import type { GraphContext } from "../graph/context.ts";
import { sameShape } from "../graph/extent.ts";
import type { Compute, Graph, Node, Scalar, Value } from "../graph/node.ts";
import { knownNodes, rewriteGraph, substituteAxes } from "../graph/rewrite.ts";
import { lookThrough } from "./rules/logarithms.ts";
import { argOf, argsOf } from "./rules/rule.ts";

/** Returns the same graph if no variance is written out. */
export function findMoments(context: GraphContext, graph: Graph): Graph {
  const found = new Map<Node, readonly Value[]>();
  for (const node of knownNodes(context, graph)) {
    const mean = node.kind === "compute" ? meanOfVariance(node, context) : undefined;
    if (mean === undefined || found.has(mean)) continue;
    const moments = context.compute({ ...mean, reducer: "moments" });
    context.inheritOrigins(moments, node);
    found.set(mean, [moments.values[0]!]);
    found.set(node, [moments.values[1]!]);
  }
  return found.size === 0
    ? graph
    : rewriteGraph(context, graph, (_, original) => found.get(original));
}

/** The node of the mean, if this one is the variance about it. */
function meanOfVariance(node: Compute, context: GraphContext): Compute | undefined {
  if (node.reducer !== "mean") return undefined;
  const scope = { context };
  const deviation = lookThrough(argOf(lookThrough(node.body, scope), "square") ?? node.body, scope);
  const [x, centre] = argsOf(deviation, "subtract") ?? [];
  if (x === undefined || centre?.kind !== "load" || centre.guard.kind !== "true") return undefined;
  const mean = centre.value.node;
  if (mean.kind !== "compute" || mean.reducer !== "mean") return undefined;
  if (!sameShape(mean.reduction, node.reduction) || !sameShape(mean.parallel, node.parallel)) {
    return undefined;
  }
  if (!centre.index.every((place, i) => isPlaceOf(place, i, node))) return undefined;
  // Both nodes have the same axes, so the mean's body must be x as it stands, or seen through maps.
  const place = (axis: number): Affine => axisAffine(axis);
  const same = (a: Scalar, b: Scalar) => substituteAxes(context, a, place) === b;
  const isSame = same(mean.body, x) || lookThrough(mean.body, scope) === lookThrough(x, scope);
  return isSame && mean.where.key === node.where.key ? mean : undefined;
}

/** Whether an index is the node's own axis, or the only place of a dimension of extent 1. */
function isPlaceOf(index: Affine, axis: number, node: Compute): boolean {
  const extent = node.parallel[axis]!;
  if (extent.batch === 0 && extent.constant === 1) return true;
  return index.key === axisAffine(axis).key;
}
