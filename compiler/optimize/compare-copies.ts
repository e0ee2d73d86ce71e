/**
 * Lets comparisons with 0 read a value's copy in bf16 where there is one. The derivative of a relu asks for nothing else of
 * its result, which products read as well: the value itself then need not be in memory at all.
 *
 *     %5: bf16[N, 512] = bf16(%4[i0, i1])
 *     %9: f32[N, 512] = select(%4[i0, i1] == 0.0, 0.0, %8[i0, i1])
 *
 * becomes
 *
 *     %9: f32[N, 512] = select(f32(%5[i0, i1]) == 0.0, 0.0, %8[i0, i1])
 *
 * bf16 has the exponents of f32, and so the sign of a number but for those below 2⁻¹³⁴, among f32's subnormals, which
 * count as 0 here. f16 has not, so that its copies are no substitute.
 */

import { type GraphContext, graphNodes } from "../graph/context.ts";
import type { Graph, Scalar, Value } from "../graph/node.ts";
import { mapScalar, rewriteGraph } from "../graph/rewrite.ts";
import type { ScalarFunctionName } from "../graph/scalar-functions.ts";
import { isIdentity } from "./fusion/places.ts";

const comparisons: ReadonlySet<ScalarFunctionName> = new Set<ScalarFunctionName>([
  "equal",
  "notEqual",
  "less",
  "lessEqual",
]);

/** Needs nothing; returns the same object where no copy is of use. */
export function compareCopies(context: GraphContext, graph: Graph): Graph {
  const copies = copiesIn(graph);
  if (copies.size === 0) return graph;
  const narrowed = (scalar: Scalar): Scalar => {
    const copy = scalar.kind === "load" ? copies.get(scalar.value) : undefined;
    if (scalar.kind !== "load" || copy === undefined) return scalar;
    return context.cast(context.load(copy, scalar.index, scalar.guard), "f32");
  };
  return rewriteGraph(context, graph, (node) => {
    if (node.kind !== "compute") return undefined;
    const body = mapScalar(context, node.body, {
      call: (call) => {
        if (!comparisons.has(call.fn) || !call.args.some(isZero)) return call;
        return context.call(call.fn, ...call.args.map(narrowed));
      },
    });
    return body === node.body ? undefined : context.computeLike(node, body).values;
  });
}

function isZero(scalar: Scalar): boolean {
  return scalar.kind === "constant" && scalar.value === 0;
}

/** Values of f32 that a node only rounds to bf16, and what it makes of them. */
function copiesIn(graph: Graph): ReadonlyMap<Value, Value> {
  const copies = new Map<Value, Value>();
  for (const node of graphNodes(graph)) {
    if (node.kind !== "compute" || node.reducer !== null || node.body.kind !== "cast") continue;
    const { dtype, of: load } = node.body;
    if (dtype !== "bf16" || load.kind !== "load" || load.dtype !== "f32") continue;
    if (load.guard.kind === "true" && isIdentity(load)) copies.set(load.value, node.values[0]!);
  }
  return copies;
}
