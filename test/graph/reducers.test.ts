import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { DType } from "../../compiler/graph/dtype.ts";
import { numberAlgebra } from "../../compiler/graph/number-algebra.ts";
import { type ReducerName, reducerNames, reducers } from "../../compiler/graph/reducers.ts";

/** Reduces by the row, in reading order, or as a tree cut at the given places. */
function reduce(
  name: ReducerName,
  values: readonly number[],
  dtype: DType = "f32",
  cuts: readonly number[] = [],
): number[] {
  const row = reducers[name];
  const f = numberAlgebra(dtype);
  const fold = (from: number, to: number) => {
    let state = row.identity(f);
    for (let i = from; i < to; i++) state = row.combine(f, state, row.lift(f, values[i]!, i));
    return state;
  };
  const ends = [
    ...new Set([0, ...cuts.map((cut) => cut % (values.length + 1)), values.length]),
  ].sort((a, b) => a - b);
  let state = row.identity(f);
  for (let k = 1; k < ends.length; k++) state = row.combine(f, state, fold(ends[k - 1]!, ends[k]!));
  return [...row.finish(f, state, values.length)];
}

const mean = (x: readonly number[]) =>
  x.length === 0 ? 0 : x.reduce((a, b) => a + b, 0) / x.length;

/** What each reducer is, said another way. */
const bruteForce: { readonly [K in ReducerName]: (x: readonly number[]) => number[] } = {
  sum: (x) => [x.reduce((a, b) => a + b, 0)],
  mean: (x) => [mean(x)],
  max: (x) => [Math.max(...x), Math.max(0, x.indexOf(Math.max(...x)))],
  min: (x) => [Math.min(...x), Math.max(0, x.indexOf(Math.min(...x)))],
  argmax: (x) => [Math.max(0, x.indexOf(Math.max(...x)))],
  argmin: (x) => [Math.max(0, x.indexOf(Math.min(...x)))],
  prod: (x) => [x.reduce((a, b) => a * b, 1)],
  any: (x) => [x.some((b) => b !== 0) ? 1 : 0],
  all: (x) => [x.every((b) => b !== 0) ? 1 : 0],
  logsumexp: (x) => [Math.log(x.reduce((a, b) => a + Math.exp(b), 0))],
  moments: (x) => [mean(x), mean(x.map((b) => (b - mean(x)) ** 2))],
};

describe.each(reducerNames)("%s", (name) => {
  const dtype: DType = reducers[name].resultTypes("f32") === undefined ? "bool" : "f32";
  const value = dtype === "bool" ? fc.nat(1) : fc.integer({ min: -8, max: 8 }).map((x) => x / 4);
  const close = (got: readonly number[], wanted: readonly number[]) => {
    wanted.forEach((x, i) => {
      if (!Number.isFinite(x)) expect(got[i]).toBe(x);
      else expect(Math.abs(got[i]! - x)).toBeLessThanOrEqual(1e-9 * (1 + Math.abs(x)));
    });
    expect(got).toHaveLength(wanted.length);
  };

  test("is what brute force computes, in one pass or as a tree", () => {
    fc.assert(
      fc.property(
        fc.array(value, { maxLength: 12 }),
        fc.array(fc.nat(12), { maxLength: 4 }),
        (x, cuts) => {
          close(reduce(name, x, dtype), bruteForce[name](x));
          close(reduce(name, x, dtype, cuts), bruteForce[name](x));
        },
      ),
    );
  });

  test("adds a point after all others as it combines any", () => {
    const { follow, combine, lift, finish } = reducers[name];
    if (follow === null) return;
    const extreme = fc.constantFrom(
      NaN,
      Infinity,
      -Infinity,
      -3.4028234663852886e38,
      3.4028234663852886e38,
      0,
      -0,
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(value, extreme), { minLength: 1, maxLength: 12 }), (x) => {
        const f = numberAlgebra(dtype);
        const points = x.map((number, i) => lift(f, number, i));
        const fold = (step: typeof follow) =>
          finish(
            f,
            points.reduce((a, b) => step(f, a, b)),
            0,
          );
        expect(fold(follow)).toEqual(fold(combine));
      }),
    );
  });

  test("names its results, and its state's fields have types", () => {
    const row = reducers[name];
    expect(row.results).toHaveLength(row.resultTypes(dtype)!.length);
    expect(row.identity(numberAlgebra(dtype))).toHaveLength(row.state(dtype).length);
    expect(row.finish(numberAlgebra(dtype), row.identity(numberAlgebra(dtype)), 0)).toHaveLength(
      row.results.length,
    );
  });

  test("NaN wins", () => {
    if (dtype === "bool") return;
    for (const values of [
      [NaN, 1, 2],
      [1, NaN, 2],
      [2, 1, NaN],
    ]) {
      const [result] = reduce(name, values);
      if (name === "argmax" || name === "argmin")
        expect(result).toBe(values.findIndex(Number.isNaN));
      else expect(result).toBeNaN();
    }
  });
});

describe("edges", () => {
  test("ties go to the first in reading order, whatever the tree", () => {
    expect(reduce("max", [1, 3, 3, 2, 3], "f32", [2])).toEqual([3, 1]);
    expect(reduce("min", [4, 1, 1], "f32", [2])).toEqual([1, 1]);
    expect(reduce("argmax", [NaN, 5, NaN])).toEqual([0]);
  });

  test("over no points", () => {
    expect(reduce("sum", [])).toEqual([0]);
    expect(reduce("mean", [])).toEqual([0]);
    expect(reduce("prod", [])).toEqual([1]);
    expect(reduce("max", [])).toEqual([-Infinity, 0]);
    expect(reduce("min", [])).toEqual([Infinity, 0]);
    expect(reduce("logsumexp", [])).toEqual([-Infinity]);
    expect(reduce("max", [], "i32")).toEqual([-2147483648, 0]);
  });

  test("the largest of nothing but -infinity is -infinity, and the first is it", () => {
    expect(reduce("max", [-Infinity, -Infinity], "f32", [1])).toEqual([-Infinity, 0]);
    expect(reduce("min", [Infinity, Infinity], "f32", [1])).toEqual([Infinity, 0]);
    expect(reduce("argmax", [-Infinity, -Infinity])).toEqual([0]);
    expect(reduce("logsumexp", [-Infinity, -Infinity])).toEqual([-Infinity]);
  });

  test("logsumexp survives large and infinite terms", () => {
    expect(reduce("logsumexp", [1000, 1000])[0]).toBeCloseTo(1000 + Math.log(2), 10);
    expect(reduce("logsumexp", [-1e4, -1e4])[0]).toBeCloseTo(-1e4 + Math.log(2), 10);
    expect(reduce("logsumexp", [0, Infinity])).toEqual([Infinity]);
    expect(reduce("logsumexp", [0, -Infinity])).toEqual([0]);
  });

  test("integers wrap", () => {
    expect(reduce("sum", [2147483647, 1], "i32")).toEqual([-2147483648]);
    expect(reduce("prod", [65536, 65536], "i32")).toEqual([0]);
  });
});
