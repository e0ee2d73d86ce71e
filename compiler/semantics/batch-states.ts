/**
 * States with a row for each row of the batch, such as those of a stateful recurrent layer. They are stored with the
 * rows of the largest batch; a step reads and assigns the rows of its own, and what a smaller batch lacks stays.
 */

import { axisAffine, extentAffine, subtractAffine, zeroAffine } from "../graph/affine.ts";
import { nonnegative } from "../graph/condition.ts";
import type { GraphContext } from "../graph/context.ts";
import { batchExtent, type Extent, fixed, isFixed, type Shape } from "../graph/extent.ts";
import type { Value } from "../graph/node.ts";
import { slice } from "./tensors/layout.ts";

/** The shape in which a state is stored. */
export function storedShape(shape: Shape, batchMax: number): Shape {
  return shape.map((extent) =>
    isFixed(extent) ? extent : fixed(extent.batch * batchMax + extent.constant),
  );
}

/** The rows of this batch of what is stored. */
export function rowsInBatch(context: GraphContext, stored: Value, shape: Shape): Value {
  if (shape.every(isFixed)) return stored;
  const parts = shape.map((extent) => ({
    kind: "range" as const,
    start: zeroAffine,
    step: 1,
    extent,
  }));
  return slice(context, stored, parts);
}

/** What is stored once `rows` were assigned: `cell` where there is none. */
export function withRows(context: GraphContext, cell: Value, rows: Value): Value {
  const [first] = rows.shape;
  if (first === undefined || isFixed(first)) return rows;
  const index = cell.shape.map((_, d) => axisAffine(d));
  const isInBatch = nonnegative(offsetOf(first));
  const body = context.call(
    "select",
    context.condition(isInBatch),
    context.load(rows, index, isInBatch),
    context.load(cell, index),
  );
  return context.compute({ parallel: cell.shape, body }).values[0]!;
}

/** extent − 1 − n, which is not negative where row n is one of the batch. */
function offsetOf(extent: Extent) {
  const last = extentAffine({ ...extent, constant: extent.constant - 1 });
  return subtractAffine(last, axisAffine(0));
}

/** Whether N is the size of the first dimension, and of no other. */
export function hasRows([first, ...others]: Shape): boolean {
  return first !== undefined && first.batch === batchExtent.batch && others.every(isFixed);
}
