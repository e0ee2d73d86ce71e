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
  addAffine,
  atomAffine,
  axesOf,
  axisAffine,
  divAffine,
  isQuotient,
  modAffine,
  scaleAffine,
  substituteAffine,
  zeroAffine,
} from "../../graph/affine.ts";
import { rangeOf } from "../../graph/affine-range.ts";
import {
  always,
  and,
  type Condition,
  conditionAxes,
  inRange,
  substituteCondition,
} from "../../graph/condition.ts";
import { isFloat } from "../../graph/dtype.ts";
import { type Extent, elementsAt, fixed, isFixed, sizeAt } from "../../graph/extent.ts";
import type { NarrowFloat } from "../../graph/narrow-floats.ts";
import type { Compute, LoadScalar, Scalar, Value } from "../../graph/node.ts";
import { implies } from "../../graph/prove.ts";
import {
  type Box,
  factsOf,
  linearOffset,
  simplifyAffine,
  simplifyGuard,
} from "../simplify-index.ts";
import { axesOfNode, isColumn } from "./linear-access.ts";
import { type ProductOperand, productOperand } from "./prepare-products.ts";

/** Axes of the node, or parts of them, that run as one. */
export interface JoinedAxis {
  /** The product of their extents. */
  readonly extent: Extent;
  /** Which axis of the box it is. */
  readonly axis: number;
}

export interface TiledOperand {
  /** Of f32, or of a narrow float whose elements are widened before they are multiplied. */
  readonly value: Value;
  /** To what elements of f32 are rounded before they are multiplied; null where they are not. */
  readonly rounding: NarrowFloat | null;
  /** The element's place in memory, in axes of the box. */
  readonly offset: Affine;
  /** Where it is not 0. */
  readonly guard: Condition;
}

export interface TiledContraction {
  readonly node: Compute;
  /** How many axes move both operands: the first ones of the box. */
  readonly outerAxes: number;
  readonly rows: JoinedAxis;
  readonly columns: JoinedAxis;
  readonly sum: JoinedAxis;
  /** Outer axes, rows, columns, sum. */
  readonly box: Box;
  /** Moves along rows and sum. */
  readonly left: () => TiledOperand;
  /** Moves along columns and sum. */
  readonly right: () => TiledOperand;
  /** Which points of the box are points of the result. */
  readonly exists: Condition;
  /** Every axis of the node in axes of the box. */
  readonly joined: readonly Affine[];
}

/** Rows or columns below which no element is used often enough for copies to pay. */
const fewest = 4;

