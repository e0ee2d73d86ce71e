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
import { always, and, divides, inRange } from "../../compiler/graph/condition.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import { batchExtent, fixed } from "../../compiler/graph/extent.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import type { Graph } from "../../compiler/graph/node.ts";
import { printGraph } from "../../compiler/graph/print.ts";
import { findFaults } from "../../compiler/graph/verify.ts";
import { padOperands } from "../../compiler/optimize/fusion/pad-operands.ts";

type FiveAxes = [Affine, Affine, Affine, Affine, Affine];
const [n, w, o, k, c] = [0, 1, 2, 3, 4].map(axisAffine) as FiveAxes;

/** y[n, w, o] = Σ x[n, w + k − 1, c]·kernel[k, c, o], points outside of x skipped or only some of them. */
function convolution(context: GraphContext, skipsAll: boolean): Graph {
  const x = context.leaf("state", "x", "f32", [batchExtent, fixed(6), fixed(2)]);
  const kernel = context.leaf("param", "kernel", "f32", [fixed(3), fixed(2), fixed(8)]);
  const at = offsetAffine(addAffine(w, k), -1);
  const inside = inRange(at, fixed(6));
  const where = skipsAll ? inside : always;
  const guard = skipsAll ? always : and(inside, inRange(w, fixed(5)));
  const body = context.call(
    "multiply",
    context.load(x, [n, at, c], guard),
    context.load(kernel, [k, c, o]),
  );
  const { values } = context.compute({
    parallel: [batchExtent, fixed(6), fixed(8)],
    reduction: [fixed(3), fixed(2)],
    where,
    reducer: "sum",
    body,
  });
  return { name: "g", batchMax: 4, results: [{ name: "y", value: values[0]! }], assignments: [] };
}

const valuesOf = (graph: Graph) => {
  const leaf = (role: string) => Array.from({ length: 128 }, (_, i) => Math.sin(i + role.length));
  return interpret(graph, { n: 2, leaf }).results;
};

