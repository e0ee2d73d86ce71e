/** Long reductions over the batch as those of its rows: what they become, that values stay, and what is left whole. */

import { expect, test } from "vitest";
import { axisAffine, offsetAffine } from "../../compiler/graph/affine.ts";
import { always, type Condition, nonnegative } from "../../compiler/graph/condition.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import { batchExtent, elementsAt, fixed, type Shape } from "../../compiler/graph/extent.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import type { Graph } from "../../compiler/graph/node.ts";
import { printGraph } from "../../compiler/graph/print.ts";
import type { ReducerName } from "../../compiler/graph/reducers.ts";
import { formGroups } from "../../compiler/optimize/fusion/form-groups.ts";
import { reduceRowsFirst } from "../../compiler/optimize/fusion/reduce-rows-first.ts";
import { baselineCpu } from "../../compiler/targets/cpu/description.ts";

/** Caches that hold a few rows of the images below. */
const target = { cacheBytes: [1 << 10, 1 << 13] as const };
const image: Shape = [batchExtent, fixed(5), fixed(8), fixed(3)];

/** One number for each of the last axis of x. */
function reduced(reducer: ReducerName, shape: Shape, result = 0, where: Condition = always) {
  const context = new GraphContext();
  const x = context.leaf("param", "x", "f32", shape);
  const rank = shape.length;
  const index = [...shape.slice(1).map((_, d) => axisAffine(d + 1)), axisAffine(0)];
  const node = context.compute({
    parallel: shape.slice(rank - 1),
    reduction: shape.slice(0, rank - 1),
    where,
    reducer,
    body: context.load(x, index),
  });
  const results = [{ name: "y", value: node.values[result]! }];
  const graph: Graph = { name: "g", batchMax: 16, results, assignments: [] };
  return { context, graph };
}

/** What a graph becomes, with the same values for batches that are full and that are not. */
function split(reducer: ReducerName, result = 0, where = always): readonly string[] {
  const { context, graph } = reduced(reducer, image, result, where);
  const made = reduceRowsFirst(context, graph, target);
  for (const n of [16, 1, 5]) {
    const leaf = () =>
      Float64Array.from({ length: elementsAt(image, n) }, (_, i) => 3 + Math.sin(i * 7.3));
    const wanted = interpret(graph, { n, leaf }).results.get("y")!;
    const actual = interpret(made, { n, leaf }).results.get("y")!;
    wanted.forEach((value, i) => {
      expect(actual[i]).toBeCloseTo(value, 10);
    });
  }
  return printGraph(made).split("\n").slice(2);
}

test("a sum over all places of a batch is one over those of each image first", () => {
  expect(split("sum")).toEqual([
    "%1: f32[N, 3] = sum[i2 < 5, i3 < 8] %0[i0, i2, i3, i1]",
    "%2: f32[3] = sum[i1 < N] %1[i1, i0]",
    "y = %2",
  ]);
});

test("a variance is that of each image about its own mean, and that of the means", () => {
  expect(split("moments", 1)).toEqual([
    "%1: f32[N, 3] = mean[i2 < 5, i3 < 8] %0[i0, i2, i3, i1]",
    "%2: f32[N, 3] = mean[i2 < 5, i3 < 8] square(%0[i0, i2, i3, i1] - %1[i0, i1])",
    "%3.0: f32[3], %3.1: f32[3] = moments[i1 < N] %1[i1, i0]",
    "%4: f32[3] = mean[i1 < N] %2[i1, i0]",
    "%5: f32[3] = %4[i0] + %3.1[i0]",
    "y = %5",
  ]);
  expect(split("moments", 0).at(-1)).toBe("y = %2.0");
});

/** x + place ≥ 4 for an axis of the node, as at the edge of an image. */
const beyond = (axis: number) => nonnegative(offsetAffine(axisAffine(axis), -4));

test("points that are left out are left out of each image", () => {
  const [n, x] = [1, 3];
  expect(split("mean", 0, beyond(x))[0]).toBe(
    "%1: f32[N, 3] = mean[i2 < 5, i3 < 8] where i3 - 4 >= 0: %0[i0, i2, i3, i1]",
  );
  expect(split("moments", 1, beyond(x)).slice(0, 2)).toEqual([
    "%1: f32[N, 3] = mean[i2 < 5, i3 < 8] where i3 - 4 >= 0: %0[i0, i2, i3, i1]",
    "%2: f32[N, 3] = mean[i2 < 5, i3 < 8] where i3 - 4 >= 0: square(%0[i0, i2, i3, i1] - %1[i0, i1])",
  ]);
  const { context, graph } = reduced("sum", image, 0, beyond(n));
  expect(reduceRowsFirst(context, graph, target)).toBe(graph);
});

test("what a cache holds, has few places, no batch, or an order stays whole", () => {
  const isWhole = (reducer: ReducerName, shape: Shape) => {
    const { context, graph } = reduced(reducer, shape);
    expect(reduceRowsFirst(context, graph, target)).toBe(graph);
  };
  isWhole("sum", [batchExtent, fixed(8), fixed(4), fixed(1)]);
  isWhole("sum", [batchExtent, fixed(2), fixed(8), fixed(60)]);
  isWhole("sum", [fixed(16), fixed(5), fixed(8), fixed(3)]);
  isWhole("argmax", image);
});

test("rows are reduced where they are made only if they are near until then", () => {
  const context = new GraphContext();
  const x = context.leaf("param", "x", "f32", image);
  const at = image.map((_, d) => axisAffine(d));
  const body = context.call("exp", context.load(x, at));
  const made = context.compute({ parallel: image, body }).values[0]!;
  const index = [0, 2, 3, 1].map(axisAffine);
  const sum = context.compute({
    parallel: [image[0]!, image[3]!],
    reduction: image.slice(1, 3),
    reducer: "sum",
    body: context.load(made, index),
  }).values[0]!;
  const results = [made, sum].map((value, i) => ({ name: `${i}`, value }));
  const graph: Graph = { name: "g", batchMax: 16, results, assignments: [] };
  const groupsFor = (nearest: number) => {
    const cpu = { ...baselineCpu("x64"), cacheBytes: [nearest, 1 << 20] as const };
    return formGroups(context, graph, cpu, { fusion: true }).groups;
  };
  expect(groupsFor(1 << 10)).toHaveLength(1);
  const [, apart] = groupsFor(1 << 8);
  expect(apart!.apart[0]!.why).toContain("a row is too long to stay near for sums across it");
});
