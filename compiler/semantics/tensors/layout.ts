/**
 * Operations that only move elements: each is one `compute` node whose body is a load, indexed by the map
 * from result to operand. Arguments are already checked; shapes are those of the graph.
 */

import {
  type Affine,
  addAffine,
  axisAffine,
  divAffine,
  extentAffine,
  modAffine,
  offsetAffine,
  scaleAffine,
  subtractAffine,
  zeroAffine,
} from "../../graph/affine.ts";
import {
  always,
  type Condition,
  inRange,
  nonnegative,
  not,
  simplifyCondition,
} from "../../graph/condition.ts";
import type { GraphContext } from "../../graph/context.ts";
import { type Extent, fixed, type Shape, sameExtent, sameShape } from "../../graph/extent.ts";
import type { Scalar, Value } from "../../graph/node.ts";

/** Where nodes are made, and the largest N that their guards must hold for. */
export interface GraphBuilding {
  readonly context: GraphContext;
  readonly batchMax: number;
}

/** One dimension of a slice: an element (which drops the dimension), or every `step`-th from `start`. */
export type SlicePart =
  | { readonly kind: "at"; readonly index: Affine }
  | {
      readonly kind: "range";
      readonly start: Affine;
      readonly step: number;
      readonly extent: Extent;
    }
  | { readonly kind: "new" };

/** `x[parts]`, 0 where the guard is false; parts that are not "new" correspond to the dimensions of x one by one. */
export function slice(
  context: GraphContext,
  x: Value,
  parts: readonly SlicePart[],
  guard: Condition = always,
): Value {
  const parallel: Extent[] = [];
  const index: Affine[] = [];
  for (const part of parts) {
    switch (part.kind) {
      case "at":
        index.push(part.index);
        break;
      case "range":
        index.push(addAffine(part.start, scaleAffine(axisAffine(parallel.length), part.step)));
        parallel.push(part.extent);
        break;
      case "new":
        parallel.push(fixed(1));
        break;
    }
  }
  return map(context, parallel, context.load(x, index, guard));
}

/** Result dimension d is dimension permutation[d] of x. */
export function transpose(context: GraphContext, x: Value, permutation: readonly number[]): Value {
  if (permutation.every((d, i) => d === i)) return x;
  const index = x.shape.map((_, d) => axisAffine(permutation.indexOf(d)));
  return map(
    context,
    permutation.map((d) => x.shape[d]!),
    context.load(x, index),
  );
}

/** NumPy broadcasting to a shape that x fits. */
export function broadcastTo(context: GraphContext, x: Value, shape: Shape): Value {
  if (sameShape(x.shape, shape)) return x;
  return map(context, shape, context.load(x, broadcastIndex(x.shape, shape)));
}

/** Where an operand that broadcasts to `shape` is read at a point of it. */
export function broadcastIndex(operand: Shape, shape: Shape): Affine[] {
  const offset = shape.length - operand.length;
  return operand.map((extent, d) =>
    sameExtent(extent, shape[d + offset]!) ? axisAffine(d + offset) : zeroAffine,
  );
}

/** The same elements in reading order under another shape with as many elements for every N. */
export function reshape(context: GraphContext, x: Value, shape: Shape): Value {
  if (sameShape(x.shape, shape)) return x;
  const index: Affine[] = [];
  for (const group of reshapeGroups(x.shape, shape)) {
    let flat: Affine = zeroAffine;
    for (let d = group.to.start; d < group.to.end; d++) {
      flat = addAffine(scaleAffine(flat, shape[d]!.constant), axisAffine(d));
    }
    let stride = 1;
    const reversed: Affine[] = [];
    for (let d = group.from.end - 1; d >= group.from.start; d--) {
      const size = x.shape[d]!.constant;
      const quotient = divAffine(flat, stride);
      reversed.push(d === group.from.start ? quotient : modAffine(quotient, size));
      stride *= size;
    }
    index.push(...reversed.reverse());
  }
  return map(context, shape, context.load(x, index));
}

