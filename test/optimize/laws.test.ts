import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { differentiate } from "../../compiler/autodiff/differentiate.ts";
import { type GraphContext, graphNodes } from "../../compiler/graph/context.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import type { Graph, Node, Scalar, Value } from "../../compiler/graph/node.ts";
import { printGraph } from "../../compiler/graph/print.ts";
import { reducers } from "../../compiler/graph/reducers.ts";
import { rewriteGraph } from "../../compiler/graph/rewrite.ts";
import { scalarCost } from "../../compiler/graph/scalar-cost.ts";
import { verifyGraph } from "../../compiler/graph/verify.ts";
import { canonicalise } from "../../compiler/optimize/canonicalise.ts";
import { type RuleSet, rewriteNodes } from "../../compiler/optimize/rewrite-nodes.ts";
import { indexRules, rewriteScalar } from "../../compiler/optimize/rewrite-scalars.ts";
import { afterDifferentiationRules } from "../../compiler/optimize/rules/after-differentiation.ts";
import { logarithmRules } from "../../compiler/optimize/rules/logarithms.ts";
import {
  axesOfNode,
  bodyScope,
  finishOne,
  pointsAt,
} from "../../compiler/optimize/rules/node-rule.ts";
import { normalFormRules } from "../../compiler/optimize/rules/normal-forms.ts";
import { meanRules } from "../../compiler/optimize/rules/reductions.ts";
import { nodeRules, scalarRules, simplify } from "../../compiler/optimize/simplify.ts";
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

/** Results and assigned values are the same objects: equal nodes of one context are. */
function expectSameNodes(graph: Graph, other: Graph): void {
  const values = ({ results, assignments }: Graph) =>
    [...results, ...assignments].map(({ value }) => value);
  const others = values(other);
  expect(values(graph).every((value, i) => value === others[i])).toBe(true);
}

/** What `rewriteNodes` does, every rule being tried on every node in every walk. */
function rewriteAnew(context: GraphContext, graph: Graph, { scalars, nodes }: RuleSet): Graph {
  const scope = { context, batchMax: graph.batchMax };
  const rewrite = (node: Node): readonly Value[] | undefined => {
    if (node.kind !== "compute") return undefined;
    const body = rewriteScalar(node.body, bodyScope(node, scope), scalars);
    const simpler = body === node.body ? node : context.compute({ ...node, body });
    for (const { apply } of nodes.flat()) {
      const values = apply(simpler, scope);
      if (values?.some((value, i) => value !== simpler.values[i])) return values;
    }
    return simpler.values;
  };
  const next = rewriteGraph(context, graph, rewrite);
  return next === graph ? graph : rewriteAnew(context, next, { scalars, nodes });
}

const runs = { numRuns: 200 };

describe("rules", () => {
  const exact = indexRules(scalarRules);
  const forms = [nodeRules, meanRules, normalFormRules];
  const before: readonly RuleSet[] = [
    { scalars: exact, nodes: [nodeRules] },
    { scalars: indexRules(logarithmRules, scalarRules), nodes: [nodeRules] },
    { scalars: exact, nodes: forms },
  ];
  const after: RuleSet = {
    scalars: indexRules(afterDifferentiationRules, scalarRules),
    nodes: forms,
  };

  it("do what they would if nothing were known of nodes from other walks, sets and graphs", () => {
    fc.assert(
      fc.property(randomGraph({ updates: true }), ({ context, graph }) => {
        let known = graph;
        for (const rules of before) {
          const anew = rewriteAnew(context, known, rules);
          known = rewriteNodes(context, known, rules);
          expectSameNodes(known, anew);
        }
        const trained = differentiate(context, known);
        const anew = rewriteAnew(context, trained, after);
        expectSameNodes(rewriteNodes(context, trained, after), anew);
        expectSameNodes(rewriteNodes(context, trained, { ...after, atOnce: true }), anew);
      }),
      { numRuns: 60 },
    );
  });
});

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
