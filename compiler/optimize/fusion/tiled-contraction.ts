/**
 * Contractions as workgroups compute them: tile by tile, from copies of both operands in shared memory. An
 * element is copied wherever it lies, so operands may be padded, strided, transposed or taken apart by quotients
 * and remainders; all that is asked is that one operand gives the rows of a product and the other its columns:
 *
 *     y[outer, row, column] = Σ over sum of left[outer, row, sum] · right[outer, column, sum]
 *
 * Rows, columns and sums are each one axis here, made of all axes of the node that play the part, so matrix
 * products in every transpose, convolutions and all their gradients have one form.
 *
 * Points that `where` skips are points at which an operand reads 0, as padding has it: the sum is the same
 * unless the other operand is infinite or no number there.
 */

import {
  type Affine,
  axesOf,
  axisAffine,
  divAffine,
  modAffine,
  substituteAffine,
  zeroAffine,
} from "../../graph/affine.ts";
import {
  always,
  and,
  type Condition,
  conditionAxes,
  inRange,
  substituteCondition,
} from "../../graph/condition.ts";
import { type Extent, elementsAt, fixed, isFixed, sizeAt } from "../../graph/extent.ts";
import type { Compute, LoadScalar, Value } from "../../graph/node.ts";
import { implies } from "../../graph/prove.ts";
import { type Box, linearOffset, simplifyGuard } from "../simplify-index.ts";
import { axesOfNode, isColumn } from "./linear-access.ts";

/** Axes of the node that run as one, outermost first. */
export interface JoinedAxis {
  readonly axes: readonly number[];
  /** The product of their extents. */
  readonly extent: Extent;
  /** Which axis of the box it is. */
  readonly axis: number;
}

export interface TiledOperand {
  readonly value: Value;
  /** The element's place in memory, in axes of the box. */
  readonly offset: Affine;
  /** Where it is not 0. */
  readonly guard: Condition;
}

export interface TiledContraction {
  readonly node: Compute;
  /** Parallel axes of the node that move both operands, in order: axes 0, 1, … of the box. */
  readonly outer: readonly number[];
  readonly rows: JoinedAxis;
  readonly columns: JoinedAxis;
  readonly sum: JoinedAxis;
  /** Outer axes, rows, columns, sum. */
  readonly box: Box;
  /** Moves along rows and sum. */
  readonly left: TiledOperand;
  /** Moves along columns and sum. */
  readonly right: TiledOperand;
  /** Every axis of the node in axes of the box. */
  readonly joined: readonly Affine[];
}

/** Rows or columns below which no element is used often enough for copies to pay. */
const fewest = 4;

export function tiledContraction(node: Compute, batchMax: number): TiledContraction | undefined {
  const { reducer, body } = node;
  if (reducer !== "sum" || body.dtype !== "f32") return undefined;
  if (body.kind !== "call" || body.fn !== "multiply") return undefined;
  const [first, second] = body.args;
  if (!isFactor(first) || !isFactor(second)) return undefined;
  const extents = axesOfNode(node);
  const isLong = (axis: number) => sizeAt(extents[axis]!, batchMax) > 1;
  const rank = node.parallel.length;
  const long = extents.map((_, axis) => axis).filter(isLong);
  const parallel = long.filter((axis) => axis < rank);
  const summed = long.filter((axis) => axis >= rank);

  // Which operand moves along an axis; conditions go to whom they are about.
  const inFirst = axesOfLoad(first);
  const inSecond = axesOfLoad(second);
  const innermost = parallel.at(-1);
  if (innermost === undefined || summed.length === 0) return undefined;
  const isSwapped = inFirst.has(innermost) && !inSecond.has(innermost);
  const [left, right] = isSwapped ? [second, first] : [first, second];
  const [inLeft, inRight] = isSwapped ? [inSecond, inFirst] : [inFirst, inSecond];
  if (!parallel.every((axis) => inLeft.has(axis) || inRight.has(axis))) return undefined;
  const rowAxes = batchFirst(
    parallel.filter((axis) => !inRight.has(axis)),
    extents,
  );
  const columnAxes = batchFirst(
    parallel.filter((axis) => !inLeft.has(axis)),
    extents,
  );
  const sumAxes = batchFirst(summed, extents);
  if (sumAxes.length < summed.length) return undefined;
  const size = (axes: readonly number[]) =>
    elementsAt(
      axes.map((axis) => extents[axis]!),
      batchMax,
    );
  if (size(rowAxes) < fewest || size(columnAxes) < fewest) return undefined;

  const outer = parallel.filter((axis) => !rowAxes.includes(axis) && !columnAxes.includes(axis));
  const joined = (axes: readonly number[], axis: number): JoinedAxis => ({
    axes,
    extent: productOf(axes.map((each) => extents[each]!)),
    axis: outer.length + axis,
  });
  const rows = joined(rowAxes, 0);
  const columns = joined(columnAxes, 1);
  const sum = joined(sumAxes, 2);
  const box: Box = {
    axes: [...outer.map((axis) => extents[axis]!), rows.extent, columns.extent, sum.extent],
    batchMax,
  };
  const digits = new Map(outer.map((axis, place) => [axis, axisAffine(place)]));
  for (const part of [rows, columns, sum]) addDigits(part, extents, digits);
  const places = extents.map((_, axis) => digits.get(axis) ?? zeroAffine);
  const replace = (axis: number) => places[axis]!;

  const shares = conditionShares(node.where, [rows, columns], outer, sumAxes);
  if (shares === undefined) return undefined;
  const operand = (load: LoadScalar, share: Condition): TiledOperand | undefined => {
    const condition = and(load.guard, share);
    if (!isInRange(load, condition, node.where, extents, batchMax)) return undefined;
    return {
      value: load.value,
      offset: linearOffset(
        load.index.map((index) => substituteAffine(index, replace)),
        load.value.shape,
        box,
      ),
      guard: simplifyGuard(substituteCondition(condition, replace), box),
    };
  };
  const ofRows = operand(left, shares[0]);
  const ofColumns = operand(right, shares[1]);
  if (ofRows === undefined || ofColumns === undefined) return undefined;
  return {
    node,
    outer,
    rows,
    columns,
    sum,
    box,
    left: ofRows,
    right: ofColumns,
    joined: places,
  };
}

