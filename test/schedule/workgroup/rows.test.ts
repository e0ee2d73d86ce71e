/**
 * Rows on workgroups: kernels as they are read, and values at the edges: rows of one thread and of all, in registers, in
 * shared memory and beyond it, windows that reach other points, updates in place and batches that are not full.
 */

import { describe, expect, test } from "vitest";
import { addAffine, axisAffine, scaleAffine, zeroAffine } from "../../../compiler/graph/affine.ts";
import { batchExtent, fixed, type Shape } from "../../../compiler/graph/extent.ts";
import { describeCuda } from "../../../compiler/targets/cuda/description.ts";
import { describeWgsl } from "../../../compiler/targets/wgsl/description.ts";
import { Builder } from "../../optimize/build.ts";
import { caseOf, check, kernelsOf, rank2 } from "./row-cases.ts";
import { smallWorkgroups } from "./small-workgroups.ts";

describe("softmax of rows", () => {
  const softmax = (columns: number, batchMax = 7, n = 5) => {
    const builder = new Builder();
    return caseOf(builder, {
      values: { y: builder.softmax(builder.input("x", rank2(columns))) },
      batchMax,
      n,
    });
  };

  test.each([1, 2, 5, 8, 13, 32, 33, 70])("of %i columns, by eight threads at most", (columns) => {
    check(softmax(columns), smallWorkgroups());
  });

  test("of 200 columns, which shared memory has no room for", () => {
    const [kernel, ...others] = kernelsOf(softmax(200), smallWorkgroups());
    expect(others).toEqual([]);
    expect(kernel).toContain("_row: read_write f32[1400]");
    check(softmax(200), smallWorkgroups());
  });

  test("of 1500 columns by a whole workgroup", () => {
    check(softmax(1500, 3, 2), describeWgsl());
  });

  test("is one kernel, each row in the registers of its threads", () => {
    expect(kernelsOf(softmax(10, 640)).join("\n")).toMatchInlineSnapshot(`
      "kernel divide(x: column f32[10], divide_2: write f32[6400]) tasks quotient(add(n, 7), 8) × 128 threads
        let outer: i32 = quotient(thread, 16)
        let inner: i32 = remainder(thread, 16)
        let row: i32 = add(multiply(task, 8), outer)
        let wanted: bool = less(row, n)
        let own_row: i32 = min(row, subtract(n, 1))
        mutable max: f32 = -Infinity
        let within: bool = less(inner, 10)
        let i: i32 = min(inner, 9)
        if within
          let x_2: f32 = load(x[row own_row, i], f32)
          let maximum: f32 = maximum.f(max, x_2)
          max = maximum
        shared totals_f32: f32[128]
        totals_f32[thread] = max
        loop level = 0 .. 4 step 1
          let distance: i32 = shiftLeft(1, level)
          barrier
          if equal(and(inner, subtract(multiply(distance, 2), 1)), 0)
            let part: f32 = load(totals_f32[thread], f32)
            let part_2: f32 = load(totals_f32[add(thread, distance)], f32)
            let maximum_2: f32 = maximum.f(part, part_2)
            totals_f32[thread] = maximum_2
        barrier
        let part_3: f32 = load(totals_f32[multiply(outer, 16)], f32)
        mutable sum: f32 = 0.0
        let within_2: bool = less(inner, 10)
        let i_2: i32 = min(inner, 9)
        let x_3: f32 = load(x[row own_row, i_2], f32)
        let stopGradient: f32 = stopGradient.f(part_3)
        let subtract: f32 = subtract.f(x_3, stopGradient)
        let exp: f32 = exp.f(subtract)
        if within_2
          let add: f32 = add.f(sum, exp)
          sum = add
        barrier
        totals_f32[thread] = sum
        loop level_2 = 0 .. 4 step 1
          let distance_2: i32 = shiftLeft(1, level_2)
          barrier
          if equal(and(inner, subtract(multiply(distance_2, 2), 1)), 0)
            let part_4: f32 = load(totals_f32[thread], f32)
            let part_5: f32 = load(totals_f32[add(thread, distance_2)], f32)
            let add_2: f32 = add.f(part_4, part_5)
            totals_f32[thread] = add_2
        barrier
        let part_6: f32 = load(totals_f32[multiply(outer, 16)], f32)
        let within_3: bool = less(inner, 10)
        let i_3: i32 = min(inner, 9)
        let divide: f32 = divide.f(exp, part_6)
        divide_2[add(multiply(own_row, 10), i_3)] = divide where and(wanted, within_3)"
    `);
  });
});

test("a map has a thread for each point, and no quotients where memory runs on", () => {
  const builder = new Builder();
  const shape: Shape = [batchExtent, fixed(4), fixed(6)];
  const { f } = builder;
  const x = builder.input("x", [batchExtent, fixed(24)]);
  const w = builder.param("w", 4, 6);
  const joined = addAffine(scaleAffine(axisAffine(1), 6), axisAffine(2));
  const body = f.add(
    builder.context.load(x, [axisAffine(0), joined]),
    builder.context.load(w, [axisAffine(1), axisAffine(2)]),
  );
  const test = caseOf(builder, { values: { y: builder.map(shape, body) } });
  expect(kernelsOf(test).join("\n")).toMatchInlineSnapshot(`
    "kernel add(x: column f32[24], w: read f32[24], add_2: write f32[168]) tasks quotient(add(multiply(n, 24), 63), 64) × 64 threads
      let row: i32 = add(multiply(task, 64), thread)
      if less(row, multiply(n, 24))
        let x_2: f32 = load(x[row quotient(row, 24), remainder(row, 24)], f32)
        let w_2: f32 = load(w[remainder(row, 24)], f32)
        let add: f32 = add.f(x_2, w_2)
        add_2[row] = add"
  `);
  check(test, smallWorkgroups());
});

