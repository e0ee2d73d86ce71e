/**
 * Takes out of loops what needs nothing from the step before: it is computed for all steps at once, and read step by
 * step. So the product of a whole sequence with a weight is one contraction before the loop. What costs next to
 * nothing stays: it would be a pass over memory of its own.
 *
 *     scan t < 5 { z = x[:, t] @ w + h @ u; … }      becomes      xw = x @ w; scan t < 5 { z = xw[:, t] + h @ u; … }
 */

import { stepAffine } from "../graph/affine.ts";
import type { GraphContext } from "../graph/context.ts";
import { hoistFromLoop } from "../graph/hoist-from-loop.ts";
import { throughLoops } from "../graph/loops.ts";
import type { Compute, Graph, Scan, Scatter, Value } from "../graph/node.ts";
import { rewriteGraph } from "../graph/rewrite.ts";
import { scalarCost } from "../graph/scalar-cost.ts";

/** Below this many operations a point, computing is cheaper than a pass over memory. */
const leastCost = 8;

export const hoistFromLoops: (context: GraphContext, graph: Graph) => Graph = throughLoops(
  (context, graph) =>
    rewriteGraph(context, graph, (node) =>
      node.kind === "scan" ? hoistFrom(context, node) : undefined,
    ),
);

function hoistFrom(context: GraphContext, scan: Scan): readonly Value[] | undefined {
  const step = stepAffine(scan.loop, scan.length);
  const inOrder = scan.stacks.filter(({ place }) => place.key === step.key);
  const stacked = new Set(inOrder.map(({ value }) => value));
  return hoistFromLoop(
    context,
    scan,
    (node) => isCostly(node) || node.values.some((value) => stacked.has(value)),
  );
}

function isCostly(node: Compute | Scatter): boolean {
  if (node.kind === "scatter" || node.reducer !== null) return true;
  return scalarCost(node.body) >= leastCost;
}
