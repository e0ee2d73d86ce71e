/**
 * Operands that the machine copies by itself: matrices in memory, of which an axis runs through memory and the others move
 * by multiples of 16 bytes. A tensor map gives each of its axes an extent, beyond which boxes are filled with zeros. So
 * nobody has to look at tails: zeros add nothing to sums, and rows that are not there are not stored. Extents follow the
 * batch, so that rows of memory after those of this batch, which hold anything, are beyond the tensor, too.
 *
 * A sum that was cut into chunks (`splitContractions`) has the last chunk go beyond the end of the sum, and a condition
 * says so. Chunk and place in it are one axis of memory here, whose extent is that condition:
 *
 *     a[row, 256·chunk + place]  where  256·chunk + place < N
 */

import type { Affine } from "../../graph/affine.ts";
import type { Condition } from "../../graph/condition.ts";
import { bytesPerElement } from "../../graph/dtype.ts";
import { type Extent, isFixed, sameExtent, sizeAt } from "../../graph/extent.ts";
import type { Value } from "../../graph/node.ts";
import { add, constant, multiply } from "../../kernel/build.ts";
import {
  lineBytes,
  mostAxes,
  operandElement,
  type WarpgroupOperand,
} from "../../kernel/hopper-intrinsics.ts";
import type { Expression, TensorMapParameter } from "../../kernel/ir.ts";
import type { TiledContraction, TiledOperand } from "../../optimize/fusion/tiled-contraction.ts";
import { factsOf } from "../../optimize/simplify-index.ts";

/** An axis of memory: `Σ coefficient · axis` of the contraction's box, in 0 … extent−1. */
interface MappedAxis {
  readonly extent: Extent;
  /** In elements. */
  readonly stride: number;
  readonly parts: readonly { readonly axis: number; readonly coefficient: number }[];
}

export interface MappedOperand {
  readonly value: Value;
  /** Where its first element is. */
  readonly offset: number;
  /** Whether its rows (the columns of `right`), and not the sum, run through memory. */
  readonly isTransposed: boolean;
  /** The one that runs through memory first, then the other one of the matrix, then those of matrices. */
  readonly axes: readonly MappedAxis[];
}

/** What a piece of memory starts at a multiple of, and axes move by. */
const unitBytes = 16;

/** The operand as boxes see it; undefined if it is no such matrix, or not of the unit's type. */
export function mapOperand(
  contraction: TiledContraction,
  side: "left" | "right",
  type: WarpgroupOperand,
): MappedOperand | undefined {
  const operand = contraction[side]();
  const { value, offset } = operand;
  if (value.dtype !== operandElement[type]) return undefined;
  const unit = unitBytes / bytesPerElement[value.dtype];
  if (offset.batch !== 0 || offset.constant < 0 || offset.constant % unit !== 0) return undefined;
  const own = side === "left" ? contraction.rows.axis : contraction.columns.axis;
  const sum = contraction.sum.axis;
  const axes = memoryAxes(operand, contraction, own);
  if (axes === undefined || axes.length > mostAxes) return undefined;
  const has = (axis: number) => (mapped: MappedAxis) =>
    mapped.parts.some((part) => part.axis === axis && part.coefficient === 1);
  const ownAxis = axes.find(has(own));
  const sumAxis = axes.find(has(sum));
  if (ownAxis === undefined || sumAxis === undefined || ownAxis === sumAxis) return undefined;
  const isTransposed = ownAxis.stride === 1;
  const [inner, outer] = isTransposed ? [ownAxis, sumAxis] : [sumAxis, ownAxis];
  const others = axes.filter((axis) => axis !== inner && axis !== outer);
  if (inner.stride !== 1) return undefined;
  if (![outer, ...others].every(({ stride }) => stride % unit === 0)) return undefined;
  return { value, offset: offset.constant, isTransposed, axes: [inner, outer, ...others] };
}

