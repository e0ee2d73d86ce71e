/**
 * Joins two axes of sums of products along which one operand lies as along a single one, where register tiles would have
 * too few rows: the taps and channels of an image of three channels are nine rows of its weights' gradient.
 *
 *     g[s, x < 3, c < 3, k] = sum[n, p] i[n, p + x, c]·d[n, p, k]   →   g[s, j < 9, k] = … i[n, p + j div 3, j mod 3] …
 *
 * Left as they are: sums that maps over the same axes follow, which could no longer be computed on the tiles.
 */

import { addAffine, axisAffine, divAffine, modAffine, scaleAffine } from "../../graph/affine.ts";
import { type GraphContext, graphNodes } from "../../graph/context.ts";
import { fixed, isFixed, sameShape } from "../../graph/extent.ts";
import type { Compute, Graph, Node } from "../../graph/node.ts";
import { substituteAxes } from "../../graph/rewrite.ts";
import { type Joined, withJoinedAxes } from "./joined-axes.ts";
import { stepAlong } from "./linear-access.ts";
import { factsOf, type NodeFacts } from "./node-facts.ts";

/** Rows of a tile of one vector that keep multiply-adds from waiting for each other. */
const enoughRows = 8;

/** Needs nothing; values stay the same bits; what the graph keeps has its shape. */
export function joinRowAxes(context: GraphContext, graph: Graph): Graph {
  const facts = factsOf(context, graph.batchMax, { workgroup: null });
  const followed = followedOverSameAxes(graphNodes(graph));
  return withJoinedAxes(context, graph, (rebuilt, node) => {
    const axis = followed.has(node) ? undefined : joinableAxis(rebuilt, facts);
    return axis === undefined ? undefined : joinAxes(context, rebuilt, axis);
  });
}

/** Nodes that others with the same parallel axes read. */
function followedOverSameAxes(nodes: readonly Node[]): ReadonlySet<Node> {
  const followed = new Set<Node>();
  for (const node of nodes) {
    if (node.kind !== "compute") continue;
    for (const { node: maker } of node.operands) {
      if (maker.kind === "compute" && sameShape(maker.parallel, node.parallel)) followed.add(maker);
    }
  }
  return followed;
}

/** The first of two axes that tiles had better have their rows along as one. */
function joinableAxis(node: Compute, facts: NodeFacts): number | undefined {
  const { parallel } = node;
  const contraction = facts.contraction(node);
  if (contraction === undefined) return undefined;
  const { rowAxes, broadcast } = contraction;
  const isShort = (axis: number) =>
    isFixed(parallel[axis]!) && parallel[axis]!.constant < enoughRows;
  if (!rowAxes.every(isShort)) return undefined;
  const isOne = (axis: number): boolean => {
    const [outer, inner] = [stepAlong(broadcast, axis), stepAlong(broadcast, axis + 1)];
    return rowAxes.includes(axis + 1) && outer === inner * parallel[axis + 1]!.constant;
  };
  return rowAxes.find(isOne);
}

/** The node over the axis and the one after it as one. */
function joinAxes(context: GraphContext, node: Compute, axis: number): Joined {
  const { parallel, reduction, where, reducer, body } = node;
  const [outer, { constant: width }] = [parallel[axis]!, parallel[axis + 1]!];
  const replace = (old: number) => {
    if (old === axis) return divAffine(axisAffine(axis), width);
    if (old === axis + 1) return modAffine(axisAffine(axis), width);
    return axisAffine(old > axis ? old - 1 : old);
  };
  const made = context.compute({
    parallel: parallel.toSpliced(axis, 2, fixed(outer.constant * width)),
    reduction,
    where,
    reducer,
    body: substituteAxes(context, body, replace),
  });
  context.inheritOrigins(made, node);
  return {
    value: made.values[0]!,
    join: (index) => {
      const place = addAffine(scaleAffine(index[axis]!, width), index[axis + 1]!);
      return index.toSpliced(axis, 2, place);
    },
  };
}
