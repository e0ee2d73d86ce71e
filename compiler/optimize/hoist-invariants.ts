/**
 * Takes work out of maps and reductions that is repeated along an axis: a costly subexpression that depends on
 * fewer axes becomes a node of its own, computed once for each of its points.
 *
 *     y[n, c] = x[n, c] · rsqrt(v[n] + 1e-3)   →   s[n] = rsqrt(v[n] + 1e-3);  y[n, c] = x[n, c] · s[n]
 */

import { type GraphContext, scalarChildren } from "../graph/context.ts";
import type { Compute, Graph, Node, Scalar, Value } from "../graph/node.ts";
import { type Rewritten, rewriteGraph } from "../graph/rewrite.ts";
import { scalarCost } from "../graph/scalar-cost.ts";
import { withChildren } from "./rewrite-scalars.ts";
import { axesOfNode, type NodeScope, pointsAt, scalarAxes } from "./rules/node-rule.ts";
import { mapOnAxes, sortedAxes } from "./rules/operands.ts";

/** Below this many operations a point, repeating them is cheaper than a load. */
const leastCost = 8;

/** How many times work must be repeated for a node of its own to pay. */
const leastRepetitions = 4;

/** Returns the same graph if there is nothing to take out. */
export function hoistInvariants(context: GraphContext, graph: Graph): Graph {
  const { batchMax } = graph;
  const scope: NodeScope = { context, batchMax };
  const known = context.memory<Rewritten>(hoistInvariants, batchMax, () => new Map());
  const hoist = (node: Node): readonly Value[] | undefined => {
    if (node.kind !== "compute") return undefined;
    const body = hoistFromBody(node, scope);
    return body === node.body ? undefined : context.computeLike(node, body).values;
  };
  return rewriteGraph(context, graph, hoist, known);
}

function hoistFromBody(node: Compute, scope: NodeScope): Scalar {
  const rewritten = new Map<Scalar, Scalar>();
  const rewrite = (scalar: Scalar): Scalar => {
    const known = rewritten.get(scalar);
    if (known !== undefined) return known;
    const result = isWorthANode(scalar, node, scope)
      ? mapOnAxes(scalar, node, scope)
      : withChildren(scalar, scope, rewrite);
    rewritten.set(scalar, result);
    return result;
  };
  return rewrite(node.body);
}

function isWorthANode(scalar: Scalar, node: Compute, { batchMax }: NodeScope): boolean {
  if (scalarChildren(scalar).length === 0 || scalarCost(scalar) < leastCost) return false;
  const all = axesOfNode(node);
  const own = sortedAxes(scalarAxes(scalar)).map((axis) => all[axis]!);
  return pointsAt(all, batchMax) >= leastRepetitions * pointsAt(own, batchMax);
}