export function tiledContraction(node: Compute, batchMax: number): TiledContraction | undefined {
  const { reducer, body } = node;
  if (reducer !== "sum" || body.dtype !== "f32") return undefined;
  if (body.kind !== "call" || body.fn !== "multiply") return undefined;
  const loaded = body.args.flatMap(factorOperand);
  if (loaded.length < 2) return undefined;
  const factors = loaded.map(({ load }) => load);
  const space = splitAxes(node, factors, batchMax);
  const { extents, rank } = space;
  const isLong = (axis: number) => sizeAt(extents[axis]!, batchMax) > 1;
  const long = extents.map((_, axis) => axis).filter(isLong);
  const parallel = long.filter((axis) => axis < rank);
  const summed = long.filter((axis) => axis >= rank);
  const innermost = parallel.at(-1);
  if (innermost === undefined || summed.length === 0) return undefined;

  // The operand that moves along the innermost axis alone gives the columns.
  const [first, second] = loaded.map((operand) => factorIn(operand, space)) as [Factor, Factor];
  const isSwapped = first.axes.has(innermost) && !second.axes.has(innermost);
  const [left, right] = isSwapped ? [second, first] : [first, second];
  if (!parallel.every((axis) => left.axes.has(axis) || right.axes.has(axis))) return undefined;
  const rowAxes = batchFirst(
    parallel.filter((axis) => !right.axes.has(axis)),
    extents,
  );
  const columnAxes = batchFirst(
    parallel.filter((axis) => !left.axes.has(axis)),
    extents,
  );
  // What lies side by side in memory is added up one after the other.
  const step = (axis: number) => Math.min(...[left, right].map((each) => smallestStep(each, axis)));
  const sumAxes = batchFirst(
    summed.toSorted((a, b) => step(b) - step(a)),
    extents,
  );
  if (sumAxes.length < summed.length) return undefined;
  const size = (axes: readonly number[]) =>
    elementsAt(
      axes.map((axis) => extents[axis]!),
      batchMax,
    );
  if (size(rowAxes) < fewest || size(columnAxes) < fewest) return undefined;

  const outer = parallel.filter((axis) => !rowAxes.includes(axis) && !columnAxes.includes(axis));
  const joined = (axes: readonly number[], axis: number): JoinedAxis => ({
    extent: productOf(axes.map((each) => extents[each]!)),
    axis: outer.length + axis,
  });
  const rows = joined(rowAxes, 0);
  const columns = joined(columnAxes, 1);
  const sum = joined(sumAxes, 2);
  const outerExtents = outer.map((axis) => extents[axis]!);
  const box: Box = {
    axes: [...outerExtents, rows.extent, columns.extent, sum.extent],
    batchMax,
  };
  const digits = new Map(outer.map((axis, place) => [axis, axisAffine(place)]));
  addDigits(rowAxes, rows.axis, extents, digits);
  addDigits(columnAxes, columns.axis, extents, digits);
  addDigits(sumAxes, sum.axis, extents, digits);
  const replace = (axis: number) => digits.get(axis) ?? zeroAffine;

  // Conditions go to whom they are about.
  const parts = factsOf(
    simplifyGuard(substituteCondition(node.where, space.replace), { axes: extents, batchMax }),
  );
  const isAbout = (part: Condition, own: readonly number[]) =>
    [...conditionAxes(part)].every(
      (axis) => own.includes(axis) || outer.includes(axis) || sumAxes.includes(axis),
    );
  const sides = [rowAxes, columnAxes] as const;
  if (!parts.every((part) => sides.some((own) => isAbout(part, own)))) return undefined;
  // Which points there are may take a row and a column to say: that is left to the stores.
  const all = [...parts, ...factsOf(space.exists)];
  const where = and(...all);
  const shares = sides.map((own) => and(...all.filter((part) => isAbout(part, own))));
  const conditions = [and(left.guard, shares[0]!), and(right.guard, shares[1]!)] as const;
  const operands = [left, right] as const;
  const isReadable = operands.every(
    (factor, side) =>
      shares[side]!.key === where.key || isInRange(factor, conditions[side]!, extents, batchMax),
  );
  if (!isReadable) return undefined;
  // What the schedule wants to know is not computed where grouping only asks whether there is one.
  const operand = (side: 0 | 1) =>
    once((): TiledOperand => {
      const { value, rounding, index } = operands[side];
      const places = index.map((place) => substituteAffine(place, replace));
      return {
        value,
        rounding,
        offset: linearOffset(places, value.shape, box),
        guard: simplifyGuard(substituteCondition(conditions[side], replace), box),
      };
    });
  return {
    node,
    outerAxes: outer.length,
    rows,
    columns,
    sum,
    box,
    left: operand(0),
    right: operand(1),
    exists: simplifyGuard(substituteCondition(space.exists, replace), box),
    joined: axesOfNode(node).map((_, axis) => substituteAffine(space.replace(axis), replace)),
  };
}

/** A function that computes its value when it is first called. */
function once<T>(compute: () => T): () => T {
  let known: { readonly value: T } | undefined;
  return () => {
    known ??= { value: compute() };
    return known.value;
  };
}

/** Whether an operand is in range wherever a condition holds that is less than all that the node asks for. */
function isInRange(
  { value, index }: Factor,
  condition: Condition,
  extents: readonly Extent[],
  batchMax: number,
): boolean {
  return index.every((place, d) => {
    const { min, max } = rangeOf(place, extents, batchMax);
    const { batch, constant } = value.shape[d]!;
    if (min >= 0 && batch === 0 && max < constant) return true;
    return implies(condition, inRange(place, value.shape[d]!), extents, batchMax);
  });
}

