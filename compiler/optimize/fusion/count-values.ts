/**
 * How many rows a batch has, and what follows from that alone, as values of their own in graphs with loops: what is
 * computed for each row then knows nothing of the others, and a task can take some of the rows through all of it.
 *
 *     d[n] = sigmoid(y[n]) / f32(N)      becomes      c = f32(N);  d[n] = sigmoid(y[n]) / c
 */

import { type GraphContext, scalarChildren } from "../../graph/context.ts";
import { isFixed } from "../../graph/extent.ts";
import { loopsIn } from "../../graph/loops.ts";
import type { Graph, Scalar } from "../../graph/node.ts";
import { rewriteGraph } from "../../graph/rewrite.ts";
import { withChildren } from "../rewrite-scalars.ts";

/** Adds values of rank 0 only; returns the same graph where there are no loops. */
export function countValues(context: GraphContext, graph: Graph): Graph {
  if (loopsIn(graph).length === 0) return graph;
  const rewritten = new Map<Scalar, Scalar>();
  const rewrite = (scalar: Scalar): Scalar => {
    const known = rewritten.get(scalar);
    if (known !== undefined) return known;
    const result = isCount(scalar)
      ? context.load(context.compute({ parallel: [], body: scalar }).values[0]!, [])
      : withChildren(scalar, { context }, rewrite);
    rewritten.set(scalar, result);
    return result;
  };
  return rewriteGraph(context, graph, (node) => {
    if (node.kind !== "compute" || node.parallel[0] === undefined || isFixed(node.parallel[0])) {
      return undefined;
    }
    const body = rewrite(node.body);
    return body === node.body ? undefined : context.computeLike(node, body).values;
  });
}

/** Whether a float follows from the number of rows alone. */
function isCount(scalar: Scalar): boolean {
  let mentions = false;
  const follows = (part: Scalar): boolean => {
    if (part.kind === "constant") return true;
    if (part.kind === "index") {
      const { batch, terms } = part.index;
      if (batch !== 0) mentions = true;
      return terms.length === 0;
    }
    return (part.kind === "cast" || part.kind === "call") && scalarChildren(part).every(follows);
  };
  return scalar.dtype === "f32" && follows(scalar) && mentions;
}
