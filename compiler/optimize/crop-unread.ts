/**
 * Places at the end of a dimension that nothing reads are not computed, as the last row of an image of odd height is not
 * where windows of two rows are pooled; nor then what they alone are made of, and no derivative goes through them.
 *
 *     y[i < 11] = f(x[i]);  z[j < 5] = y[2·j] + y[2·j + 1]   →   y[i < 10] = f(x[i]);  z[j < 5] = y[2·j] + y[2·j + 1]
 */

import { rangeOf } from "../graph/affine-range.ts";
import { type GraphContext, gathersOf, graphNodes, loadsOf } from "../graph/context.ts";
import { type Extent, fixed, isFixed } from "../graph/extent.ts";
import type { Compute, Graph, Node, Value } from "../graph/node.ts";
import { rewriteGraph } from "../graph/rewrite.ts";

/** The same results and derivatives, bit for bit; returns the same graph if everything is read. */
export function cropUnread(context: GraphContext, graph: Graph): Graph {
  const cropped = readExtents(graph);
  if (cropped.size === 0) return graph;
  return rewriteGraph(context, graph, (node, original) => {
    const parallel = cropped.get(original);
    if (parallel === undefined || node.kind !== "compute") return undefined;
    const made = context.compute({ ...node, parallel });
    context.inheritOrigins(made, original);
    return made.values;
  });
}

/** For nodes of which not everything is read, the extents of what is. */
function readExtents(graph: Graph): ReadonlyMap<Node, readonly Extent[]> {
  const { results, assignments, batchMax } = graph;
  /** How many places of each dimension are read; of values that are not here, all. */
  const read = new Map<Node, number[]>();
  const whole = new Set<Node>([...results, ...assignments].map(({ value }) => value.node));
  const cropped = new Map<Node, readonly Extent[]>();
  for (const node of graphNodes(graph).reverse()) {
    if (node.kind === "leaf") continue;
    if (node.kind !== "compute") {
      for (const { node: operand } of node.operands) whole.add(operand);
      continue;
    }
    const parallel = whole.has(node) ? node.parallel : extentsOf(node, read.get(node));
    if (parallel !== node.parallel) cropped.set(node, parallel);
    for (const { value } of gathersOf(node.body)) whole.add(value.node);
    const axes = [...parallel, ...node.reduction];
    for (const { value, index } of loadsOf(node.body)) {
      const places = placesOf(read, value);
      index.forEach((place, d) => {
        places[d] = Math.max(places[d]!, rangeOf(place, axes, batchMax).max + 1);
      });
    }
  }
  return cropped;
}

function placesOf(read: Map<Node, number[]>, { node, shape }: Value): number[] {
  const places = read.get(node) ?? shape.map(() => 1);
  read.set(node, places);
  return places;
}

/** The node's parallel extents, as far as they are read; the same object if all is. */
function extentsOf(
  { parallel }: Compute,
  places: readonly number[] | undefined,
): readonly Extent[] {
  const isCropped = (extent: Extent, d: number) =>
    isFixed(extent) && places !== undefined && places[d]! < extent.constant;
  if (!parallel.some(isCropped)) return parallel;
  return parallel.map((extent, d) => (isCropped(extent, d) ? fixed(places![d]!) : extent));
}
