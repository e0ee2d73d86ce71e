/** Row programs at their edges: one vector and several, tails, ties, NaN, masks, and sums across rows. */

import { describe, expect, test } from "vitest";
import {
  addAffine,
  axisAffine,
  divAffine,
  modAffine,
  offsetAffine,
  scaleAffine,
  subtractAffine,
  zeroAffine,
} from "../../compiler/graph/affine.ts";
import { nonnegative } from "../../compiler/graph/condition.ts";
import { batchExtent, elementsAt, fixed, type Shape } from "../../compiler/graph/extent.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import type { Scalar, Value } from "../../compiler/graph/node.ts";
import type { ReducerName } from "../../compiler/graph/reducers.ts";
import { hash32, uniformAt } from "../../compiler/graph/threefry.ts";
import { simplify } from "../../compiler/optimize/simplify.ts";
import { Builder } from "../optimize/build.ts";
import { thisCpu } from "../targets/run-kernels.ts";
import { runGraph } from "./run-program.ts";

const rank2 = (columns: number): Shape => [batchExtent, fixed(columns)];

/** Compares what a builder's values are, as kernels, with the interpreter. */
async function check(
  builder: Builder,
  values: Readonly<Record<string, Value>>,
  n: number,
  batchMax: number,
  data: (path: string, i: number) => number = (path, i) =>
    Math.fround(4 * uniformAt(1, hash32(path), 0, i) - 2),
): Promise<void> {
  const results = Object.entries(values).map(([name, value]) => ({ name, value }));
  const written = { name: "rows", batchMax, results, assignments: [] };
  const graph = simplify(builder.context, written);
  const drawn = new Map<string, Float64Array>();
  const draw = (path: string): Float64Array =>
    Float64Array.from({ length: elementsAt(rank2(4000), batchMax) }, (_, i) => data(path, i));
  const leaf = (_role: string, path: string): Float64Array => {
    const known = drawn.get(path) ?? draw(path);
    drawn.set(path, known);
    return known;
  };
  const wanted = interpret(graph, { n, leaf });
  for (const fusion of [false, true]) {
    const test = { context: builder.context, graph, n, leaf };
    const actual = await runGraph(test, { cpu: thisCpu(), fusion });
    for (const { name } of results) {
      const expected = [...wanted.results.get(name)!];
      const computed = Array.from(actual.results.get(name)!);
      expect(computed.length, name).toBe(expected.length);
      computed.forEach((value, i) => {
        const bound = 1e-4 * Math.max(1, Math.abs(expected[i]!));
        const isSame = Object.is(value, expected[i]) || Math.abs(value - expected[i]!) <= bound;
        if (!isSame) expect.fail(`${name}[${i}] is ${value}, not ${expected[i]}`);
      });
    }
  }
}

describe("softmax of rows", () => {
  test.each([1, 10, 16, 33, 64, 65, 1000])("of %i columns", async (columns) => {
    const builder = new Builder();
    const x = builder.input("x", rank2(columns));
    await check(builder, { y: builder.softmax(x) }, 5, 7);
  });
});

