/** The graph passes before grouping: what each changes, what it leaves, and that values stay the same. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Affine,
  addAffine,
  axisAffine,
  divAffine,
  modAffine,
  offsetAffine,
  scaleAffine,
} from "../../compiler/graph/affine.ts";
import { inRange } from "../../compiler/graph/condition.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import { batchExtent, fixed, type Shape } from "../../compiler/graph/extent.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import type { Graph, Scalar, Value } from "../../compiler/graph/node.ts";
import { printGraph } from "../../compiler/graph/print.ts";
import { algebraOf } from "../../compiler/graph/scalar-functions.ts";
import { divideBytes } from "../../compiler/optimize/fusion/divide-bytes.ts";
import { flattenMaps } from "../../compiler/optimize/fusion/flatten-maps.ts";
import { inlineMaps } from "../../compiler/optimize/fusion/inline-maps.ts";
import { joinShortAxes } from "../../compiler/optimize/fusion/join-short-axes.ts";
import { Precedence } from "../../compiler/optimize/fusion/order.ts";
import { splitReductions } from "../../compiler/optimize/fusion/split-reductions.ts";
import { baselineCpu } from "../../compiler/targets/cpu/description.ts";
import { describeWgsl } from "../../compiler/targets/wgsl/description.ts";

const graphOf = (value: Value): Graph => ({
  name: "g",
  batchMax: 3,
  results: [{ name: "y", value }],
  assignments: [],
});

const place = (rank: number) => Array.from({ length: rank }, (_, axis) => axisAffine(axis));

/** Row sums of an image of bytes divided by a constant, the image read as one run. */
function imageSums(context: GraphContext, divisor: number): Graph {
  const image = context.leaf("input", "image", "u8", [batchExtent, fixed(4), fixed(6)]);
  const scaled = context.compute({
    parallel: image.shape,
    body: context.call(
      "divide",
      context.cast(context.load(image, place(3)), "f32"),
      context.constant(divisor, "f32"),
    ),
  }).values[0]!;
  const run = axisAffine(1);
  const w = context.leaf("param", "w", "f32", [fixed(24)]);
  return graphOf(
    context.compute({
      parallel: [batchExtent],
      reduction: [fixed(24)],
      reducer: "sum",
      body: context.call(
        "multiply",
        context.load(scaled, [axisAffine(0), divAffine(run, 6), modAffine(run, 6)]),
        context.load(w, [run]),
      ),
    }).values[0]!,
  );
}

const results = (graph: Graph): number[] => [
  ...interpret(graph, {
    n: 2,
    leaf: () => Float64Array.from({ length: 100 }, (_, i) => (i * 37) % 256),
  }).results.get("y")!,
];

function expectSameValues(actual: Graph, wanted: Graph): void {
  const [a, b] = [results(actual), results(wanted)];
  a.forEach((value, i) => {
    expect(value).toBeCloseTo(b[i]!, 6);
  });
}

describe("flattenMaps", () => {
  test("joins the axes that every reader splits", () => {
    const context = new GraphContext();
    const graph = imageSums(context, 255);
    const flat = flattenMaps(context, graph);
    expect(printGraph(flat)).toContain("f32[N, 24] = f32(%0[i0, (i1 div 6), (i1 mod 6)])");
    expect(printGraph(flat)).toContain("%2[i0, i1] *");
    expectSameValues(flat, graph);
  });

  test("leaves maps that run beside others, and what has a place of its own", () => {
    const context = new GraphContext();
    const x = context.leaf("param", "x", "f32", [fixed(4), fixed(6)]);
    const map = context.compute({
      parallel: x.shape,
      body: context.call("negate", context.load(x, place(2))),
    }).values[0]!;
    const graph = graphOf(map);
    expect(flattenMaps(context, graph)).toBe(graph);
  });
});

describe("divideBytes", () => {
  test.each([255, 3, 127.5, 10, 7])(
    "multiplies instead of dividing by %d, the same bits",
    (divisor) => {
      const context = new GraphContext();
      const graph = imageSums(context, divisor);
      const text = printGraph(divideBytes(context, graph));
      const reciprocal = Math.fround(1 / divisor);
      expect(text).not.toContain(" / ");
      for (let byte = 0; byte < 256; byte++) {
        const q = Math.fround(byte * reciprocal);
        const rest = Math.fround(-divisor * q + byte);
        expect(Math.fround(rest * reciprocal + q)).toBe(Math.fround(byte / divisor));
      }
    },
  );

  test("still divides floats", () => {
    const context = new GraphContext();
    const x = context.leaf("param", "x", "f32", [fixed(4)]);
    const body = context.call("divide", context.load(x, place(1)), context.constant(255, "f32"));
    const graph = graphOf(context.compute({ parallel: x.shape, body }).values[0]!);
    expect(divideBytes(context, graph)).toBe(graph);
  });
});

