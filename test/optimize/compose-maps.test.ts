import { expect, test } from "vitest";
import { axisAffine } from "../../compiler/graph/affine.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import { fixed } from "../../compiler/graph/extent.ts";
import type { Graph, Scalar, Value } from "../../compiler/graph/node.ts";
import { printGraph } from "../../compiler/graph/print.ts";
import { composeMaps } from "../../compiler/optimize/compose-maps.ts";

function chain(context: GraphContext): { drawn: Value; scaled: Value; shifted: Value } {
  const i = axisAffine(0);
  const map = (body: Scalar) => context.compute({ parallel: [fixed(4)], body }).values[0]!;
  const drawn = map(context.random("w", i));
  const scaled = map(
    context.call("multiply", context.constant(2, "f32"), context.load(drawn, [i])),
  );
  const shifted = map(
    context.call("subtract", context.load(scaled, [i]), context.constant(1, "f32")),
  );
  return { drawn, scaled, shifted };
}

function graphOf(values: Readonly<Record<string, Value>>): Graph {
  const results = Object.entries(values).map(([name, value]) => ({ name, value }));
  return { name: "init", batchMax: 1, results, assignments: [] };
}

test("a chain of maps becomes one", () => {
  const context = new GraphContext();
  const { shifted } = chain(context);
  expect(printGraph(composeMaps(context, graphOf({ w: shifted })))).toMatchInlineSnapshot(`
    "graph init, N ≤ 1
    %0: f32[4] = (2.0 * random("w", i0)) - 1.0
    w = %0"
  `);
});

test("what is read twice, or returned, stays", () => {
  const context = new GraphContext();
  const { scaled, shifted } = chain(context);
  const graph = composeMaps(context, graphOf({ w: shifted, v: scaled }));
  expect(graph.results[1]!.value.node).not.toBe(graph.results[0]!.value.node);
  expect(composeMaps(context, graph)).toBe(graph);
});
