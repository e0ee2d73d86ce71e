/** A sum in two: chunks of it as further points of the result, then a sum of the chunks. */

import { addAffine, axisAffine, scaleAffine } from "../../graph/affine.ts";
import { and, inRange, substituteCondition } from "../../graph/condition.ts";
import type { GraphContext } from "../../graph/context.ts";
import { fixed, isFixed, sizeAt } from "../../graph/extent.ts";
import type { Compute, Graph, Value } from "../../graph/node.ts";
import { rewriteGraph, substituteAxes } from "../../graph/rewrite.ts";

/** Chunks of so many points along one of a sum's axes. */
export interface Chunk {
  readonly axis: number;
  readonly points: number;
}

/** The graph with the sums in chunks that have any. */
export function splitSums(
  context: GraphContext,
  graph: Graph,
  chunkOf: (node: Compute) => Chunk | undefined,
): Graph {
  return rewriteGraph(context, graph, (node) => {
    const chunk = node.kind === "compute" ? chunkOf(node) : undefined;
    return chunk && splitAxis(context, node as Compute, chunk, graph.batchMax);
  });
}

/** The sum in chunks, and the sum of the chunks. */
export function splitAxis(
  context: GraphContext,
  node: Compute,
  { axis: split, points }: Chunk,
  batchMax: number,
): readonly Value[] {
  const { parallel, reduction, where } = node;
  const rank = parallel.length;
  const extent = reduction[split - rank]!;
  const chunks = Math.ceil(sizeAt(extent, batchMax) / points);

  // The chunk's number follows the batch, which leads every shape.
  const at = parallel.length > 0 && !isFixed(parallel[0]!) ? 1 : 0;
  const shifted = (axis: number) => axisAffine(axis < at ? axis : axis + 1);
  const replace = (axis: number) =>
    axis === split ? addAffine(scaleAffine(axisAffine(at), points), shifted(axis)) : shifted(axis);
  const partial = context.compute({
    parallel: parallel.toSpliced(at, 0, fixed(chunks)),
    reduction: reduction.with(split - rank, fixed(points)),
    reducer: "sum",
    where: and(
      substituteCondition(where, replace),
      ...(isFixed(extent) && points * chunks === extent.constant
        ? []
        : [inRange(replace(split), extent)]),
    ),
    body: substituteAxes(context, node.body, replace),
  });
  context.inheritOrigins(partial, node);
  const index = parallel.map((_, axis) => axisAffine(axis)).toSpliced(at, 0, axisAffine(rank));
  const total = context.compute({
    parallel,
    reduction: [fixed(chunks)],
    reducer: "sum",
    body: context.load(partial.values[0]!, index),
  });
  context.inheritOrigins(total, node);
  return total.values;
}
