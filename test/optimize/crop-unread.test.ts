import fc from "fast-check";
import { expect, test } from "vitest";
import { addAffine, axisAffine, offsetAffine, scaleAffine } from "../../compiler/graph/affine.ts";
import { and, nonnegative } from "../../compiler/graph/condition.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import { batchExtent, fixed } from "../../compiler/graph/extent.ts";
import type { Graph } from "../../compiler/graph/node.ts";
import { printGraph } from "../../compiler/graph/print.ts";
import { findFaults } from "../../compiler/graph/verify.ts";
import { cropUnread } from "../../compiler/optimize/crop-unread.ts";
import { valuesOf } from "./build.ts";

/** Sums of `taps` places of 2·x, then the largest of each window of `window`, padded by so many places before the first. */
function pooled(context: GraphContext, size: number, taps: number, window: number, padding = 0) {
  const x = context.leaf("state", "x", "f32", [batchExtent, fixed(size)]);
  const [n, i, j] = [0, 1, 2].map(axisAffine) as [never, never, never];
  const twice = context.compute({
    parallel: [batchExtent, fixed(size)],
    body: context.call("multiply", context.constant(2, "f32"), context.load(x, [n, i])),
  });
  const places = size - taps + 1;
  const sums = context.compute({
    parallel: [batchExtent, fixed(places)],
    reduction: [fixed(taps)],
    reducer: "sum",
    body: context.load(twice.values[0]!, [n, addAffine(i, j)]),
  });
  const place = offsetAffine(addAffine(scaleAffine(i, window), j), -padding);
  const { values } = context.compute({
    parallel: [batchExtent, fixed(Math.max(1, Math.floor(places / window)))],
    reduction: [fixed(Math.min(window, places))],
    where: padding === 0 ? and() : nonnegative(place),
    reducer: "max",
    body: context.load(sums.values[0]!, [n, place]),
  });
  return { sums: sums.values[0]!, windows: values[0]! };
}

const graphOf = (...values: readonly Graph["results"][number]["value"][]): Graph => ({
  name: "g",
  batchMax: 3,
  results: values.map((value, i) => ({ name: `y${i}`, value })),
  assignments: [],
});

test("what no window reads is not computed, nor what it alone would be made of", () => {
  const context = new GraphContext();
  const cropped = cropUnread(context, graphOf(pooled(context, 13, 3, 4).windows));
  expect(printGraph(cropped)).toMatchInlineSnapshot(`
    "graph g, N ≤ 3
    %0: f32[N, 13] = state x
    %1: f32[N, 10] = 2.0 * %0[i0, i1]
    %2: f32[N, 8] = sum[i2 < 3] %1[i0, i1 + i2]
    %3.0: f32[N, 2], %3.1: i32[N, 2] = max[i2 < 4] %2[i0, 4*i1 + i2]
    y0 = %3.0"
  `);
});

test("results are computed as a whole, and so is what is read as a whole", () => {
  const context = new GraphContext();
  const { sums, windows } = pooled(context, 13, 3, 4);
  const graph = graphOf(sums, windows);
  expect(cropUnread(context, graph)).toBe(graph);
  const even = graphOf(pooled(context, 14, 3, 4).windows);
  expect(cropUnread(context, even)).toBe(even);
});

test("the values of random windows stay the same bits", () => {
  const sizes = fc.integer({ min: 4, max: 20 });
  const small = fc.integer({ min: 1, max: 4 });
  fc.assert(
    fc.property(
      sizes,
      small,
      small,
      fc.integer({ min: 0, max: 1 }),
      (size, taps, window, padding) => {
        const context = new GraphContext();
        const graph = graphOf(
          pooled(context, size, taps, window, Math.min(padding, window - 1)).windows,
        );
        expect(findFaults(graph)).toEqual([]);
        const cropped = cropUnread(context, graph);
        expect(findFaults(cropped)).toEqual([]);
        expect(valuesOf(cropped)).toEqual(valuesOf(graph));
      },
    ),
  );
});
