/** Long reductions in chunks: what they become for workgroups, that values stay the same, and what is left whole. */

import { describe, expect, test } from "vitest";
import { axisAffine, offsetAffine } from "../../compiler/graph/affine.ts";
import { always, type Condition, divides } from "../../compiler/graph/condition.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import { batchExtent, elementsAt, fixed, type Shape } from "../../compiler/graph/extent.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import type { Graph, Value } from "../../compiler/graph/node.ts";
import { printGraph } from "../../compiler/graph/print.ts";
import type { ReducerName } from "../../compiler/graph/reducers.ts";
import { verifyGraph } from "../../compiler/graph/verify.ts";
import { splitReductions } from "../../compiler/optimize/fusion/split-reductions.ts";
import { describeWgsl } from "../../compiler/targets/wgsl/description.ts";

interface Reduction {
  readonly reducer: ReducerName;
  /** Of x. */
  readonly shape: Shape;
  /** Axes of x that the results have; the others are reduced. */
  readonly kept: readonly number[];
  readonly where?: (firstReduced: number) => Condition;
}

const batchMax = 40;

function graphOf(reduction: Reduction, result = 0): { context: GraphContext; graph: Graph } {
  const { reducer, shape, kept, where = () => always } = reduction;
  const context = new GraphContext();
  const isBool = reducer === "any" || reducer === "all";
  const x = context.leaf("input", "x", isBool ? "bool" : "f32", shape);
  const reduced = shape.map((_, d) => d).filter((d) => !kept.includes(d));
  const order = [...kept, ...reduced];
  const node = context.compute({
    parallel: kept.map((d) => shape[d]!),
    reduction: reduced.map((d) => shape[d]!),
    where: where(kept.length),
    reducer,
    body: context.load(
      x,
      shape.map((_, d) => axisAffine(order.indexOf(d))),
    ),
  });
  const results = [{ name: "y", value: node.values[result] as Value }];
  return { context, graph: { name: "g", batchMax, results, assignments: [] } };
}

/** Splits for workgroups and compares with the whole reduction, for a batch that is full and one that is not. */
function split(reduction: Reduction): { graph: Graph; lines: string[] } {
  const { context, graph } = graphOf(reduction);
  const made = splitReductions(context, graph, describeWgsl());
  verifyGraph(made);
  for (const n of [batchMax, 1, 7]) {
    const isBool = ["any", "all"].includes(reduction.reducer);
    const data = Float64Array.from({ length: elementsAt(reduction.shape, n) }, (_, i) => {
      const value = (((i * 7919 + 31) % 2003) - 1001) / 1000;
      return isBool ? Number(i === 5) : reduction.reducer === "prod" ? 1 + value / 1e4 : value;
    });
    const leaf = () => data;
    const wanted = interpret(graph, { n, leaf }).results.get("y")!;
    const actual = interpret(made, { n, leaf }).results.get("y")!;
    expect(actual.length).toBe(wanted.length);
    wanted.forEach((value, i) => {
      expect(Math.abs(actual[i]! - value)).toBeLessThan(1e-9 * Math.max(1, Math.abs(value)));
    });
  }
  return { graph: made, lines: printGraph(made).split("\n").slice(1) };
}

const image: Shape = [batchExtent, fixed(30), fixed(3)];
const weights: Shape = [fixed(70), fixed(100)];

test("a bias gradient over all pixels of a batch has a workgroup for every two images", () => {
  const { lines } = split({
    reducer: "sum",
    shape: [batchExtent, fixed(500), fixed(4)],
    kept: [2],
  });
  expect(lines).toEqual([
    "%0: f32[N, 500, 4] = input x",
    "%1: f32[20, 4] = sum[i2 < 2, i3 < 500] where -2*i0 - i2 + N - 1 >= 0: %0[2*i0 + i2, i3, i1]",
    "%2: f32[4] = sum[i1 < 20] %1[i1, i0]",
    "y = %2",
  ]);
});

test("rows of the batch are chunks themselves where they are few enough", () => {
  const { lines } = split({
    reducer: "mean",
    shape: [batchExtent, fixed(900), fixed(4)],
    kept: [2],
  });
  expect(lines).toEqual([
    "%0: f32[N, 900, 4] = input x",
    "%1: f32[N, 4] = sum[i2 < 900] %0[i0, i2, i1]",
    "%2: f32[4] = sum[i1 < N] %1[i1, i0]",
    "%3: f32[4] = %2[i0] / maximum(f32(900*N), 1.0)",
    "y = %3",
  ]);
});

test("a sum of a whole matrix takes rows in runs that come out even", () => {
  const { lines } = split({ reducer: "sum", shape: weights, kept: [] });
  expect(lines).toEqual([
    "%0: f32[70, 100] = input x",
    "%1: f32[2] = sum[i1 < 35, i2 < 100] %0[35*i0 + i1, i2]",
    "%2: f32[] = sum[i0 < 2] %1[i0]",
    "y = %2",
  ]);
});

describe.each(["sum", "mean", "prod", "max", "min", "any", "all", "logsumexp", "moments"] as const)(
  "%s",
  (reducer) => {
    test.each([
      ["a matrix", weights, []],
      ["columns of images", image.with(1, fixed(501)), [2]],
      ["a batch of long rows", [batchExtent, fixed(700)], []],
      ["odd runs", [fixed(9601), fixed(2)], [1]],
    ] as const)("of %s", (_, shape, kept) => {
      split({ reducer, shape, kept });
    });
  },
);

test("points that are left out stay left out", () => {
  const odd = (axis: number) => divides(2, offsetAffine(axisAffine(axis), 1));
  const { lines } = split({ reducer: "sum", shape: weights, kept: [], where: odd });
  expect(lines.length).toBeGreaterThan(3);
});

test.each([
  ["the place of the largest is asked for", { reducer: "max", shape: weights, kept: [] }, 1],
  [
    "a mean leaves points out",
    { reducer: "mean", shape: weights, kept: [], where: (a: number) => divides(2, axisAffine(a)) },
    0,
  ],
  ["there is little to reduce", { reducer: "sum", shape: [fixed(30), fixed(100)], kept: [] }, 0],
] as const)("is left whole where %s", (_, reduction, result) => {
  const { context, graph } = graphOf(reduction, result);
  expect(splitReductions(context, graph, describeWgsl())).toBe(graph);
});
