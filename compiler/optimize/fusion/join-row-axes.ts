/**
 * Joins two axes of sums of products along which one operand lies as along a single one, where register tiles would have
 * too few rows: the taps and channels of an image of three channels are nine rows of its weights' gradient.
 *
 *     g[s, x < 3, c < 3, k] = sum[n, p] i[n, p + x, c]·d[n, p, k]   →   g[s, j < 9, k] = … i[n, p + j div 3, j mod 3] …
 *
 * Left as they are: sums that maps over the same axes follow, which could no longer be computed on the tiles.
 */

import type { GraphContext } from "../../graph/context.ts";
import { isFixed, sameShape } from "../../graph/extent.ts";
import type { Compute, Graph, Node } from "../../graph/node.ts";
import { knownNodes } from "../../graph/rewrite.ts";
import { joinPair, withJoinedAxes } from "./joined-axes.ts";
import { stepAlong } from "./linear-access.ts";
import { factsOf, type NodeFacts } from "./node-facts.ts";

/** Rows of a tile of one vector that keep multiply-adds from waiting for each other. */
const enoughRows = 8;

/** Needs nothing; values stay the same bits; what the graph keeps has its shape. */
export function joinRowAxes(context: GraphContext, graph: Graph): Graph {
  const facts = factsOf(context, graph.batchMax, { workgroup: null });
  const followed = followedOverSameAxes(knownNodes(context, graph));
  return withJoinedAxes(context, graph, (rebuilt, node) => {
    const axis = followed.has(node) ? undefined : joinableAxis(rebuilt, facts);
    return axis === undefined ? undefined : joinPair(context, rebuilt, axis);
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
