/**
 * Division of bytes by a constant, as images are scaled, without dividing: a quotient by the rounded reciprocal
 * and one correction by fused multiply-add (Markstein, 1990). Bytes have 256 values, so that the quotients
 * are the same bits is checked, not argued; where one is not, the division stays.
 *
 *     f32(b) / c   =   fma(fma(-c, q, f32(b)), y, q)   where y = 1/c, q = f32(b)·y
 */

import type { GraphContext } from "../../graph/context.ts";
import type { Graph, Scalar } from "../../graph/node.ts";
import { mapScalar, rewriteGraph } from "../../graph/rewrite.ts";

export function divideBytes(context: GraphContext, graph: Graph): Graph {
  return rewriteGraph(context, graph, (node) => {
    if (node.kind !== "compute") return undefined;
    const body = mapScalar(context, node.body, { call: (call) => quotient(context, call) });
    return body === node.body ? undefined : context.computeLike(node, body).values;
  });
}

function quotient(context: GraphContext, call: Extract<Scalar, { kind: "call" }>): Scalar {
  const [dividend, divisor] = call.args;
  if (call.fn !== "divide" || call.dtype !== "f32" || divisor?.kind !== "constant") return call;
  if (dividend?.kind !== "cast" || dividend.of.dtype !== "u8") return call;
  const c = Math.fround(divisor.value);
  const y = Math.fround(1 / c);
  if (!isExact(c, y)) return call;
  const reciprocal = context.constant(y, "f32");
  const q = context.call("multiply", dividend, reciprocal);
  const rest = context.call("fma", context.constant(-c, "f32"), q, dividend);
  return context.call("fma", rest, reciprocal, q);
}

/** Whether the corrected quotient of every byte is the rounded one; each step is exact in float64 but one rounding. */
function isExact(c: number, y: number): boolean {
  if (!Number.isFinite(y) || c === 0) return false;
  for (let byte = 0; byte < 256; byte++) {
    const q = Math.fround(byte * y);
    const rest = Math.fround(-c * q + byte);
    if (Math.fround(rest * y + q) !== Math.fround(byte / c)) return false;
  }
  return true;
}