function isFactor(scalar: Compute["body"] | undefined): scalar is LoadScalar {
  return scalar?.kind === "load" && scalar.dtype === "f32" && !isColumn(scalar.value);
}

function axesOfLoad({ index, guard }: LoadScalar): ReadonlySet<number> {
  const axes = conditionAxes(guard);
  for (const place of index) axesOf(place, axes);
  return axes;
}

/**
 * The axes with the one that grows with the batch first, so that the others are literal digits of their number;
 * without further such axes.
 */
function batchFirst(axes: readonly number[], extents: readonly Extent[]): readonly number[] {
  const [growing] = axes.filter((axis) => !isFixed(extents[axis]!));
  const literal = axes.filter((axis) => isFixed(extents[axis]!));
  return growing === undefined ? literal : [growing, ...literal];
}

function productOf(extents: readonly Extent[]): Extent {
  return extents.reduce(
    (product, { batch, constant }) =>
      product.batch === 0
        ? { batch: batch * product.constant, constant: constant * product.constant }
        : { batch: product.batch * constant, constant: product.constant * constant },
    fixed(1),
  );
}

/** Every axis of a joined one as a digit of its number. */
function addDigits(
  { axes, axis: number }: JoinedAxis,
  extents: readonly Extent[],
  digits: Map<number, Affine>,
): void {
  let divisor = 1;
  for (const axis of [...axes].reverse()) {
    const rest = divAffine(axisAffine(number), divisor);
    const isFirst = axis === axes[0];
    const { constant } = extents[axis]!;
    digits.set(axis, isFirst ? rest : modAffine(rest, constant));
    divisor *= constant;
  }
}

/** The parts of `where` that are about the rows and those about the columns; sums belong to both. */
function conditionShares(
  where: Condition,
  sides: readonly [JoinedAxis, JoinedAxis],
  outer: readonly number[],
  sumAxes: readonly number[],
): readonly [Condition, Condition] | undefined {
  const shares: [Condition, Condition] = [always, always];
  for (const part of where.kind === "and" ? where.of : [where]) {
    const used = [...conditionAxes(part)];
    const fits = sides.map(({ axes }) =>
      used.every((axis) => axes.includes(axis) || outer.includes(axis) || sumAxes.includes(axis)),
    );
    if (!fits.includes(true)) return undefined;
    fits.forEach((fit, side) => {
      if (fit) shares[side] = and(shares[side]!, part);
    });
  }
  return shares;
}

/** Whether an operand is in range wherever its own share of the conditions holds. */
function isInRange(
  { index, value }: LoadScalar,
  condition: Condition,
  where: Condition,
  extents: readonly Extent[],
  batchMax: number,
): boolean {
  if (where.kind === "true") return true;
  return index.every((place, d) =>
    implies(condition, inRange(place, value.shape[d]!), extents, batchMax),
  );
}