describe("operands that a product reads outside of", () => {
  test("are copied with zeros around", () => {
    const context = new GraphContext();
    const graph = convolution(context, true);
    const padded = padOperands(context, graph);
    expect(findFaults(padded)).toEqual([]);
    expect(printGraph(padded)).toMatchInlineSnapshot(`
      "graph g, N ≤ 4
      %0: f32[N, 6, 2] = state x
      %1: f32[3, 2, 8] = param kernel
      %2: f32[N, 8, 2] = %0[i0, i1 - 1, i2]{-i1 + 6 >= 0 and i1 - 1 >= 0}
      %3: f32[N, 6, 8] = sum[i3 < 3, i4 < 2] %2[i0, i1 + i3, i4] * %1[i3, i4, i2]
      y = %3"
    `);
    expect(valuesOf(padded)).toEqual(valuesOf(graph));
  });

  /** The gradient by so many places of a convolution with stride 2. */
  function strided(length: number) {
    const context = new GraphContext();
    // dx[n, a, c] of y[n, i, o] = Σ x[n, 2·i + k − 1, c]·kernel[k, c, o]
    const dy = context.leaf("state", "dy", "f32", [batchExtent, fixed(4), fixed(3)]);
    const kernel = context.leaf("param", "kernel", "f32", [fixed(3), fixed(8), fixed(3)]);
    const [n, a, c, j, o] = [0, 1, 2, 3, 4].map(axisAffine) as [
      Affine,
      Affine,
      Affine,
      Affine,
      Affine,
    ];
    const place = offsetAffine(a, 1);
    const row = addAffine(divAffine(place, 2), scaleAffine(j, -1));
    const tap = addAffine(scaleAffine(j, 2), modAffine(place, 2));
    const guard = and(inRange(row, fixed(4)), inRange(tap, fixed(3)));
    const body = context.call(
      "multiply",
      context.load(dy, [n, row, o], guard),
      context.load(kernel, [tap, c, o], guard),
    );
    const { values } = context.compute({
      parallel: [batchExtent, fixed(length), fixed(8)],
      reduction: [fixed(2), fixed(3)],
      reducer: "sum",
      body,
    });
    const graph = {
      name: "g",
      batchMax: 4,
      results: [{ name: "dx", value: values[0]! }],
      assignments: [],
    };
    return { context, graph };
  }

  test("are read by phase where a gradient's stride skips points", () => {
    const { context, graph } = strided(7);
    const split = padOperands(context, graph);
    expect(findFaults(split)).toEqual([]);
    expect(printGraph(split)).toMatchInlineSnapshot(`
      "graph g, N ≤ 4
      %0: f32[N, 4, 3] = state dy
      %1: f32[3, 8, 3] = param kernel
      %2: f32[N, 5, 3] = %0[i0, i1 - 1, i2]{-i1 + 4 >= 0 and i1 - 1 >= 0}
      %3: f32[4, 8, 3] = %1[i0, i1, i2]{-i0 + 2 >= 0 and i0 >= 0}
      %4: f32[N, 4, 2, 8] = sum[i4 < 2, i5 < 3] %2[i0, i1 - i4 + 1, i5] * %3[i2 + 2*i4, i3, i5]
      %5: f32[N, 7, 8] = %4[i0, ((i1 + 1) div 2), ((i1 + 1) mod 2), i2]
      dx = %5"
    `);
    expect(valuesOf(split)).toEqual(valuesOf(graph));
  });

  test("are read by two phases of an even number of places without one that belongs to none", () => {
    const { context, graph } = strided(8);
    const split = padOperands(context, graph);
    expect(findFaults(split)).toEqual([]);
    expect(printGraph(split)).toMatchInlineSnapshot(`
      "graph g, N ≤ 4
      %0: f32[N, 4, 3] = state dy
      %1: f32[3, 8, 3] = param kernel
      %2: f32[N, 6, 3] = %0[i0, i1 - 1, i2]{-i1 + 4 >= 0 and i1 - 1 >= 0}
      %3: f32[4, 8, 3] = %1[i0, i1, i2]{-i0 + 2 >= 0 and i0 >= 0}
      %4: f32[N, 4, 2, 8] = sum[i4 < 2, i5 < 3] %2[i0, i1 + i2 - i4 + 1, i5] * %3[-i2 + 2*i4 + 1, i3, i5]
      %5: f32[N, 8, 8] = %4[i0, (i1 div 2), (i1 mod 2), i2]
      dx = %5"
    `);
    expect(valuesOf(split)).toEqual(valuesOf(graph));
  });

  test("are multiplied in the one phase that a stride leaves", () => {
    const context = new GraphContext();
    // dx[n, a, c] of y[n, i, o] = Σ x[n, 3·i + 1, c]·kernel[c, o]
    const dy = context.leaf("state", "dy", "f32", [batchExtent, fixed(4), fixed(3)]);
    const kernel = context.leaf("param", "kernel", "f32", [fixed(8), fixed(3)]);
    const [n, a, c, o] = [0, 1, 2, 3].map(axisAffine) as [Affine, Affine, Affine, Affine];
    const place = offsetAffine(a, -1);
    const body = context.call(
      "multiply",
      context.load(dy, [n, divAffine(place, 3), o]),
      context.load(kernel, [c, o]),
    );
    const { values } = context.compute({
      parallel: [batchExtent, fixed(11), fixed(8)],
      reduction: [fixed(3)],
      where: divides(3, place),
      reducer: "sum",
      body,
    });
    const graph = {
      name: "g",
      batchMax: 4,
      results: [{ name: "dx", value: values[0]! }],
      assignments: [],
    };
    const split = padOperands(context, graph);
    expect(findFaults(split)).toEqual([]);
    expect(printGraph(split)).toMatchInlineSnapshot(`
      "graph g, N ≤ 4
      %0: f32[N, 4, 3] = state dy
      %1: f32[8, 3] = param kernel
      %2: f32[N, 5, 3] = %0[i0, i1 - 1, i2]{-i1 + 4 >= 0 and i1 - 1 >= 0}
      %3: f32[N, 5, 1, 8] = sum[i4 < 3] %2[i0, i1, i4] * %1[i3, i4]
      %4: f32[N, 11, 8] = %3[i0, ((i1 + 2) div 3), 0, i2]{3 divides i1 + 2}
      dx = %4"
    `);
    expect(valuesOf(split)).toEqual(valuesOf(graph));
  });

  test("stay where more is left out than lies outside", () => {
    const context = new GraphContext();
    const graph = convolution(context, false);
    expect(padOperands(context, graph)).toBe(graph);
  });

  test.each([
    { columns: 8, copies: "copied", isCopied: true },
    { columns: 2, copies: "left alone", isCopied: false },
  ])("much smaller than what is read of them are $copies for $columns columns", (one) => {
    const context = new GraphContext();
    const x = context.leaf("state", "x", "f32", [batchExtent, fixed(2), fixed(2)]);
    const kernel = context.leaf("param", "kernel", "f32", [fixed(8), fixed(2), fixed(one.columns)]);
    const at = addAffine(w, scaleAffine(k, -1));
    const { values } = context.compute({
      parallel: [batchExtent, fixed(9), fixed(one.columns)],
      reduction: [fixed(8), fixed(2)],
      where: inRange(at, fixed(2)),
      reducer: "sum",
      body: context.call("multiply", context.load(x, [n, at, c]), context.load(kernel, [k, c, o])),
    });
    const results = [{ name: "y", value: values[0]! }];
    const graph: Graph = { name: "g", batchMax: 4, results, assignments: [] };
    const padded = padOperands(context, graph);
    expect(padded !== graph).toBe(one.isCopied);
    expect(valuesOf(padded)).toEqual(valuesOf(graph));
  });
});
