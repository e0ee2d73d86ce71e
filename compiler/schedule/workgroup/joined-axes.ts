/**
 * Axes joined into one number, as threads count points: row-major, the last axis fastest. Bodies see the axes as
 * quotients and remainders of it by literals, and whatever runs through memory as the number does loses them again.
 */

import { type Affine, axisAffine, divAffine, modAffine, zeroAffine } from "../../graph/affine.ts";
import { type Extent, isFixed, sizeAt } from "../../graph/extent.ts";
import { constant, multiply, operation } from "../../kernel/build.ts";
import type { Expression } from "../../kernel/ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import { extentValue } from "../micro-kernel.ts";

export interface JoinedAxes {
  /** The axes of the point that bodies are computed at, from number `first` on, and their values. */
  readonly extents: readonly Extent[];
  readonly values: readonly Expression[];
  /** The joined axes as functions of them. */
  readonly axes: readonly Affine[];
}

/** The axes at the point with number `at` of a box of at least that many points. */
export function joinAxes(
  builder: KernelBuilder,
  box: readonly Extent[],
  at: Expression,
  first: number,
): JoinedAxes {
  const axes: Affine[] = box.map(() => zeroAffine);
  const long = box
    .map((_, axis) => axis)
    .filter((axis) => sizeAt(box[axis]!, builder.batchMax) > 1);
  const [outermost, ...inner] = long;
  if (outermost === undefined) return { extents: [], values: [], axes };
  if (inner.every((axis) => isFixed(box[axis]!))) {
    let stride = 1;
    for (const axis of inner.reverse()) {
      axes[axis] = modAffine(divAffine(axisAffine(first), stride), box[axis]!.constant);
      stride *= box[axis]!.constant;
    }
    axes[outermost] = divAffine(axisAffine(first), stride);
    const { batch, constant: rest } = box[outermost]!;
    const extent = { batch: batch * stride, constant: rest * stride };
    return { extents: [extent], values: [at], axes };
  }
  // Affines have quotients by literals only: an inner axis as long as the batch is taken off at run time.
  const values = new Map<number, Expression>();
  let rest = at;
  for (const axis of inner.reverse()) {
    const extent = extentValue(box[axis]!);
    values.set(axis, builder.let("axis", operation("remainder", rest, extent)));
    rest = builder.let("rest", operation("quotient", rest, extent));
  }
  values.set(outermost, rest);
  long.forEach((axis, i) => {
    axes[axis] = axisAffine(first + i);
  });
  return {
    extents: long.map((axis) => box[axis]!),
    values: long.map((axis) => values.get(axis)!),
    axes,
  };
}

/** The number of points of a box. */
export function pointsOf(box: readonly Extent[]): Expression {
  const literal = box.filter(isFixed).reduce((product, extent) => product * extent.constant, 1);
  const symbolic = box.filter((extent) => !isFixed(extent));
  return multiply(symbolic.map(extentValue).reduce(multiply, constant(1)), constant(literal));
}