test("splitReductions sums along the rows first", () => {
  const context = new GraphContext();
  const shape: Shape = [batchExtent, fixed(5)];
  const x = context.leaf("input", "x", "f32", shape);
  const graph = graphOf(
    context.compute({
      parallel: [],
      reduction: shape,
      reducer: "mean",
      body: context.load(x, place(2)),
    }).values[0]!,
  );
  const split = splitReductions(context, graph, baselineCpu("x64"));
  expect(printGraph(split).split("\n").slice(2)).toEqual([
    "%1: f32[N] = mean[i1 < 5] %0[i0, i1]",
    "%2: f32[] = mean[i0 < N] %1[i0]",
    "y = %2",
  ]);
  expectSameValues(split, graph);
});

describe("reduceNeighboursLast", () => {
  /** Over all places of an image and the channels of each group, at i3 and i4. */
  function ofGroups(context: GraphContext, reducer: "sum" | "moments", results: number): Graph {
    const x = context.leaf("param", "x", "f32", [fixed(4), fixed(4), fixed(6)]);
    const channel = addAffine(scaleAffine(axisAffine(0), 3), axisAffine(3));
    const node = context.compute({
      parallel: [fixed(2)],
      reduction: [fixed(4), fixed(4), fixed(3)],
      reducer,
      body: context.load(x, [axisAffine(1), axisAffine(2), channel]),
    });
    const f = algebraOf(context, "f32");
    const [first, ...others] = node.values
      .slice(0, results)
      .map((value) => context.load(value, place(1)));
    const body = others.reduce(f.add, first!);
    return graphOf(context.compute({ parallel: [fixed(2)], body }).values[0]!);
  }

  test("reduces what lies side by side for one result after all else", () => {
    const context = new GraphContext();
    const graph = ofGroups(context, "sum", 1);
    const apart = splitReductions(context, graph, baselineCpu("x64"));
    expect(printGraph(apart).split("\n").slice(2, 4)).toEqual([
      "%1: f32[6] = sum[i1 < 4, i2 < 4] %0[i1, i2, i0]",
      "%2: f32[2] = sum[i1 < 3] %1[3*i0 + i1]",
    ]);
    expectSameValues(apart, graph);
  });

  test("takes moments of the parts together", () => {
    const context = new GraphContext();
    const graph = ofGroups(context, "moments", 2);
    const apart = splitReductions(context, graph, baselineCpu("x64"));
    expect(printGraph(apart)).toContain("moments[i1 < 4, i2 < 4] %0[i1, i2, i0]");
    expectSameValues(apart, graph);
  });

  test("leaves reductions whose results lie side by side, and those of a run alone", () => {
    const context = new GraphContext();
    const x = context.leaf("param", "x", "f32", [fixed(8), fixed(4)]);
    const sum = (index: readonly Affine[], shape: Shape, points: number) =>
      graphOf(
        context.compute({
          parallel: shape,
          reduction: [fixed(points)],
          reducer: "sum",
          body: context.load(x, index),
        }).values[0]!,
      );
    for (const graph of [
      sum([axisAffine(1), axisAffine(0)], [fixed(4)], 8),
      sum([axisAffine(0), axisAffine(1)], [fixed(8)], 4),
    ]) {
      expect(splitReductions(context, graph, baselineCpu("x64"))).toBe(graph);
    }
  });
});

describe("joinShortAxes", () => {
  /** Each of six channels times three taps of its own for each of `outputs`, read as they lie. */
  function apart(context: GraphContext, outputs: number): Graph {
    const [x, w] = [
      context.leaf("param", "x", "f32", [fixed(4), fixed(6)]),
      context.leaf("param", "w", "f32", [fixed(3), fixed(6), fixed(outputs)]),
    ];
    const f = algebraOf(context, "f32");
    const tap = addAffine(axisAffine(0), axisAffine(3));
    const [y] = context.compute({
      parallel: [fixed(2), fixed(6), fixed(outputs)],
      reduction: [fixed(3)],
      reducer: "sum",
      body: f.multiply(
        context.load(x, [tap, axisAffine(1)]),
        context.load(w, [axisAffine(3), axisAffine(1), axisAffine(2)]),
      ),
    }).values;
    const lane = axisAffine(1);
    const index = [axisAffine(0), divAffine(lane, outputs), modAffine(lane, outputs)];
    const body = f.call("exp", context.load(y!, index));
    return graphOf(context.compute({ parallel: [fixed(2), fixed(6 * outputs)], body }).values[0]!);
  }

  test("lets lanes run along the outputs of several channels", () => {
    const context = new GraphContext();
    const graph = apart(context, 2);
    const joined = joinShortAxes(context, graph, { vectorLanes: 8 });
    expect(printGraph(joined).split("\n").slice(3, 5)).toEqual([
      "%2: f32[2, 12] = sum[i2 < 3] %0[i0 + i2, (i1 div 2)] * %1[i2, (i1 div 2), (i1 mod 2)]",
      "%3: f32[2, 12] = exp(%2[i0, i1])",
    ]);
    expectSameValues(joined, graph);
  });

  test("leaves outputs that fill half of a vector, or run across its end", () => {
    const context = new GraphContext();
    for (const outputs of [3, 4]) {
      const graph = apart(context, outputs);
      expect(joinShortAxes(context, graph, { vectorLanes: 8 })).toBe(graph);
    }
  });
});

