/** Identity maps, and bodies with some of their loads replaced. */

import { type Affine, axisAffine, extentAffine } from "../../graph/affine.ts";
import { always, nonnegative } from "../../graph/condition.ts";
import { type GraphContext, graphNodes } from "../../graph/context.ts";
import type {
  Compute,
  Graph,
  LoadScalar,
  Node,
  Scalar,
  Scan,
  Scatter,
  Value,
} from "../../graph/node.ts";
import { mapScalar } from "../../graph/rewrite.ts";

/** The axes in order: where an identity map reads and writes. */
export function identityIndex(rank: number): readonly Affine[] {
  return Array.from({ length: rank }, (_, axis) => axisAffine(axis));
}

/** A map that only copies: `result[p] = value[p]`. */
export function copyOf(context: GraphContext, value: Value): Value {
  const body = context.load(value, identityIndex(value.shape.length));
  const copy = context.compute({ parallel: value.shape, body });
  context.inheritOrigins(copy, value.node);
  return copy.values[0]!;
}

/**
 * A copy that is none of `known`. Copies of the same value are told apart by guards that always hold, for a copy of a copy
 * might read what something has overwritten.
 */
export function newCopyOf(context: GraphContext, value: Value, known: ReadonlySet<Value>): Value {
  const index = identityIndex(value.shape.length);
  for (let k = 0; ; k++) {
    const guard = k === 0 ? always : nonnegative(extentAffine({ batch: 1, constant: k }));
    const body = context.load(value, index, guard);
    const copy = context.compute({ parallel: value.shape, body });
    if (known.has(copy.values[0]!)) continue;
    context.inheritOrigins(copy, value.node);
    return copy.values[0]!;
  }
}

/** A node with the loads of its body replaced; the same object if none is. */
export function replaceLoads(
  context: GraphContext,
  node: Compute,
  replace: (load: LoadScalar) => Scalar,
): Compute {
  const body = mapScalar(context, node.body, { load: replace });
  if (body === node.body) return node;
  const made = context.computeLike(node, body);
  context.inheritOrigins(made, node);
  return made;
}

/** What a device has to do: nodes that kernels compute, and loops over such. */
export type Work = Compute | Scatter | Scan;

/** The work of a graph, operands before users. */
export function workOf(graph: Graph): Work[] {
  return graphNodes(graph).filter(isWork);
}

export function isWork(node: Node): node is Work {
  return node.kind === "compute" || node.kind === "scatter" || node.kind === "scan";
}
