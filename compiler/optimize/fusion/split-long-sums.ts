/**
 * Cuts sums of products with few results that read more than a cache holds, for targets whose tasks have caches of their
 * own: chunks of the sum as further points of the result, then a sum of the chunks. All tiles of the result go through a
 * chunk while it is near, and chunks are tasks, where the result alone would be too small to give every thread one.
 *
 *     sum[n, t < 200] x[n, t, i]·d[n, t, j]   =   sum[s < 40] (sum[n, t < 5] x[n, 5·s + t, i]·d[n, 5·s + t, j])
 *
 * Chunks are literals of the description and of shapes at Nmax, so the order of a sum does not depend on threads.
 */

import type { GraphContext } from "../../graph/context.ts";
import { elementsAt, isFixed } from "../../graph/extent.ts";
import type { Compute, Graph } from "../../graph/node.ts";
import type { TargetDescription } from "../target-description.ts";
import { axesOfNode } from "./linear-access.ts";
import { factsOf, type NodeFacts } from "./node-facts.ts";
import { type Chunk, splitSums } from "./split-axis.ts";

/** What a chunk's operands may take of the second-level cache. */
const chunkShare = 0.5;

/** What writing and reading the sums of a chunk may be of reading its operands. */
const mostResults = 1 / 8;

/** Needs nothing; regroups sums, so results may differ in rounding. */
export function splitLongSums(
  context: GraphContext,
  graph: Graph,
  target: TargetDescription,
): Graph {
  const facts = factsOf(context, graph.batchMax, target);
  return splitSums(context, graph, (node) => chunkOf(node, facts, target));
}

/** The largest chunk of a sum that is too long, which divides its axis, if there is one. */
export function chunkOf(
  node: Compute,
  facts: NodeFacts,
  { cacheBytes }: Pick<TargetDescription, "cacheBytes">,
): Chunk | undefined {
  const contraction = facts.contraction(node);
  if (contraction === undefined || contraction.outerAxes.length > 0) return undefined;
  const { batchMax } = facts;
  const { parallel, reduction } = node;
  const extents = axesOfNode(node);
  const sizeOf = (axes: readonly number[]) =>
    elementsAt(
      axes.map((axis) => extents[axis]!),
      batchMax,
    );
  const { rowAxes, vectorAxis } = contraction;
  const pointBytes = 4 * (sizeOf(rowAxes) + sizeOf([vectorAxis]));
  const bytes = pointBytes * elementsAt(reduction, batchMax);
  const most = chunkShare * cacheBytes[1];
  if (bytes <= most) return undefined;
  const resultBytes = 8 * elementsAt(parallel, batchMax);
  const axes = reduction
    .map((extent, r) => ({ axis: parallel.length + r, size: extent.constant }))
    .filter(({ axis }) => isFixed(extents[axis]!))
    .sort((a, b) => b.size - a.size);
  for (const { axis, size } of axes) {
    for (let chunks = 2; chunks <= size; chunks++) {
      if (size % chunks !== 0 || bytes / chunks > most) continue;
      const isSmall = resultBytes <= (mostResults * bytes) / chunks;
      if (isSmall) return { axis, points: size / chunks };
      break;
    }
  }
  return undefined;
}