test("inlineMaps moves cheap maps into readers that run over other points", () => {
  const context = new GraphContext();
  const label = context.leaf("input", "label", "u8", [batchExtent]);
  const number = context.compute({
    parallel: [batchExtent],
    body: context.cast(context.load(label, place(1)), "i32"),
  }).values[0]!;
  const hot: Scalar = context.cast(
    context.call("equal", context.load(number, [axisAffine(0)]), context.index(axisAffine(1))),
    "f32",
  );
  const graph = graphOf(
    context.compute({ parallel: [batchExtent, fixed(3)], body: hot }).values[0]!,
  );
  const inlined = inlineMaps(context, graph, baselineCpu("x64"));
  expect(printGraph(inlined).split("\n").length).toBe(printGraph(graph).split("\n").length - 1);
  expectSameValues(inlined, graph);
});

test("inlineMaps moves padding into products only where workgroups copy their operands", () => {
  const context = new GraphContext();
  const x = context.leaf("param", "x", "f32", [fixed(6), fixed(8)]);
  const w = context.leaf("param", "w", "f32", [fixed(10), fixed(4)]);
  const left = offsetAffine(axisAffine(1), -1);
  const padded = context.compute({
    parallel: [fixed(6), fixed(10)],
    body: context.load(x, [axisAffine(0), left], inRange(left, fixed(8))),
  }).values[0]!;
  const graph = graphOf(
    context.compute({
      parallel: [fixed(6), fixed(4)],
      reduction: [fixed(10)],
      reducer: "sum",
      body: context.call(
        "multiply",
        context.load(padded, [axisAffine(0), axisAffine(2)]),
        context.load(w, [axisAffine(2), axisAffine(1)]),
      ),
    }).values[0]!,
  );
  expect(inlineMaps(context, graph, baselineCpu("x64"))).toBe(graph);
  const inlined = inlineMaps(context, graph, describeWgsl());
  expect(printGraph(inlined).split("\n").length).toBe(printGraph(graph).split("\n").length - 1);
  expectSameValues(inlined, graph);
});

test("merging keeps out what would leave a group and come back", () => {
  const order = new Precedence(["a", "b", "c", "d"]);
  order.addEdge("a", "b");
  order.addEdge("b", "c");
  order.addEdge("a", "c");
  expect(order.canMerge("a", "c")).toBe(false);
  expect(order.canMerge("a", "b")).toBe(true);
  expect(order.canMerge("c", "d")).toBe(true);
  order.merge("a", "b", "ab");
  expect(order.canMerge("ab", "c")).toBe(true);
  expect(order.reaches("ab", "c")).toBe(true);
  expect(order.reaches("c", "ab")).toBe(false);
});

test("what may merge is the same however many merges came before", () => {
  const vertices = fc.integer({ min: 2, max: 14 });
  const edges = fc.array(fc.tuple(fc.nat(13), fc.nat(13)), { maxLength: 30 });
  const merges = fc.array(fc.tuple(fc.nat(13), fc.nat(13)), { maxLength: 12 });
  fc.assert(
    fc.property(vertices, edges, merges, (count, drawn, wanted) => {
      const order = new Precedence(Array.from({ length: count }, (_, i) => i));
      // Which vertex each of the first ones has become.
      const now = Array.from({ length: count }, (_, i) => i);
      const pairs = drawn
        .map(([a, b]) => [a % count, b % count] as const)
        .filter(([a, b]) => a < b);
      for (const [a, b] of pairs) order.addEdge(a, b);
      const leads = (from: number, to: number, avoiding: number): boolean =>
        pairs.some(
          ([a, b]) =>
            now[a] === from &&
            now[b] !== from &&
            now[b] !== avoiding &&
            (now[b] === to || leads(now[b]!, to, avoiding)),
        );
      const hasDetour = (from: number, to: number): boolean =>
        pairs.some(
          ([a, b]) =>
            now[a] === from && now[b] !== from && now[b] !== to && leads(now[b]!, to, from),
        );
      wanted.forEach(([x, y], i) => {
        const [a, b] = [now[x % count]!, now[y % count]!];
        if (a === b) return;
        const isFree = !hasDetour(a, b) && !hasDetour(b, a);
        expect(order.canMerge(a, b)).toBe(isFree);
        if (!isFree) return;
        const merged = count + i;
        order.merge(a, b, merged);
        now.forEach((vertex, j) => {
          if (vertex === a || vertex === b) now[j] = merged;
        });
      });
    }),
  );
});
