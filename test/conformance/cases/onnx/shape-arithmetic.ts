/** Shapes of results and places in them, by NumPy's rules. */

import { reduction as inWords } from "../case-rules.ts";
import { BadOnnxFile } from "./model.ts";
import type { NodeCall, Value } from "./rule.ts";

export const elementCount = (shape: readonly number[]): number =>
  shape.reduce((product, size) => product * size, 1);

/** The shape that tensors broadcast to. */
export function broadcastShape(...shapes: readonly (readonly number[])[]): readonly number[] {
  const rank = Math.max(0, ...shapes.map(({ length }) => length));
  return Array.from({ length: rank }, (_, i) => {
    const sizes = shapes.map((shape) => shape[i - rank + shape.length] ?? 1);
    const size = sizes.find((each) => each !== 1) ?? 1;
    if (!sizes.every((each) => each === 1 || each === size)) {
      throw new BadOnnxFile(`shapes that do not fit: ${shapes.map((s) => `[${s}]`).join(" and ")}`);
    }
    return size;
  });
}

/** An axis counted from the start. */
export function axisFromStart(axis: number, rank: number): number {
  const counted = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(counted) || counted < 0 || counted >= Math.max(rank, 1)) {
    throw new BadOnnxFile(`the axis ${axis} of ${rank}`);
  }
  return counted;
}

export const axesFromStart = (axes: readonly number[], rank: number): readonly number[] =>
  axes.map((axis) => axisFromStart(axis, rank));

export const replaced = <T>(items: readonly T[], i: number, item: T): readonly T[] =>
  items.map((each, j) => (j === i ? item : each));

/** What stands at these places of a tensor, which may be a scalar. */
export const at = ({ expression }: Value, places: readonly string[]): string =>
  places.length === 0 ? expression : `${expression}[${places.join(", ")}]`;

/** `sum[k < 3] (…)`, with fresh names for the axes. */
export function reduction(
  call: NodeCall,
  reducer: string,
  sizes: readonly number[],
  body: (axes: readonly string[]) => string,
): string {
  if (sizes.length === 0) return body([]);
  const axes = call.fresh(sizes.length);
  return inWords(reducer, axes, sizes, `(${body(axes)})`);
}

export function reshaped(call: NodeCall, value: Value, shape: readonly number[]): Value {
  if (value.shape.join() === shape.join()) return value;
  const { data, expression, dtype } = value;
  const result = call.define(`reshape(${expression}, [${shape.join(", ")}])`, shape, dtype);
  return data === undefined ? result : { ...result, data };
}

export function transposed(call: NodeCall, value: Value, order: readonly number[]): Value {
  if (order.every((axis, i) => axis === i)) return value;
  const shape = order.map((axis) => value.shape[axis]!);
  return call.define(`transpose(${value.expression}, [${order.join(", ")}])`, shape, value.dtype);
}

export const range = (count: number): readonly number[] =>
  Array.from({ length: count }, (_, i) => i);
