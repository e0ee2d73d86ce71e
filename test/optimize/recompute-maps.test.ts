import { describe, expect, test } from "vitest";
import {
  type Affine,
  addAffine,
  axisAffine,
  divAffine,
  modAffine,
  scaleAffine,
} from "../../compiler/graph/affine.ts";
import { batchExtent, fixed, type Shape } from "../../compiler/graph/extent.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import { minimumCut } from "../../compiler/graph/minimum-cut.ts";
import type { Graph, Scalar, Value } from "../../compiler/graph/node.ts";
import { printGraph } from "../../compiler/graph/print.ts";
import { findFaults } from "../../compiler/graph/verify.ts";
import { recomputeMaps } from "../../compiler/optimize/fusion/recompute-maps.ts";
import { saveSlopes } from "../../compiler/optimize/fusion/save-slopes.ts";
import { describeCpu } from "../../compiler/targets/cpu/description.ts";
import { Builder } from "./build.ts";

const flags = "pni ssse3 sse4_1 sse4_2 popcnt avx avx2 fma bmi1 bmi2 abm movbe f16c";
const wide = "avx512f avx512bw avx512cd avx512dq avx512vl";
const cpu = describeCpu({ architecture: "x64", cpuinfo: `flags : ${flags} ${wide}` });
const rows: Shape = [batchExtent, fixed(8)];

/** y = x · w over the rows, with w square. */
function product(builder: Builder, x: Value, w: Value): Value {
  const [n, i, k] = [0, 1, 2].map(axisAffine);
  const { context, f } = builder;
  const body = f.multiply(context.load(x, [n!, k!]), context.load(w, [k!, i!]));
  return context.compute({ parallel: rows, reduction: [fixed(8)], reducer: "sum", body })
    .values[0]!;
}

/** h = a·b, a = f(x·w), b = g(x·w), z = (h·w)·a + b: a and b are read on both sides of the second product. */
function twoSides(first: (builder: Builder, u: Scalar) => Scalar): Graph {
  const builder = new Builder();
  const { f } = builder;
  const x = builder.input("x", rows);
  const w = builder.param("w", 8, 8);
  const u = product(builder, builder.map(rows, f.multiply(builder.at(x), f.number(2))), w);
  const a = builder.map(rows, first(builder, builder.at(u)));
  const b = builder.map(rows, f.add(builder.at(u), f.number(1)));
  const h = builder.map(rows, f.multiply(builder.at(a), builder.at(b)));
  const y = product(builder, h, w);
  const scaled = f.multiply(builder.at(y), builder.at(a));
  return graphOf(builder, builder.map(rows, f.add(scaled, builder.at(b))));
}

const contexts = new WeakMap<Graph, Builder["context"]>();

function graphOf(builder: Builder, value: Value): Graph {
  const graph = builder.graph(value);
  contexts.set(graph, builder.context);
  return graph;
}

const recomputed = (graph: Graph) => recomputeMaps(contexts.get(graph)!, graph, cpu);

const valuesOf = (graph: Graph) => {
  const leaf = (role: string) => Array.from({ length: 64 }, (_, i) => Math.sin(i + role.length));
  return interpret(graph, { n: 3, leaf }).results;
};

