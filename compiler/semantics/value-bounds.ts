/**
 * What is known of a tensor's elements whatever the data and the params are: for warnings of losses that are given
 * probabilities where they take logits, or the other way about.
 */

import type { Range } from "../graph/affine-range.ts";
import type { LoadScalar, Scalar, Value } from "../graph/node.ts";
import { everything, rangeOfScalar, typeRange } from "../graph/value-range.ts";

/** Bounds of all elements, NaN aside. */
export function boundsOf(value: Value, known: Map<Value, Range> = new Map()): Range {
  const before = known.get(value);
  if (before !== undefined) return before;
  const bounds = computeBounds(value, (load) => {
    const read = boundsOf(load.value, known);
    // A load out of range reads 0.
    if (load.guard.kind === "true") return read;
    return { min: Math.min(0, read.min), max: Math.max(0, read.max) };
  });
  known.set(value, bounds);
  return bounds;
}

function computeBounds({ node, result, dtype }: Value, ofLoad: (load: LoadScalar) => Range): Range {
  if (node.kind !== "compute" || result > 0) return typeRange[dtype];
  const body = rangeOfScalar(node.body, ofLoad);
  switch (node.reducer) {
    case null:
      return isShare(node.body, ofLoad) ? { min: 0, max: 1 } : body;
    case "max":
    case "min":
    case "mean":
    case "any":
    case "all":
      return body;
    case "sum":
    case "prod":
      return body.min >= 0 ? { min: 0, max: Infinity } : everything;
    default:
      return typeRange[dtype];
  }
}

/** e / sum(e) with e ≥ 0: a softmax, a normalized histogram. */
function isShare(body: Scalar, ofLoad: (load: LoadScalar) => Range): boolean {
  if (body.kind !== "call" || body.fn !== "divide") return false;
  const [part, whole] = body.args;
  if (part?.kind !== "load" || whole?.kind !== "load") return false;
  const { node } = whole.value;
  return (
    node.kind === "compute" &&
    node.reducer === "sum" &&
    node.body.kind === "load" &&
    node.body.value === part.value &&
    ofLoad(part).min >= 0
  );
}

/** Whether a param was added to all elements, or multiplied into a sum, last: then they may be any numbers. */
export function isFree({ node }: Value): boolean {
  if (node.kind !== "compute") return false;
  const { body, reducer } = node;
  if (body.kind === "load") return reducer === null && isFree(body.value);
  if (body.kind !== "call") return false;
  const hasParam = body.args.some((arg) => arg.kind === "load" && isParam(arg.value));
  if (reducer === null) return (body.fn === "add" || body.fn === "subtract") && hasParam;
  return reducer === "sum" && body.fn === "multiply" && hasParam;
}

function isParam({ node }: Value): boolean {
  return node.kind === "leaf" && node.role === "param";
}
