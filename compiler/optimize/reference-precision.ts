/**
 * What a target's kernels compute of products, for the reference interpreter: with operands rounded as matrix units round
 * them. Figures that devices are measured by must have the same rounding, or a relu whose argument is next to nothing
 * falls to the other side here than there.
 */

import type { GraphContext } from "../graph/context.ts";
import type { Graph, Scalar } from "../graph/node.ts";
import { rewriteGraph } from "../graph/rewrite.ts";
import { factorsOf } from "./fusion/prepare-products.ts";
import { mayRunInRows } from "./fusion/workgroup-rows.ts";
import { roundOperands, unitTiles, withFactors } from "./precision.ts";
import type { TargetDescription } from "./target-description.ts";

/** Needs a simplified graph; the result is for the interpreter alone, whose floats have 53 bits. */
export function roundForReference(
  context: GraphContext,
  graph: Graph,
  target: TargetDescription,
): Graph {
  if (target.workgroup?.matrix?.operands !== "tf32") return roundOperands(context, graph, target);
  const { batchMax } = graph;
  return rewriteGraph(context, graph, (node) => {
    if (node.kind !== "compute" || mayRunInRows(node, batchMax, target)) return undefined;
    if (unitTiles(context, node, "tf32", batchMax) === undefined) return undefined;
    const factors = factorsOf(node)!.map((factor) => roundTo11Bits(context, factor));
    return withFactors(context, node, factors).values;
  });
}

/** x rounded to 11 of its 53 bits, by c − (c − x) with c = x·(2⁴² + 1) (Veltkamp's splitting; Dekker, 1971). */
function roundTo11Bits(context: GraphContext, x: Scalar): Scalar {
  const scaled = context.call("multiply", x, context.constant(2 ** 42 + 1, "f32"));
  return context.call("subtract", scaled, context.call("subtract", scaled, x));
}