interface DimensionRun {
  readonly start: number;
  readonly end: number;
}

/**
 * Cuts both shapes into the shortest runs of dimensions with equal numbers of elements, so that
 * `[N, 28, 28]` to `[N, 784]` leaves N alone. Within a run only the outermost extent may hold N.
 */
function reshapeGroups(from: Shape, to: Shape): { from: DimensionRun; to: DimensionRun }[] {
  const groups: { from: DimensionRun; to: DimensionRun }[] = [];
  let i = 0;
  let j = 0;
  while (i < from.length || j < to.length) {
    const start = { i, j };
    let left: Extent = i < from.length ? from[i++]! : fixed(1);
    let right: Extent = j < to.length ? to[j++]! : fixed(1);
    while (!sameExtent(left, right)) {
      const growLeft = left.batch + left.constant < right.batch + right.constant;
      if (growLeft && i < from.length) left = times(left, from[i++]!);
      else if (j < to.length) right = times(right, to[j++]!);
      else if (i < from.length) left = times(left, from[i++]!);
      else break;
    }
    // Trailing ones belong to the run before them.
    if (i < from.length || j < to.length) {
      groups.push({ from: { start: start.i, end: i }, to: { start: start.j, end: j } });
    } else {
      groups.push({
        from: { start: start.i, end: from.length },
        to: { start: start.j, end: to.length },
      });
    }
  }
  return groups;
}

function times(a: Extent, b: Extent): Extent {
  const factor = b.batch === 0 ? b.constant : 1;
  return { batch: a.batch * factor, constant: a.constant * factor };
}

/** Operands one after the other along an axis; their other dimensions agree. */
export function concatenate(
  { context, batchMax }: GraphBuilding,
  operands: readonly Value[],
  axis: number,
): Value {
  const [first] = operands;
  if (operands.length === 1) return first!;
  const parallel = first!.shape.map((extent, d) =>
    d === axis
      ? operands.reduce<Extent>(
          (sum, { shape }) => ({
            batch: sum.batch + shape[d]!.batch,
            constant: sum.constant + shape[d]!.constant,
          }),
          fixed(0),
        )
      : extent,
  );
  const here = axisAffine(axis);
  const starts: Affine[] = [];
  let start: Affine = zeroAffine;
  for (const { shape } of operands) {
    starts.push(start);
    start = addAffine(start, extentAffine(shape[axis]!));
  }
  let body: Scalar | undefined;
  for (let k = operands.length - 1; k >= 0; k--) {
    const operand = operands[k]!;
    const local = subtractAffine(here, starts[k]!);
    const index = operand.shape.map((_, d) => (d === axis ? local : axisAffine(d)));
    const inside = inRange(local, operand.shape[axis]!);
    const load = context.load(operand, index, simplifyCondition(inside, parallel, batchMax));
    if (body === undefined) {
      body = load;
    } else {
      const before = not(nonnegative(subtractAffine(here, starts[k + 1]!)));
      body = context.call("select", context.condition(before), load, body);
    }
  }
  return map(context, parallel, body!);
}

/** Operands of one shape along a new axis. */
export function stack(context: GraphContext, operands: readonly Value[], axis: number): Value {
  const { shape } = operands[0]!;
  const parallel = [...shape.slice(0, axis), fixed(operands.length), ...shape.slice(axis)];
  const index = shape.map((_, d) => axisAffine(d < axis ? d : d + 1));
  const here = axisAffine(axis);
  let body: Scalar = context.load(operands.at(-1)!, index);
  for (let k = operands.length - 2; k >= 0; k--) {
    const before = not(nonnegative(offsetAffine(here, -(k + 1))));
    body = context.call(
      "select",
      context.condition(before),
      context.load(operands[k]!, index),
      body,
    );
  }
  return map(context, parallel, body);
}

function map(context: GraphContext, parallel: Shape, body: Scalar): Value {
  return context.compute({ parallel, body }).values[0]!;
}