/** The axes of a node, some of them taken apart. */
interface SplitSpace {
  /** Of parallel axes first, of which there are `rank`. */
  readonly extents: readonly Extent[];
  readonly rank: number;
  readonly batchMax: number;
  /** Which points are points of the node. */
  readonly exists: Condition;
  /** An axis of the node in these axes. */
  readonly replace: (axis: number) => Affine;
}

/**
 * Takes a parallel axis apart that an operand knows only in part, as channels are in groups, and as the phases of a
 * strided convolution are in its input gradient: where one reads at `(i + 1) mod 2`, i is 2·g + j, and only j moves that
 * operand. The last g may have fewer j: `exists` then says which points there are.
 */
function splitAxes(node: Compute, loads: readonly LoadScalar[], batchMax: number): SplitSpace {
  const extents: Extent[] = [];
  const places: Affine[] = [];
  let exists = always;
  let rank = 0;
  axesOfNode(node).forEach((extent, axis) => {
    const isParallel = axis < node.parallel.length;
    const movesBoth = loads.every(({ index }) => index.some((at) => axesOf(at).has(axis)));
    const divisors = new Set(
      loads.flatMap(({ index }) => index.flatMap((at) => divisorsOf(at, axis))),
    );
    const [divisor] = divisors;
    const first = axisAffine(extents.length);
    if (isParallel && movesBoth && isFixed(extent) && divisors.size === 1) {
      extents.push(fixed(Math.ceil(extent.constant / divisor!)), fixed(divisor!));
      const place = addAffine(scaleAffine(first, divisor!), axisAffine(extents.length - 1));
      if (extent.constant % divisor! !== 0) exists = and(exists, inRange(place, extent));
      places.push(place);
    } else {
      extents.push(extent);
      places.push(first);
    }
    if (isParallel) rank = extents.length;
  });
  return { extents, rank, batchMax, exists, replace: (axis) => places[axis]! };
}

/** By what an axis is divided in an index, as a whole or for a remainder. */
function divisorsOf(index: Affine, axis: number): number[] {
  return index.terms.flatMap(({ atom }) => {
    if (!isQuotient(atom)) return [];
    const [term, ...others] = atom.base.terms;
    const isAxis = term?.atom.kind === "axis" && term.atom.axis === axis;
    return isAxis && term.coefficient === 1 && others.length === 0
      ? [atom.divisor]
      : divisorsOf(atom.base, axis);
  });
}

/** An operand in axes of the split space, with those that move it. */
interface Factor {
  readonly value: Value;
  readonly rounding: NarrowFloat | null;
  readonly index: readonly Affine[];
  readonly guard: Condition;
  readonly axes: ReadonlySet<number>;
}

function factorIn({ load, rounding }: ProductOperand, space: SplitSpace): Factor {
  const { value, index, guard } = load;
  const box: Box = { axes: space.extents, batchMax: space.batchMax };
  const places = index.map((at) => simplifyAffine(substituteAffine(at, space.replace), box));
  const condition = substituteCondition(guard, space.replace);
  const axes = conditionAxes(condition);
  for (const place of places) axesOf(place, axes);
  return { value, rounding, index: places, guard: condition, axes };
}

/** What a factor is made of, if that is a float in memory. */
function factorOperand(scalar: Scalar): ProductOperand[] {
  const operand = productOperand(scalar);
  if (operand === undefined) return [];
  const { dtype, value } = operand.load;
  return isFloat(dtype) && !isColumn(value) ? [operand] : [];
}

/** The fewest elements of memory that an axis moves an operand by, quotients and remainders aside. */
function smallestStep({ value, index }: Factor, axis: number): number {
  let least = Number.POSITIVE_INFINITY;
  let stride = 1;
  for (let d = index.length - 1; d >= 0; d--) {
    for (const { coefficient, atom } of index[d]!.terms) {
      const moves = axesOf(atomAffine(atom)).has(axis);
      if (moves) least = Math.min(least, Math.abs(coefficient) * stride);
    }
    stride *= value.shape[d]!.constant;
  }
  return least;
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
  axes: readonly number[],
  number: number,
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
