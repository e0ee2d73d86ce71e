/**
 * Takes out of loops what needs nothing from the step before: it is computed for all steps at once, and read step by
 * step. So the product of a whole sequence with a weight is one contraction before the loop. What costs next to
 * nothing stays: it would be a pass over memory of its own.
 *
 *     scan t < 5 { z = x[:, t] @ w + h @ u; … }      becomes      xw = x @ w; scan t < 5 { z = xw[:, t] + h @ u; … }
 */

import { stepAffine } from "../graph/affine.ts";
import type { GraphContext } from "../graph/context.ts";
import { copyNodes, type StackedPlace } from "../graph/copy-nodes.ts";
import { Lift } from "../graph/lift.ts";
import { freeNodes } from "../graph/loop-parts.ts";
import { throughLoops } from "../graph/loops.ts";
import type { Compute, Graph, Scan, Scatter, Value } from "../graph/node.ts";
import { rewriteGraph } from "../graph/rewrite.ts";
import { scalarCost } from "./rules/node-rule.ts";

/** Below this many operations a point, computing is cheaper than a pass over memory. */
const leastCost = 8;

export const hoistFromLoops: (context: GraphContext, graph: Graph) => Graph = throughLoops(
  (context, graph) =>
    rewriteGraph(context, graph, (node) =>
      node.kind === "scan" ? hoistFrom(context, node) : undefined,
    ),
);

function hoistFrom(context: GraphContext, scan: Scan): readonly Value[] | undefined {
  const { loop, length, carries, stacks, recompute } = scan;
  const step = stepAffine(loop, length);
  const inOrder = stacks.filter(({ place }) => place.key === step.key);
  const stacked = new Set(inOrder.map(({ value }) => value));
  const hoisted = freeNodes(scan).filter(
    (node) => isCostly(node) || node.values.some((value) => stacked.has(value)),
  );
  if (hoisted.length === 0) return undefined;
  const lift = new Lift(context, loop, length, () => undefined);
  const places = new Map<Value, StackedPlace>();
  for (const node of hoisted) {
    lift.node(node).values.forEach((stack, i) => {
      places.set(node.values[i]!, { stack, place: step });
    });
  }
  const copy = copyNodes(context, { loop, step, replace: (value) => places.get(value) });
  // In the order of steps the stack is there already.
  const known = stacks.map(({ value, place }) =>
    place.key === step.key ? places.get(value)?.stack : undefined,
  );
  const rest = context.scan({
    loop,
    length,
    recompute,
    carries: carries.map((carry) => ({ ...carry, next: copy(carry.next) })),
    stacks: stacks
      .filter((_, i) => known[i] === undefined)
      .map(({ value, place }) => ({ value: copy(value), place })),
  });
  let at = carries.length;
  return [
    ...rest.values.slice(0, carries.length),
    ...known.map((stack) => stack ?? rest.values[at++]!),
  ];
}

function isCostly(node: Compute | Scatter): boolean {
  if (node.kind === "scatter" || node.reducer !== null) return true;
  return scalarCost(node.body) >= leastCost;
}
