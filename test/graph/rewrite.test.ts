import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { axisAffine as i } from "../../compiler/graph/affine.ts";
import { GraphContext, loadsOf, nodesOfBodies, operandsOf } from "../../compiler/graph/context.ts";
import { batchExtent, fixed, printShape } from "../../compiler/graph/extent.ts";
import type { Graph, Node, Scalar, Value } from "../../compiler/graph/node.ts";
import { printGraph } from "../../compiler/graph/print.ts";
import {
  mapScalar,
  type Rewritten,
  renumberAxes,
  rewriteGraph,
} from "../../compiler/graph/rewrite.ts";
import { randomGraph } from "./random-graph.ts";

describe("rewriting", () => {
  test("what changes nothing returns the same objects", () => {
    fc.assert(
      fc.property(randomGraph({ updates: true, loops: true }), ({ context, graph }) => {
        expect(rewriteGraph(context, graph, () => undefined)).toBe(graph);
        for (const { value } of graph.results) {
          if (value.node.kind !== "compute") continue;
          expect(mapScalar(context, value.node.body, {})).toBe(value.node.body);
        }
      }),
      { numRuns: 50 },
    );
  });

  test("what is known of nodes that graphs share is not asked again", () => {
    const context = new GraphContext();
    const x = context.leaf("input", "x", "f32", [batchExtent]);
    const load = context.load(x, [i(0)]);
    const map = (body: Scalar) => context.compute({ parallel: x.shape, body }).values[0]!;
    const squared = map(context.call("square", load));
    const used = map(context.call("exp", context.load(squared, [i(0)])));
    const graphOf = (value: Value): Graph => {
      return { name: "g", batchMax: 4, results: [{ name: "y", value }], assignments: [] };
    };
    let asked = 0;
    const rewrite = (node: Node) => {
      asked++;
      return node === squared.node ? map(load).node.values : undefined;
    };
    const known: Rewritten = new Map();
    const first = rewriteGraph(context, graphOf(used), rewrite, known);
    expect(asked).toBe(3);
    expect(rewriteGraph(context, graphOf(used), rewrite, known)).toEqual(first);
    expect(rewriteGraph(context, graphOf(squared), rewrite, known).results[0]!.value).toBe(
      map(load),
    );
    expect(asked).toBe(3);
    expect(first).toEqual(rewriteGraph(context, graphOf(used), rewrite));
  });

  test("a replaced value reaches every user, which inherit the origins", () => {
    const context = new GraphContext();
    const span = { file: "model.nn", start: 3, end: 9 };
    const origin = { span, label: "Dense", path: "model/dense", backward: false };
    const x = context.leaf("input", "x", "f32", [batchExtent, fixed(2)]);
    const w = context.leaf("param", "w", "f32", [fixed(2)]);
    const product = context.from(origin, () =>
      context.compute({
        parallel: x.shape,
        body: context.call("multiply", context.load(x, [i(0), i(1)]), context.load(w, [i(1)])),
      }),
    );
    const graph: Graph = {
      name: "g",
      batchMax: 4,
      results: [{ name: "y", value: product.values[0]! }],
      assignments: [],
    };
    const other = context.leaf("state", "average", "f32", [fixed(2)]);
    const rewritten = rewriteGraph(context, graph, (node) =>
      node === w.node ? [other] : undefined,
    );
    expect(printGraph(rewritten)).toMatchInlineSnapshot(`
      "graph g, N ≤ 4
      %0: f32[N, 2] = input x
      %1: f32[2] = state average
      %2: f32[N, 2] = %0[i0, i1] * %1[i1]
      y = %2"
    `);
    expect(context.origins(rewritten.results[0]!.value.node)).toEqual([origin]);
  });

  test("what is rebuilt over other operands, some of which become one, is what would be made anew", () => {
    fc.assert(
      fc.property(randomGraph({ loops: true }), ({ context, graph }) => {
        const first = new Map<string, Value>();
        const joined = rewriteGraph(context, graph, ({ kind, values: [value] }) => {
          if (kind === "scan" || kind === "call" || value === undefined) return undefined;
          const form = `${value.dtype} ${printShape(value.shape)}`;
          const other = first.get(form) ?? value;
          first.set(form, other);
          return value.node.values.length === 1 ? [other] : undefined;
        });
        for (const node of nodesOfBodies(joined)) {
          if (node.kind !== "compute") continue;
          expect(node.operands).toEqual(operandsOf(node.body));
          const { parallel, reduction, where, reducer, body } = node;
          expect(context.compute({ parallel, reduction, where, reducer, body })).toBe(node);
          for (const load of loadsOf(body)) {
            expect(context.load(load.value, load.index, load.guard)).toBe(load);
          }
        }
      }),
      { numRuns: 50 },
    );
  });

  test("axes are renumbered in indexes, guards and conditions", () => {
    const context = new GraphContext();
    const x = context.leaf("input", "x", "f32", [batchExtent, fixed(2)]);
    const body = context.load(x, [i(0), i(1)]);
    expect(renumberAxes(context, body, [1, 0])).toBe(context.load(x, [i(1), i(0)]));
  });
});
