import { describe, expect, test } from "vitest";
import {
  addAffine,
  axisAffine,
  constantAffine,
  scaleAffine,
  stepAffine,
} from "../../compiler/graph/affine.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import { batchExtent, fixed } from "../../compiler/graph/extent.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import { closeLoop, loopsIn, openLoop } from "../../compiler/graph/loops.ts";
import type { Graph, Scan } from "../../compiler/graph/node.ts";
import { printGraph } from "../../compiler/graph/print.ts";
import { findFaults } from "../../compiler/graph/verify.ts";

/** h ← ½·h + x[:, t] over three steps, and all h, last first. */
function recurrence(context: GraphContext): Graph {
  const x = context.leaf("input", "x", "f32", [batchExtent, fixed(3)]);
  const init = context.compute({ parallel: [batchExtent], body: context.constant(1, "f32") });
  const loop = context.newLoop();
  const h = context.carry(loop, 0, "f32", [batchExtent]);
  const step = stepAffine(loop, 3);
  const half = context.call(
    "multiply",
    context.constant(0.5, "f32"),
    context.load(h, [axisAffine(0)]),
  );
  const next = context.compute({
    parallel: [batchExtent],
    body: context.call("add", half, context.load(x, [axisAffine(0), step])),
  });
  const scan = context.scan({
    loop,
    length: 3,
    carries: [{ leaf: h, init: init.values[0]!, next: next.values[0]! }],
    stacks: [
      { value: next.values[0]!, place: addAffine(constantAffine(2), scaleAffine(step, -1)) },
    ],
  });
  return {
    name: "g",
    batchMax: 4,
    results: [
      { name: "last", value: scan.values[0]! },
      { name: "all", value: scan.values[1]! },
    ],
    assignments: [],
  };
}

describe("loops", () => {
  test("carry values and stack them", () => {
    const graph = recurrence(new GraphContext());
    expect(findFaults(graph)).toEqual([]);
    const { results } = interpret(graph, { n: 2, leaf: () => [1, 2, 3, 4, 5, 6] });
    expect([...results.get("last")!]).toEqual([4.375, 9.625]);
    expect([...results.get("all")!]).toEqual([4.375, 2.75, 1.5, 9.625, 7.25, 4.5]);
  });

  test("print with their bodies", () => {
    expect(printGraph(recurrence(new GraphContext()))).toMatchInlineSnapshot(`
      "graph g, N ≤ 4
      %0: f32[N, 3] = input x
      %1: f32[N] = 1.0
      %2.0: f32[N], %2.1: f32[N, 3] = scan t0 < 3
        %t0_0: f32[N] = carry 0/0
        %t0_1: f32[N] = (0.5 * %t0_0[i0]) + %0[i0, t0]
        carry %t0_0 from %1 <- %t0_1
        stack %t0_1 at -t0 + 2
      last = %2.0
      all = %2.1"
    `);
  });

  test("open into graphs and close again", () => {
    const context = new GraphContext();
    const graph = recurrence(context);
    const [scan] = loopsIn(graph);
    const body = openLoop(context, scan as Scan, graph);
    expect(findFaults({ ...body.graph, results: [], assignments: [] })).toEqual([]);
    expect(closeLoop(context, scan as Scan, body)).toBe(scan);
  });
});