describe("channels in groups", () => {
  const scaled = (axis: number, by: number) => scaleAffine(axisAffine(axis), by);

  test.each([
    [4, 8],
    [5, 8],
    [12, 4],
    [3, 2],
    [20, 2],
    [6, 3],
  ])("%i groups of %i", async (groups, width) => {
    const b = new Builder();
    const channels = groups * width;
    const shape: Shape = [batchExtent, fixed(6), fixed(groups), fixed(width)];
    const x = b.input("x", rank2(6 * channels));
    const rows = b.input("rows", [batchExtent, fixed(8), fixed(groups)]);
    const w = b.param("w", 3, channels);
    const place = addAffine(addAffine(scaled(2, channels), scaled(1, width)), axisAffine(3));
    const [mean, variance] = b.context.compute({
      parallel: [batchExtent, fixed(groups)],
      reduction: [fixed(6), fixed(width)],
      reducer: "moments",
      body: b.context.load(x, [axisAffine(0), place]),
    }).values as readonly [Value, Value];
    const own = addAffine(addAffine(scaled(1, channels), scaled(2, width)), axisAffine(3));
    const ofGroup = (value: Value) => b.context.load(value, [axisAffine(0), axisAffine(2)]);
    const centred = b.f.subtract(b.context.load(x, [axisAffine(0), own]), ofGroup(mean));
    const normal = b.map(shape, b.f.multiply(centred, ofGroup(variance)));
    const tap = addAffine(axisAffine(1), axisAffine(4));
    const each = b.context.compute({
      parallel: shape,
      reduction: [fixed(3)],
      reducer: "sum",
      body: b.f.multiply(
        b.context.load(rows, [axisAffine(0), tap, axisAffine(2)]),
        b.context.load(w, [axisAffine(4), addAffine(scaled(2, width), axisAffine(3))]),
      ),
    }).values[0]!;
    // What is read as it lies may lie otherwise before.
    const flat = (value: Value) => {
      const [i, j] = [axisAffine(1), axisAffine(2)];
      const index = [axisAffine(0), i, divAffine(j, width), modAffine(j, width)];
      const element = b.context.load(value, index);
      return b.map([batchExtent, fixed(6), fixed(channels)], b.f.call("tanh", element));
    };
    const every = b.context.load(x, [axisAffine(0), scaled(1, 3)]);
    const third = b.map([batchExtent, fixed(2 * channels)], b.f.call("tanh", every));
    await check(b, { mean, variance, normal: flat(normal), each: flat(each), third }, 3, 4);
  });
});

test.each([16, 32, 8, 5])(
  "pictures of %i channels twice as large, read as rows",
  async (channels) => {
    const b = new Builder();
    const x = b.input("x", [batchExtent, fixed(3), fixed(3), fixed(channels)]);
    const place = axisAffine(1);
    const column = modAffine(divAffine(place, channels), 6);
    const index = [
      axisAffine(0),
      divAffine(place, 12 * channels),
      divAffine(column, 2),
      modAffine(place, channels),
    ];
    const y = b.map(rank2(36 * channels), b.f.call("tanh", b.context.load(x, index)));
    await check(b, { y }, 3, 4);
  },
);

describe("reductions along a row", () => {
  const all: readonly ReducerName[] = [
    "sum",
    "mean",
    "max",
    "min",
    "prod",
    "argmax",
    "argmin",
    "logsumexp",
    "moments",
  ];
  test.each([7, 16, 50, 100])("of %i columns, by every reducer", async (columns) => {
    const builder = new Builder();
    const { context } = builder;
    const x = builder.input("x", rank2(columns));
    const values: Record<string, Value> = {};
    for (const reducer of all) {
      const node = context.compute({
        parallel: [batchExtent],
        reduction: [fixed(columns)],
        reducer,
        body: builder.at(x),
      });
      node.values.forEach((value, r) => {
        values[`${reducer}_${r}`] = value;
      });
    }
    await check(builder, values, 3, 4);
  });

  test("ties go to the first, and NaN wins", async () => {
    const builder = new Builder();
    const { context } = builder;
    const x = builder.input("x", rank2(40));
    const values: Record<string, Value> = {};
    for (const reducer of ["max", "min", "argmax", "argmin"] as const) {
      const node = context.compute({
        parallel: [batchExtent],
        reduction: [fixed(40)],
        reducer,
        body: builder.at(x),
      });
      values[reducer] = node.values.at(-1)!;
    }
    // Few distinct values; the second row has two NaN.
    const data = (_path: string, i: number) => (i === 57 || i === 71 ? Number.NaN : (i * 7) % 5);
    await check(builder, values, 3, 3, data);
  });

  test("under a condition, of which nothing is loaded where it is false", async () => {
    const builder = new Builder();
    const { context } = builder;
    const x = builder.input("x", rank2(20));
    const values: Record<string, Value> = {};
    for (const reducer of ["sum", "mean", "max"] as const) {
      // The mean of the columns after c: none for the last.
      const node = context.compute({
        parallel: [batchExtent, fixed(20)],
        reduction: [fixed(20)],
        where: nonnegative(offsetAffine(subtractAffine(axisAffine(2), axisAffine(1)), -1)),
        reducer,
        body: context.load(x, [axisAffine(0), axisAffine(2)]),
      });
      values[reducer] = node.values[0]!;
    }
    await check(builder, values, 2, 3);
  });
});

