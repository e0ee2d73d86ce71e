import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { differentiate } from "../../compiler/autodiff/differentiate.ts";
import { type GraphContext, graphNodes } from "../../compiler/graph/context.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import type { Graph, Scalar } from "../../compiler/graph/node.ts";
import { printGraph } from "../../compiler/graph/print.ts";
import { reducers } from "../../compiler/graph/reducers.ts";
import { scalarCost } from "../../compiler/graph/scalar-cost.ts";
import { verifyGraph } from "../../compiler/graph/verify.ts";
import { canonicalise } from "../../compiler/optimize/canonicalise.ts";
import { axesOfNode, finishOne, pointsAt } from "../../compiler/optimize/rules/node-rule.ts";
import { simplify } from "../../compiler/optimize/simplify.ts";
import { type RandomGraph, randomGraph } from "../graph/random-graph.ts";

/** Results and assigned values of two graphs agree but for the rounding of regrouped sums. */
function expectSameValues({ n, leaf }: RandomGraph, before: Graph, after: Graph): void {
  verifyGraph(after);
  const environment = { n, seed: 7, leaf };
  const expected = interpret(before, environment);
  const actual = interpret(after, environment);
  const compare = (name: string, values: Float64Array, others: Float64Array) => {
    const scale = values.reduce((max, x) => Math.max(max, Math.abs(x)), 1);
    values.forEach((value, i) => {
      const other = others[i]!;
      if (Math.abs(value - other) <= 1e-9 * scale || Object.is(value, other)) return;
      const graphs = `${printGraph(before)}\nas\n${printGraph(after)}`;
      expect.fail(`${name}[${i}] is ${other}, not ${value}, of\n${graphs}`);
    });
  };
  for (const [name, values] of expected.results) compare(name, values, actual.results.get(name)!);
  expected.assignments.forEach(({ data }, i) => {
    compare(`assignment ${i}`, data, actual.assignments[i]!.data);
  });
}

/** Floating-point operations of a graph; storing an element and lifting and combining a point count, too. */
function costOf(context: GraphContext, graph: Graph): number {
  let cost = 0;
  for (const node of graphNodes(graph)) {
    if (node.kind !== "compute") continue;
    const { reducer, body } = node;
    const results = reducer === null ? [body] : finishOne(context, reducer, body, body.dtype);
    const seen = new Set<Scalar>();
    const combine = reducer === null ? 0 : reducers[reducer].cost;
    const operations = results.reduce((sum, s) => sum + scalarCost(s, seen), 1 + combine);
    cost += operations * pointsAt(axesOfNode(node), graph.batchMax);
  }
  return cost;
}

const runs = { numRuns: 200 };

describe("simplify", () => {
  it("keeps values, is idempotent, and returns the same graph if nothing changes", () => {
    fc.assert(
      fc.property(randomGraph({ loops: true }), (random) => {
        const simple = simplify(random.context, random.graph);
        expectSameValues(random, random.graph, simple);
        expect(simplify(random.context, simple)).toBe(simple);
      }),
      runs,
    );
  });

  it("does not make a graph cost more", () => {
    fc.assert(
      fc.property(randomGraph({ loops: true }), ({ context, graph }) => {
        const simple = simplify(context, graph);
        expect(costOf(context, simple)).toBeLessThanOrEqual(costOf(context, graph));
      }),
      runs,
    );
  });

  it("keeps the values of training graphs", () => {
    fc.assert(
      fc.property(randomGraph({ updates: true, maxSteps: 6, loops: true }), (random) => {
        const trained = differentiate(random.context, random.graph);
        const simple = simplify(random.context, trained);
        expectSameValues(random, trained, simple);
        expect(simplify(random.context, simple)).toBe(simple);
      }),
      runs,
    );
  });
});

describe("canonicalise", () => {
  it("keeps values and derivatives, and is idempotent", () => {
    fc.assert(
      fc.property(randomGraph({ updates: true, maxSteps: 6, loops: true }), (random) => {
        const { context, graph } = random;
        const canonical = canonicalise(context, graph);
        expect(canonicalise(context, canonical)).toBe(canonical);
        expectSameValues(random, differentiate(context, graph), differentiate(context, canonical));
      }),
      runs,
    );
  });
});
