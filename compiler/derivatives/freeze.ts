/**
 * `stop_gradient(e)` has the value of e and no derivative, which differences cannot know. So that they tell the derivative
 * that is meant, what is stopped is computed once, at the point, and read as a constant around it.
 */

import { axisAffine } from "../graph/affine.ts";
import { and } from "../graph/condition.ts";
import { type GraphContext, graphNodes, visitScalars } from "../graph/context.ts";
import type { Compute, Graph, Node, Scalar, Value } from "../graph/node.ts";
import { mapScalar, replaceOperands, replaceValues } from "../graph/rewrite.ts";

export interface FrozenGraph {
  readonly graph: Graph;
  /** What the leaves of the role `state` and these paths hold, as values of the graph as it was. */
  readonly frozen: readonly { readonly path: string; readonly value: Value }[];
}

export function freezeStops(context: GraphContext, graph: Graph): FrozenGraph {
  const frozen: { path: string; value: Value }[] = [];
  const replacements = new Map<Value, Value>();
  const replacement = (value: Value): Value => replacements.get(value) ?? value;
  const freeze = (node: Compute, stopped: Scalar): Scalar => {
    const value = computedAlone(context, node, stopped);
    const path = `stopped/${value.node.id}`;
    frozen.push({ path, value });
    const leaf = context.leaf("state", path, value.dtype, value.shape);
    return context.load(
      leaf,
      value.shape.map((_, axis) => axisAffine(axis)),
    );
  };
  for (const node of graphNodes(graph)) {
    if (node.kind === "leaf") continue;
    const own =
      node.kind === "compute" && hasStops(node.body)
        ? context.compute({
            ...node,
            body: replaceStops(context, node.body, (stopped) => freeze(node, stopped)),
          })
        : node;
    const rebuilt = replaceOperands(context, own, replacement);
    node.values.forEach((value, i) => {
      replacements.set(value, rebuilt.values[i]!);
    });
  }
  return { graph: replaceValues(graph, replacement), frozen };
}

/** Whether something is stopped in a loop, where it has another value in each step. */
export function stopsInLoops(graph: Graph): boolean {
  const inside = (node: Node): boolean =>
    node.kind === "scan" &&
    node.nodes.some((other) => (other.kind === "compute" && hasStops(other.body)) || inside(other));
  return graphNodes(graph).some(inside);
}

const isStop = (scalar: Scalar): boolean => scalar.kind === "call" && scalar.fn === "stopGradient";

function hasStops(body: Scalar): boolean {
  let found = false;
  visitScalars(body, (scalar) => {
    found ||= isStop(scalar);
  });
  return found;
}

/** The outermost stops replaced; what is stopped within them does not matter. */
function replaceStops(
  context: GraphContext,
  body: Scalar,
  freeze: (stopped: Scalar) => Scalar,
): Scalar {
  const replaced = new Map<Scalar, Scalar>();
  const visit = (scalar: Scalar): Scalar => {
    const known = replaced.get(scalar);
    if (known !== undefined) return known;
    const result = rebuild(scalar);
    replaced.set(scalar, result);
    return result;
  };
  const rebuild = (scalar: Scalar): Scalar => {
    if (isStop(scalar)) return freeze(scalar);
    switch (scalar.kind) {
      case "cast":
        return context.cast(visit(scalar.of), scalar.dtype);
      case "call":
        return context.call(scalar.fn, ...scalar.args.map(visit));
      case "gather":
        return context.gather(scalar.value, scalar.index.map(visit));
      default:
        return scalar;
    }
  };
  return visit(body);
}

/** A scalar of a body at each of the node's points, those that `where` leaves out reading nothing. */
function computedAlone(context: GraphContext, node: Compute, scalar: Scalar): Value {
  const { parallel, reduction, where } = node;
  const body = mapScalar(context, scalar, {
    load: ({ value, index, guard }) => context.load(value, index, and(guard, where)),
  });
  return context.compute({ parallel: [...parallel, ...reduction], body }).values[0]!;
}