describe("maps that are read beyond a product", () => {
  test("are computed again there from the one value that is kept", () => {
    const graph = twoSides(({ f }, u) => f.multiply(u, f.number(0.5)));
    const rewritten = recomputed(graph);
    expect(findFaults(rewritten)).toEqual([]);
    expect(printGraph(rewritten)).toMatchInlineSnapshot(`
      "graph g, N ≤ 4
      %0: f32[N, 8] = input x
      %1: f32[8, 8] = param w
      %2: f32[N, 8] = %0[i0, i1] * 2.0
      %3: f32[N, 8] = sum[i2 < 8] %2[i0, i2] * %1[i2, i1]
      %4: f32[N, 8] = %3[i0, i1] * 0.5
      %5: f32[N, 8] = %3[i0, i1] + 1.0
      %6: f32[N, 8] = %4[i0, i1] * %5[i0, i1]
      %7: f32[N, 8] = sum[i2 < 8] %6[i0, i2] * %1[i2, i1]
      %8: f32[N, 8] = (%7[i0, i1] * (%3[i0, i1] * 0.5)) + (%3[i0, i1] + 1.0)
      y = %8"
    `);
    expect(valuesOf(rewritten)).toEqual(valuesOf(graph));
  });

  test("are read where they are from, whatever shape they had in between", () => {
    const builder = new Builder();
    const { context, f } = builder;
    const [n, i, j] = [0, 1, 2].map(axisAffine) as [Affine, Affine, Affine];
    const u = product(builder, builder.input("x", rows), builder.param("w", 8, 8));
    const joined = context.load(u, [n, addAffine(scaleAffine(i, 4), j)]);
    const grouped: Shape = [batchExtent, fixed(2), fixed(4)];
    const a = builder.map(grouped, f.multiply(joined, f.number(0.5)));
    const apart = context.load(a, [n, divAffine(i, 4), modAffine(i, 4)]);
    const b = builder.map(rows, f.add(apart, f.number(1)));
    const c = builder.map(rows, f.multiply(builder.at(u), f.number(3)));
    const h = builder.map(rows, f.multiply(builder.at(b), builder.at(c)));
    const y = product(builder, h, builder.param("v", 8, 8));
    const z = f.add(f.multiply(builder.at(y), builder.at(b)), builder.at(c));
    const graph = graphOf(builder, builder.map(rows, z));
    const rewritten = recomputed(graph);
    expect(printGraph(rewritten).split("\n").at(-2)).toBe(
      "%9: f32[N, 8] = (%8[i0, i1] * ((%2[i0, i1] * 0.5) + 1.0)) + (%2[i0, i1] * 3.0)",
    );
    expect(valuesOf(rewritten)).toEqual(valuesOf(graph));
  });

  test("are kept where they cost more operations than their bytes take to move", () => {
    const graph = twoSides(({ f }, u) => f.call("erf", u));
    const rewritten = recomputed(graph);
    expect(printGraph(rewritten).match(/erf/g)?.length).toBe(1);
    expect(valuesOf(rewritten)).toEqual(valuesOf(graph));
  });

  test("are computed again in sums over the rows, from what such sums read anyway", () => {
    const builder = new Builder();
    const { context, f } = builder;
    const w = builder.param("w", 8, 8);
    const x = product(builder, builder.input("x", rows), w);
    const [i, n] = [0, 1].map(axisAffine);
    const over = (reducer: "mean" | "sum", body: Scalar): Value =>
      context.compute({ parallel: [fixed(8)], reduction: [batchExtent], reducer, body }).values[0]!;
    const mean = over("mean", context.load(x, [n!, i!]));
    const centred = builder.map(rows, f.subtract(builder.at(x), context.load(mean, [n!])));
    const y = product(builder, builder.map(rows, f.multiply(builder.at(centred), f.number(3))), w);
    const total = over(
      "sum",
      f.multiply(context.load(y, [n!, i!]), context.load(centred, [n!, i!])),
    );
    const graph = graphOf(builder, total);
    const rewritten = recomputed(graph);
    expect(printGraph(rewritten)).toContain("* (%2[i1, i0] - ");
    expect(valuesOf(rewritten)).toEqual(valuesOf(graph));
  });

  test("are left alone where all readers are beyond, and can make them", () => {
    const builder = new Builder();
    const { f } = builder;
    const x = builder.input("x", rows);
    const w = builder.param("w", 8, 8);
    const shifted = builder.map(rows, f.add(builder.at(x), f.number(1)));
    const y = product(builder, x, w);
    const z = builder.map(rows, f.add(builder.at(y), builder.at(shifted)));
    const graph = graphOf(builder, z);
    expect(recomputed(graph)).toBe(graph);
  });
});