describe("sums across rows", () => {
  test.each([1, 10, 64, 150])("of %i columns, with a map on the sums", async (columns) => {
    const builder = new Builder();
    const { context, f } = builder;
    const x = builder.input("x", rank2(columns));
    const sum = context.compute({
      parallel: [fixed(columns)],
      reduction: [batchExtent],
      reducer: "sum",
      body: context.load(x, [axisAffine(1), axisAffine(0)]),
    }).values[0]!;
    const scaled = builder.map(sum.shape, f.multiply(builder.at(sum), f.number(0.5)));
    await check(builder, { scaled }, 37, 40);
  });
});

test.each([2, 3, 4])(
  "a row of %i copies of each element, which begins outside of it",
  async (copies) => {
    const builder = new Builder();
    const { context, f } = builder;
    const x = builder.input("x", rank2(44));
    const near = builder.map(x.shape, f.call("tanh", builder.at(x)));
    const place = offsetAffine(divAffine(axisAffine(1), copies), -4);
    const guarded = context.load(near, [axisAffine(0), place], nonnegative(place));
    const y = builder.map(rank2(48 * copies), f.add(guarded, f.number(1)));
    await check(builder, { near, y }, 3, 4);
  },
);

test("maps over the batch alone, with a tail of lanes", async () => {
  const builder = new Builder();
  const { context, f } = builder;
  const x = builder.input("x", rank2(3));
  const first = context.load(x, [axisAffine(0), zeroAffine]);
  const y = builder.map([batchExtent], f.multiply(first, first));
  await check(builder, { y }, 21, 40);
});

test.each([20, 64, 65, 100])(
  "maps on the sums of %i columns, which stand there once",
  async (columns) => {
    const builder = new Builder();
    const { context, f } = builder;
    const x = builder.input("x", rank2(columns));
    const shape = [fixed(columns)];
    const sumOf = (body: Scalar): Value =>
      context.compute({ parallel: shape, reduction: [batchExtent], reducer: "sum", body })
        .values[0]!;
    const element = context.load(x, [axisAffine(1), axisAffine(0)]);
    const sum = sumOf(element);
    const first = builder.map(shape, f.call("exp", f.call("sin", builder.at(sum))));
    // A sum at each point that reads the maps', and maps on both.
    const own = context.load(first, [axisAffine(0)]);
    const second = sumOf(f.multiply(element, own));
    const both = f.multiply(builder.at(first), f.call("tanh", builder.at(second)));
    const y = builder.map(shape, f.add(both, builder.at(sum)));
    await check(builder, { first, y }, 5, 7);
  },
);

describe("a sum of products without rows, along points that lie side by side", () => {
  test.each([16, 17, 40])("of %i channels, with what follows", async (channels) => {
    const b = new Builder();
    const [places, taps] = [9, 3];
    const x = b.context.leaf("param", "x", "f32", [
      batchExtent,
      fixed(places + taps - 1),
      fixed(channels),
    ]);
    const w = b.param("w", taps, channels);
    const sum = b.context.compute({
      parallel: [batchExtent, fixed(places)],
      reduction: [fixed(taps), fixed(channels)],
      reducer: "sum",
      body: b.f.multiply(
        b.context.load(x, [axisAffine(0), addAffine(axisAffine(1), axisAffine(2)), axisAffine(3)]),
        b.context.load(w, [2, 3].map(axisAffine)),
      ),
    }).values[0]!;
    const tanh = b.map(sum.shape, b.f.call("tanh", b.at(sum)));
    for (const n of [5, 7]) await check(b, { sum, tanh }, n, 7);
  });
});
