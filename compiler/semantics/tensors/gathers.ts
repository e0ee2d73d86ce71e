/** Elements at places that are computed from data. */

import { type Affine, axisAffine } from "../../graph/affine.ts";
import { always, type Condition } from "../../graph/condition.ts";
import type { GraphContext } from "../../graph/context.ts";
import type { Scalar, Value } from "../../graph/node.ts";

/** A load where all indexes are made of axes, else a gather, which reads 0 wherever one is out of range. */
export function loadAt(
  context: GraphContext,
  value: Value,
  index: readonly (Affine | Scalar)[],
  guard: Condition,
): Scalar {
  if (index.every(isAffine)) return context.load(value, index, guard);
  const places = index.map((i) => (isAffine(i) ? context.index(i) : i));
  return context.gather(value, places);
}

function isAffine(index: Affine | Scalar): index is Affine {
  return "terms" in index;
}

/** The slices of x at the indices along an axis, whose place the dimensions of `indices` take. */
export function take(context: GraphContext, x: Value, indices: Value, axis: number): Value {
  const rank = indices.shape.length;
  const parallel = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
  const load = context.load(
    indices,
    indices.shape.map((_, d) => axisAffine(axis + d)),
  );
  const index = x.shape.map((_, d): Affine | Scalar =>
    d === axis ? context.cast(load, "i32") : axisAffine(d < axis ? d : d + rank - 1),
  );
  return context.compute({ parallel, body: loadAt(context, x, index, always) }).values[0]!;
}
