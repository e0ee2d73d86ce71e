/**
 * Loads at places computed from data, as kernel IR: what is out of range reads 0. Where the places are the same in all
 * lanes of a vector but for one that runs through memory, as in a row that data choose, one access reads them all.
 */

import {
  type Affine,
  constantAffine,
  constantValue,
  subtractAffine,
  zeroAffine,
} from "../graph/affine.ts";
import { and as both, type Condition, inRange } from "../graph/condition.ts";
import type { Extent } from "../graph/extent.ts";
import type { GatherScalar, Scalar, Value } from "../graph/node.ts";
import { elementType } from "../kernel/algebra.ts";
import { add, and, broadcast, constant, load, multiply, operation } from "../kernel/build.ts";
import type { Expression } from "../kernel/ir.ts";
import type { BodyOptions } from "./body.ts";
import {
  conditionValue,
  laneStep,
  type Point,
  recombine,
  scalarIndex,
  vectorIndex,
} from "./indexes.ts";
import type { KernelBuilder } from "./kernel-builder.ts";
import { extentValue } from "./micro-kernel.ts";

/** An index that is made of axes stays an affine of them. */
const affineOf = (scalar: Scalar): Affine | undefined =>
  scalar.kind === "index" ? scalar.index : undefined;

/** `lower` gives the value of an index at the point. */
export function lowerGather(
  builder: KernelBuilder,
  { value, index }: GatherScalar,
  point: Point,
  lower: (scalar: Scalar) => Expression,
  { active, mask = null }: BodyOptions = {},
  /** Reads so many elements, from the point's on, where `axesPart` says that they are a run. */
  run: number | null = null,
): Expression {
  const dtype = elementType(value.dtype);
  const hint = builder.surroundings.nameOf(value);
  const buffer = builder.buffer(value, "read");
  const places = index.map((scalar) => affineOf(scalar) ?? lower(scalar));
  const condition = places.reduce<Expression | null>((kept, place, d) => {
    const extent = value.shape[d]!;
    const within =
      "key" in place ? conditionValue(inRange(place, extent), point) : isWithin(place, extent);
    return and(kept, within);
  }, mask);

  const affines = places.map((place) => ("key" in place ? place : zeroAffine));
  const at = builder.indexOf(value, affines);
  const offset = recombine(at.offset);
  const strides = stridesOf(builder, value);
  const isRow = (d: number) => at.row !== null && d === 0;
  const computed = places
    .map((place, d) => ("key" in place || isRow(d) ? null : multiply(place, constant(strides[d]!))))
    .filter((part) => part !== null)
    .reduce<Expression>(add, constant(0));
  const first = places[0];
  const row = at.row === null || first === undefined || "key" in first ? at.row : first;
  const rowLanes = row === null || "key" in row ? null : row.type.lanes;

  const step = computed.type.lanes === 1 ? laneStep(offset, point) : null;
  const isRowUniform = row === null || ("key" in row ? laneStep(row, point) === 0 : rowLanes === 1);
  const isOne = step === 0 && isRowUniform && (condition?.type.lanes ?? 1) === 1;
  const isRun = (step === 1 && isRowUniform) || run !== null;
  const lanes = run ?? (isOne ? 1 : (point.vector?.lanes ?? 1));
  const within =
    isOne || isRun
      ? add(computed, scalarIndex(offset, point))
      : broadcast(add(computed, vectorIndex(offset, point)), lanes);
  const rowAt =
    row === null
      ? null
      : "key" in row
        ? isRowUniform
          ? scalarIndex(row, point)
          : vectorIndex(row, point)
        : row;
  const place = { buffer, index: builder.let("place", within), row: rowAt };
  const kept = condition && builder.let("within", condition);
  return builder.let(hint, load(place, { dtype, lanes }, { mask: kept, active: active ?? lanes }));
}

/**
 * The part of a gather's place that is made of axes, and the condition that it is in range, where all else that the place
 * is made of moves it by multiples of `lanes`: then whether neighbouring points read a run depends on these alone, as long
 * as what data say is the same for all of them.
 */
export function axesPart(
  builder: KernelBuilder,
  { value, index }: GatherScalar,
  lanes: number,
): {
  readonly offset: Affine;
  readonly guard: Condition;
  readonly computed: readonly Scalar[];
} | null {
  const strides = stridesOf(builder, value);
  const computed = index.filter((scalar) => affineOf(scalar) === undefined);
  const isAligned = index.every(
    (scalar, d) => affineOf(scalar) !== undefined || strides[d]! % lanes === 0,
  );
  const affines = index.map((scalar) => affineOf(scalar) ?? zeroAffine);
  const { row, offset } = builder.indexOf(value, affines);
  if (row !== null || !isAligned) return null;
  const guards = index.flatMap((scalar, d) => {
    const place = affineOf(scalar);
    return place === undefined ? [] : [inRange(place, value.shape[d]!)];
  });
  return { offset: recombine(offset), guard: both(...guards), computed };
}

/** 0 ≤ place < extent. */
function isWithin(place: Expression, extent: Extent): Expression {
  const isBelow = operation("less", place, extentValue(extent));
  return operation("and", operation("greaterEqual", place, constant(0)), isBelow);
}

/** By how many elements each dimension moves a place in a value's memory; 0 for what chooses rows of a column. */
function stridesOf(builder: KernelBuilder, value: Value): readonly number[] {
  const offsetAt = (dimension: number) =>
    builder.indexOf(
      value,
      value.shape.map((_, d) => constantAffine(d === dimension ? 1 : 0)),
    ).offset;
  const start = offsetAt(-1);
  return value.shape.map((_, d) => constantValue(subtractAffine(offsetAt(d), start)) ?? 0);
}
