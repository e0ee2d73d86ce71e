import { describe, expect, test } from "vitest";
import { type Affine, addAffine, axisAffine, offsetAffine } from "../../compiler/graph/affine.ts";
import { inRange } from "../../compiler/graph/condition.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import { batchExtent, fixed } from "../../compiler/graph/extent.ts";
import type { Graph } from "../../compiler/graph/node.ts";
import { printGraph } from "../../compiler/graph/print.ts";
import { findFaults } from "../../compiler/graph/verify.ts";
import { sharePadding } from "../../compiler/optimize/fusion/share-padding.ts";
import { valuesOf } from "./build.ts";

const [n, w, c] = [0, 1, 2].map(axisAffine) as [Affine, Affine, Affine];
const shape = [batchExtent, fixed(6), fixed(2)];

/** A map, a copy of it with zeros around, the sums of neighbours in that, and what else reads the map. */
function padded({ reads = true, isResult = false, padsLast = false } = {}) {
  const context = new GraphContext();
  const x = context.leaf("state", "x", "f32", shape);
  const doubled = context.call("multiply", context.load(x, [n, w, c]), context.constant(2, "f32"));
  const map = context.compute({ parallel: shape, body: doubled }).values[0]!;
  const before = offsetAffine(padsLast ? c : w, -1);
  const places = padsLast ? [n, w, before] : [n, before, c];
  const copy = context.compute({
    parallel: padsLast ? [batchExtent, fixed(6), fixed(4)] : [batchExtent, fixed(8), fixed(2)],
    body: context.load(map, places, inRange(before, fixed(padsLast ? 2 : 6))),
  }).values[0]!;
  const along = addAffine(padsLast ? c : w, axisAffine(3));
  const sums = context.compute({
    parallel: shape,
    reduction: [fixed(3)],
    reducer: "sum",
    body: context.load(copy, padsLast ? [n, w, along] : [n, along, c]),
  }).values[0]!;
  const rows = context.compute({
    parallel: [batchExtent, fixed(2)],
    reduction: [fixed(6)],
    reducer: "sum",
    body: context.load(map, [n, axisAffine(2), axisAffine(1)]),
  }).values[0]!;
  const results = [
    { name: "sums", value: sums },
    ...(reads ? [{ name: "rows", value: rows }] : []),
    ...(isResult ? [{ name: "map", value: map }] : []),
  ];
  const graph: Graph = { name: "g", batchMax: 4, results, assignments: [] };
  return { context, graph };
}

describe("a map that is wanted with zeros around and without", () => {
  test("is read where it has zeros around", () => {
    const { context, graph } = padded();
    const shared = sharePadding(context, graph);
    expect(findFaults(shared)).toEqual([]);
    expect(printGraph(shared)).toMatchInlineSnapshot(`
      "graph g, N ≤ 4
      %0: f32[N, 6, 2] = state x
      %1: f32[N, 6, 2] = %0[i0, i1, i2] * 2.0
      %2: f32[N, 8, 2] = %1[i0, i1 - 1, i2]{-i1 + 6 >= 0 and i1 - 1 >= 0}
      %3: f32[N, 6, 2] = sum[i3 < 3] %2[i0, i1 + i3, i2]
      %4: f32[N, 2] = sum[i2 < 6] %2[i0, i2 + 1, i1]
      sums = %3
      rows = %4"
    `);
    expect(valuesOf(shared)).toEqual(valuesOf(graph));
  });

  test.for([
    ["nothing else reads it", { reads: false }],
    ["it is a result", { isResult: true }],
    ["its last dimension has zeros around", { padsLast: true }],
  ] as const)("stays if %s", ([, given]) => {
    const { context, graph } = padded(given);
    expect(sharePadding(context, graph)).toBe(graph);
  });
});
