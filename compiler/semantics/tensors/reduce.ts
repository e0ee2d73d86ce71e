/** Reductions of whole axes and matrix products, as one `compute` node each. */

import { type Affine, addAffine, axisAffine, scaleAffine, zeroAffine } from "../../graph/affine.ts";
import type { GraphContext } from "../../graph/context.ts";
import { type Extent, fixed, type Shape, stackedAxis } from "../../graph/extent.ts";
import type { Value } from "../../graph/node.ts";
import type { ReducerName } from "../../graph/reducers.ts";
import type { LoopFrame } from "../session.ts";
import { broadcastIndex } from "./layout.ts";

/** The reducer over `axes` (distinct, in increasing order); with `keepDims` they stay with extent 1. */
export function reduceAxes(
  context: GraphContext,
  reducer: ReducerName,
  x: Value,
  axes: readonly number[],
  keepDims: boolean,
): readonly Value[] {
  const parallel: Extent[] = [];
  const reduction: Extent[] = [];
  const places: { readonly parallel: boolean; readonly at: number }[] = x.shape.map((extent, d) => {
    if (!axes.includes(d)) return { parallel: true, at: parallel.push(extent) - 1 };
    if (keepDims) parallel.push(fixed(1));
    return { parallel: false, at: reduction.push(extent) - 1 };
  });
  const index = places.map((place) =>
    axisAffine(place.parallel ? place.at : parallel.length + place.at),
  );
  return context.compute({ parallel, reduction, reducer, body: context.load(x, index) }).values;
}

/**
 * `a @ b` as NumPy's matmul: over the last axis of a and the last but one of b (its only one, if b is a
 * vector), leading axes broadcast to `batch`.
 */
export function matrixProduct(context: GraphContext, a: Value, b: Value, batch: Shape): Value {
  const rows = a.shape.slice(-2, -1);
  const columns = b.shape.length > 1 ? b.shape.slice(-1) : [];
  const parallel = [...batch, ...rows, ...columns];
  const inner = axisAffine(parallel.length);
  const leading = (operand: Shape): Affine[] => broadcastIndex(operand, batch);
  const row = rows.map(() => axisAffine(batch.length));
  const column = columns.map(() => axisAffine(batch.length + rows.length));
  const left = context.load(a, [...leading(a.shape.slice(0, -2)), ...row, inner]);
  const right = context.load(b, [...leading(b.shape.slice(0, -2)), inner, ...column]);
  return context.compute({
    parallel,
    reduction: [a.shape.at(-1)!],
    reducer: "sum",
    body: context.call("multiply", left, right),
  }).values[0]!;
}

/**
 * The reading-order index of a point of a box whose extents but the first are fixed; in loops, that of what stacking
 * all iterations gives.
 */
export function stackedOrder(shape: Shape, loops: readonly LoopFrame[]): Affine {
  const at = stackedAxis(shape);
  const dimensions = shape.map(({ constant }, d) => ({ size: constant, place: axisAffine(d) }));
  const stacked = loops.map(({ length, place }) => ({ size: length, place }));
  return [...dimensions.slice(0, at), ...stacked, ...dimensions.slice(at)].reduce(
    (flat, { size, place }, d) => addAffine(d === 0 ? zeroAffine : scaleAffine(flat, size), place),
    zeroAffine,
  );
}
