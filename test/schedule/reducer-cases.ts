/**
 * Every reducer over every type it takes: along rows and columns, over one point, over odd and long boxes, with points
 * left out (all of them even), with ties and with NaN.
 */

import { expect } from "vitest";
import { axisAffine, offsetAffine, scaleAffine } from "../../compiler/graph/affine.ts";
import { always, type Condition, divides, nonnegative } from "../../compiler/graph/condition.ts";
import type { GraphContext } from "../../compiler/graph/context.ts";
import type { DType } from "../../compiler/graph/dtype.ts";
import { batchExtent, type Extent, fixed } from "../../compiler/graph/extent.ts";
import type { Value } from "../../compiler/graph/node.ts";
import { type ReducerName, reducerNames, reducers } from "../../compiler/graph/reducers.ts";

/** Points to keep, as a condition on the reduction axis. */
const selections: { readonly [name: string]: (axis: number) => Condition } = {
  all: () => always,
  odd: (axis) => divides(2, offsetAffine(axisAffine(axis), 1)),
  none: (axis) => nonnegative(offsetAffine(scaleAffine(axisAffine(axis), -1), -1)),
};

export interface ReducerCase {
  readonly name: string;
  readonly value: Value;
}

/** Reductions of x[rows, size] along the rows, along size and over all, for one type. */
export function reducerCases(
  context: GraphContext,
  reducer: ReducerName,
  dtype: DType,
  sizes: readonly number[],
  rows: Extent = batchExtent,
): ReducerCase[] {
  return sizes.flatMap((size) => {
    const role = rows.batch === 0 ? "state" : "input";
    const x = context.leaf(role, `x${size}`, dtype, [rows, fixed(size)]);
    return Object.entries(selections).flatMap(([selection, where]) => {
      const along = context.compute({
        parallel: [rows],
        reduction: [fixed(size)],
        where: where(1),
        reducer,
        body: context.load(x, [axisAffine(0), axisAffine(1)]),
      });
      const across = context.compute({
        parallel: [fixed(size)],
        reduction: [rows],
        where: where(1),
        reducer,
        body: context.load(x, [axisAffine(1), axisAffine(0)]),
      });
      const whole = context.compute({
        parallel: [],
        reduction: [rows, fixed(size)],
        where: where(1),
        reducer,
        body: context.load(x, [axisAffine(0), axisAffine(1)]),
      });
      const named = { along, across, whole };
      return Object.entries(named).flatMap(([direction, { values }]) =>
        values.map((value, i) => ({ name: `${direction} ${size} ${selection} ${i}`, value })),
      );
    });
  });
}

/** Small numbers with many ties; one NaN in the widest floats. */
export function reducerElement(dtype: DType, path: string, i: number): number {
  const number = ((i * 7919 + 31) % 23) - 11;
  if (dtype === "bool") return number > 4 ? 1 : 0;
  if (dtype === "i32") return number;
  return path === "x37" && i === 40 ? Number.NaN : number / 8;
}

function typesOf(reducer: ReducerName): DType[] {
  const types: DType[] = ["f32", "i32", "bool"];
  return types.filter((dtype) => reducers[reducer].resultTypes(dtype) !== undefined);
}

export const reducersOfTypes = reducerNames.flatMap((reducer) =>
  typesOf(reducer).map((dtype) => [reducer, dtype] as const),
);

export function expectReduced(
  actual: ArrayLike<number>,
  wanted: ArrayLike<number>,
  name: string,
): void {
  expect(actual.length, name).toBe(wanted.length);
  for (let i = 0; i < wanted.length; i++) {
    const error = Math.abs(actual[i]! - wanted[i]!) / Math.max(1, Math.abs(wanted[i]!));
    const isClose = Object.is(actual[i], wanted[i]) || actual[i] === wanted[i] || error < 1e-5;
    // A product of many large numbers leaves float32.
    const isBeyond = Math.abs(wanted[i]!) > 3e38 && Math.abs(actual[i]!) === Infinity;
    if (!isClose && !isBeyond) expect.fail(`${name}[${i}] is ${actual[i]}, not ${wanted[i]}`);
  }
}