test("threads of a column sum lie along the columns", () => {
  const builder = new Builder();
  const x = builder.param("x", 200, 40);
  const sum = builder.context.compute({
    parallel: [fixed(40)],
    reduction: [fixed(200)],
    reducer: "sum",
    body: builder.context.load(x, [axisAffine(1), axisAffine(0)]),
  }).values[0]!;
  const test = caseOf(builder, { values: { sum }, n: 1, batchMax: 1 });
  expect(kernelsOf(test).join("\n")).toMatchInlineSnapshot(`
    "kernel sum(x: read f32[8000], sum_2: write f32[40]) tasks 2 × 256 threads
      let outer: i32 = quotient(thread, 32)
      let inner: i32 = remainder(thread, 32)
      let row: i32 = add(multiply(task, 32), inner)
      let first: bool = equal(outer, 0)
      let wanted: bool = less(row, 40)
      let own_row: i32 = min(row, 39)
      mutable sum: f32 = 0.0
      loop i = outer .. 200 step 8
        let x_2: f32 = load(x[add(multiply(i, 40), own_row)], f32)
        let add: f32 = add.f(sum, x_2)
        sum = add
      shared totals_f32: f32[256]
      totals_f32[thread] = sum
      loop level = 0 .. 3 step 1
        let distance: i32 = shiftLeft(1, level)
        barrier
        if equal(and(outer, subtract(multiply(distance, 2), 1)), 0)
          let part: f32 = load(totals_f32[thread], f32)
          let part_2: f32 = load(totals_f32[add(thread, multiply(distance, 32))], f32)
          let add_2: f32 = add.f(part, part_2)
          totals_f32[thread] = add_2
      barrier
      let part_3: f32 = load(totals_f32[inner], f32)
      sum_2[own_row] = part_3 where and(wanted, first)"
  `);
  check(test, smallWorkgroups());
});

test("windows read what other threads of the row have made", () => {
  const builder = new Builder();
  const { f, context } = builder;
  const x = builder.input("x", rank2(40));
  const doubled = builder.map(rank2(40), f.call("exp", builder.at(x)));
  const pooled = context.compute({
    parallel: rank2(20),
    reduction: [fixed(2)],
    reducer: "max",
    body: context.load(doubled, [
      axisAffine(0),
      addAffine(scaleAffine(axisAffine(1), 2), axisAffine(2)),
    ]),
  }).values[0]!;
  const total = context.compute({
    parallel: [batchExtent],
    reduction: [fixed(20)],
    reducer: "sum",
    body: builder.context.load(pooled, [axisAffine(0), axisAffine(1)]),
  }).values[0]!;
  const test = caseOf(builder, { values: { pooled, total, doubled } });
  expect(kernelsOf(test).length).toBe(1);
  check(test, smallWorkgroups());
  check(test, describeWgsl());
});

test("a number of the row is stored when all its threads have read what it overwrites", () => {
  const builder = new Builder();
  const { f, context } = builder;
  const x = builder.param("x", 6, 50);
  const w = builder.param("w", 6);
  const sum = context.compute({
    parallel: [fixed(6)],
    reduction: [fixed(50)],
    reducer: "sum",
    body: f.multiply(
      context.load(x, [axisAffine(0), axisAffine(1)]),
      context.load(w, [axisAffine(0)]),
    ),
  }).values[0]!;
  const next = builder.map([fixed(6)], f.subtract(builder.at(w), builder.at(sum)));
  const test = caseOf(builder, { assignments: [{ target: w, value: next }], n: 1, batchMax: 1 });
  check(test, smallWorkgroups());
  check(test, describeWgsl());
});

test("products that sum few points join the rows that read them", () => {
  const builder = new Builder();
  const { f, context } = builder;
  const x = builder.input("x", rank2(20));
  const w = builder.param("w", 20, 3);
  const product = context.compute({
    parallel: rank2(3),
    reduction: [fixed(20)],
    reducer: "sum",
    body: f.multiply(
      context.load(x, [axisAffine(0), axisAffine(2)]),
      context.load(w, [axisAffine(2), axisAffine(1)]),
    ),
  }).values[0]!;
  const test = caseOf(builder, { values: { y: builder.softmax(product) } });
  expect(kernelsOf(test).length).toBe(1);
  check(test, smallWorkgroups());
});

test("a row of one number needs nothing of the sweep", () => {
  const builder = new Builder();
  const x = builder.input("x", [batchExtent, fixed(1)]);
  const y = builder.map([batchExtent], builder.context.load(x, [axisAffine(0), zeroAffine]));
  check(caseOf(builder, { values: { y } }), smallWorkgroups());
});

test("a value that a longer and a shorter row read is loaded for each", () => {
  const builder = new Builder();
  const { f } = builder;
  const x = builder.param("x", 40, 48);
  const gate = builder.param("gate", 40, 24);
  const short = builder.map(gate.shape, f.multiply(builder.at(gate), builder.at(x)));
  const long = builder.map(x.shape, f.multiply(builder.at(x), f.number(0.5)));
  const test = caseOf(builder, { values: { short, long } });
  expect(kernelsOf(test, describeCuda()).length).toBe(1);
  check(test, describeCuda());
});
