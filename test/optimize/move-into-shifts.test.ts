import { describe, expect, test } from "vitest";
import { type Affine, axisAffine, offsetAffine } from "../../compiler/graph/affine.ts";
import { inRange } from "../../compiler/graph/condition.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import { batchExtent, fixed, type Shape } from "../../compiler/graph/extent.ts";
import type { Graph } from "../../compiler/graph/node.ts";
import { printGraph } from "../../compiler/graph/print.ts";
import { findFaults } from "../../compiler/graph/verify.ts";
import { moveIntoShifts } from "../../compiler/optimize/fusion/move-into-shifts.ts";
import { valuesOf } from "./build.ts";

const [n, w, c] = [0, 1, 2].map(axisAffine) as [Affine, Affine, Affine];
const shape: Shape = [batchExtent, fixed(6), fixed(2)];

/** What maps make of x and of a number for each channel, and a copy of that with zeros around, unless `before` says otherwise. */
function padded({ before = 1, padsLast = false, isResult = false, size = 8 } = {}) {
  const context = new GraphContext();
  const x = context.leaf("state", "x", "f32", shape);
  const scale = context.leaf("param", "scale", "f32", [fixed(2)]);
  const scaled = context.compute({
    parallel: shape,
    body: context.call("multiply", context.load(x, [n, w, c]), context.load(scale, [c])),
  }).values[0]!;
  const map = context.compute({
    parallel: shape,
    body: context.call("exp", context.load(scaled, [n, w, c])),
  }).values[0]!;
  const moved = offsetAffine(padsLast ? c : w, -before);
  const places = padsLast ? [n, w, moved] : [n, moved, c];
  const read = context.load(map, places, inRange(moved, fixed(padsLast ? 2 : 6)));
  const copy = context.compute({
    parallel: padsLast ? [batchExtent, fixed(6), fixed(4)] : [batchExtent, fixed(size), fixed(2)],
    body: context.call("add", read, context.constant(1, "f32")),
  }).values[0]!;
  const results = [
    { name: "copy", value: copy },
    ...(isResult ? [{ name: "map", value: map }] : []),
  ];
  const graph: Graph = { name: "g", batchMax: 4, results, assignments: [] };
  return { context, graph };
}

describe("a map that is read once, at other points than its own", () => {
  test("moves there with what it reads alone, and reads nothing where it is not", () => {
    const { context, graph } = padded();
    const moved = moveIntoShifts(context, graph);
    expect(findFaults(moved)).toEqual([]);
    expect(printGraph(moved)).toMatchInlineSnapshot(`
      "graph g, N ≤ 4
      %0: f32[N, 6, 2] = state x
      %1: f32[2] = param scale
      %2: f32[N, 8, 2] = select([-i1 + 6 >= 0 and i1 - 1 >= 0], exp(%0[i0, i1 - 1, i2]{-i1 + 6 >= 0 and i1 - 1 >= 0} * %1[i2]), 0.0) + 1.0
      copy = %2"
    `);
    expect(valuesOf(moved)).toEqual(valuesOf(graph));
  });

  test.for([
    ["it is a result", { isResult: true }],
    ["its reader is at its points", { before: 0, size: 6 }],
    ["its last dimension moves", { padsLast: true }],
    ["its reader has many more points", { size: 12 }],
  ] as const)("stays if %s", ([, given]) => {
    const { context, graph } = padded(given);
    expect(moveIntoShifts(context, graph)).toBe(graph);
  });
});