/** The axes of the box that move the operand, as axes of memory. */
function memoryAxes(
  { offset, guard }: TiledOperand,
  { box, outerAxes, sum }: TiledContraction,
  own: number,
): readonly MappedAxis[] | undefined {
  const strides = coefficientsOf(offset);
  if (strides === undefined || [...strides.values()].some((stride) => stride < 0)) return undefined;
  const moving = [...Array.from({ length: outerAxes }, (_, axis) => axis), own, sum.axis].filter(
    (axis) => sizeAt(box.axes[axis]!, box.batchMax) > 1,
  );
  const bounds = boundsOf(guard);
  if (bounds === undefined) return undefined;
  const joined = bounds.map(({ extent, parts }): MappedAxis | undefined => {
    const [inner] = parts.filter(({ coefficient }) => coefficient === 1);
    if (inner === undefined || (inner.axis !== own && inner.axis !== sum.axis)) return undefined;
    const stride = strides.get(inner.axis) ?? 0;
    const isOne = parts.every(
      ({ axis, coefficient }) => strides.get(axis) === coefficient * stride,
    );
    return isOne ? { extent, stride, parts } : undefined;
  });
  const known = joined.filter((axis) => axis !== undefined);
  if (known.length < joined.length) return undefined;
  const covered = known.flatMap(({ parts }) => parts.map(({ axis }) => axis));
  if (new Set(covered).size < covered.length) return undefined;
  const plain = moving
    .filter((axis) => !covered.includes(axis) && strides.has(axis))
    .map((axis): MappedAxis => {
      const parts = [{ axis, coefficient: 1 }];
      return { extent: box.axes[axis]!, stride: strides.get(axis)!, parts };
    });
  return [...known, ...plain];
}

/** The coefficient of each axis, where there is nothing else. */
function coefficientsOf({ terms }: Affine): Map<number, number> | undefined {
  const found = new Map<number, number>();
  for (const { atom, coefficient } of terms) {
    if (atom.kind !== "axis") return undefined;
    found.set(atom.axis, coefficient);
  }
  return found;
}

/** What a condition says, as upper bounds of sums of axes: `Σ coefficient · axis < extent`. */
function boundsOf(guard: Condition): readonly Omit<MappedAxis, "stride">[] | undefined {
  const bounds: Omit<MappedAxis, "stride">[] = [];
  for (const fact of factsOf(guard)) {
    if (fact.kind !== "nonnegative") return undefined;
    const coefficients = coefficientsOf(fact.value);
    if (coefficients === undefined) return undefined;
    const parts = [...coefficients].map(([axis, coefficient]) => ({
      axis,
      coefficient: -coefficient,
    }));
    if (parts.some(({ coefficient }) => coefficient <= 0)) return undefined;
    const { batch, constant: rest } = fact.value;
    bounds.push({ extent: { batch, constant: rest + 1 }, parts });
  }
  return bounds;
}

/** Whether panels of so many points of the sum have none beyond its end but zeros: of a chunk, the next one follows. */
export function depthDivides(
  { axes }: MappedOperand,
  { sum }: TiledContraction,
  depth: number,
): boolean {
  const joined = axes.find(({ parts }) => parts.some(({ axis }) => axis === sum.axis))!;
  const endsWithSum = joined.parts.length === 1 && sameExtent(joined.extent, sum.extent);
  return endsWithSum || (isFixed(sum.extent) && sum.extent.constant % depth === 0);
}

/** Boxes of so many lines, each 128 bytes of what runs through memory. */
export function boxesOf(
  { axes, value }: MappedOperand,
  lines: number,
  type: WarpgroupOperand,
): Omit<TensorMapParameter, "kind" | "name" | "dtype" | "elements"> {
  const inner = lineBytes / bytesPerElement[value.dtype];
  return {
    extents: axes.map(({ extent }) => extent),
    strides: axes.map(({ stride }) => stride),
    box: axes.map((_, i) => (i === 0 ? inner : i === 1 ? lines : 1)),
    swizzleBytes: lineBytes,
    roundsToTf32: type === "tf32",
  };
}

/** Where the box starts that has this point of the contraction's box first. */
export function coordinatesOf(
  { axes }: MappedOperand,
  point: readonly Expression[],
): readonly Expression[] {
  return axes.map(({ parts }) =>
    parts.map(({ axis, coefficient }) => multiply(point[axis]!, constant(coefficient))).reduce(add),
  );
}