describe("chains of maps that are linear in what comes in", () => {
  /** y = z·b with b = second(z), and beyond a product of y: dz = dy·b + (dy·z)·c with c = slope(z). */
  function backward(
    second: (builder: Builder, z: Scalar) => Scalar,
    slope: (builder: Builder, z: Scalar) => Scalar,
  ): Graph {
    const builder = new Builder();
    const { f } = builder;
    const w = builder.param("w", 8, 8);
    const z = product(builder, builder.input("x", rows), w);
    const b = builder.map(rows, second(builder, builder.at(z)));
    const c = builder.map(rows, slope(builder, builder.at(z)));
    const y = builder.map(rows, f.multiply(builder.at(z), builder.at(b)));
    const dy = product(builder, y, w);
    const direct = builder.map(rows, f.multiply(builder.at(dy), builder.at(b)));
    const inner = builder.map(rows, f.multiply(builder.at(dy), builder.at(z)));
    const scaled = builder.map(
      rows,
      f.multiply(f.multiply(builder.at(inner), builder.at(c)), f.number(3)),
    );
    const dz = builder.map(rows, f.subtract(builder.at(direct), builder.at(scaled)));
    return graphOf(builder, product(builder, dz, w));
  }
  const saved = (graph: Graph) => saveSlopes(contexts.get(graph)!, graph, cpu);

  test("keep their slope instead of several values that it is made of", () => {
    const graph = backward(
      ({ f }, z) => f.call("erf", z),
      ({ f }, z) => f.call("exp", f.negate(z)),
    );
    const rewritten = saved(graph);
    expect(findFaults(rewritten)).toEqual([]);
    expect(printGraph(rewritten)).toMatchInlineSnapshot(`
      "graph g, N ≤ 4
      %0: f32[8, 8] = param w
      %1: f32[N, 8] = input x
      %2: f32[N, 8] = sum[i2 < 8] %1[i0, i2] * %0[i2, i1]
      %3: f32[N, 8] = erf(%2[i0, i1])
      %4: f32[N, 8] = exp(-%2[i0, i1])
      %5: f32[N, 8] = %2[i0, i1] * %3[i0, i1]
      %6: f32[N, 8] = sum[i2 < 8] %5[i0, i2] * %0[i2, i1]
      %7: f32[N, 8] = %3[i0, i1] + ((%2[i0, i1] * %4[i0, i1]) * -3.0)
      %8: f32[N, 8] = %6[i0, i1] * %7[i0, i1]
      %9: f32[N, 8] = sum[i2 < 8] %8[i0, i2] * %0[i2, i1]
      y = %9"
    `);
    const [expected, actual] = [graph, rewritten].map((each) => valuesOf(each).get("y")!);
    expected!.forEach((number, i) => {
      expect(actual![i]).toBeCloseTo(number, 9);
    });
  });

  test("are left alone where the slope is made of one value that is kept", () => {
    const graph = backward(
      ({ f }, z) => f.add(z, f.number(1)),
      ({ f }, z) => f.call("exp", f.negate(z)),
    );
    expect(saved(graph)).toBe(graph);
  });

  test("are left alone where something else keeps the values", () => {
    const builder = new Builder();
    const { f } = builder;
    const w = builder.param("w", 8, 8);
    const z = product(builder, builder.input("x", rows), w);
    const b = builder.map(rows, f.call("erf", builder.at(z)));
    const dy = product(builder, product(builder, z, w), b);
    const dz = f.multiply(f.multiply(builder.at(dy), builder.at(b)), builder.at(z));
    const graph = graphOf(builder, builder.map(rows, dz));
    expect(saved(graph)).toBe(graph);
  });
});

describe("the cheapest cut", () => {
  test("is where least flows", () => {
    // 0 and 1 lead to 2, which leads to 3 and 4.
    const edges = [
      [0, 2],
      [1, 2],
      [2, 3],
      [2, 4],
    ] as const;
    const cut = (costs: readonly number[]) => [
      ...minimumCut({ costs, edges, sources: [0, 1], sinks: [3, 4] }),
    ];
    expect(cut([1, 1, 5, 4, 4])).toEqual([0, 1]);
    expect(cut([3, 3, 5, 4, 4])).toEqual([2]);
    expect(cut([3, 3, 5, 1, 2])).toEqual([3, 4]);
  });

  test("is the one next to the sinks of several", () => {
    const costs = [2, 2, 2];
    const edges = [
      [0, 1],
      [1, 2],
    ] as const;
    expect([...minimumCut({ costs, edges, sources: [0], sinks: [2] })]).toEqual([2]);
  });

  test("comes later where it costs to compute again what follows it", () => {
    const edges = [
      [0, 1],
      [1, 2],
    ] as const;
    const cut = (again: readonly number[]) => [
      ...minimumCut({ costs: [2, 9, 4], edges, sources: [0], sinks: [2], again }),
    ];
    expect(cut([0, 0, 0])).toEqual([0]);
    expect(cut([0, 1, 0.5])).toEqual([0]);
    expect(cut([0, 1, 2])).toEqual([2]);
  });

  test("takes flow back where another way is better", () => {
    const costs = [9, 1, 1, 1, 1, 9];
    const edges = [
      [0, 1],
      [0, 2],
      [1, 3],
      [1, 4],
      [2, 3],
      [3, 5],
      [4, 5],
    ] as const;
    const cut = minimumCut({ costs, edges, sources: [0], sinks: [5] });
    expect([...cut]).toEqual([3, 4]);
  });
});
