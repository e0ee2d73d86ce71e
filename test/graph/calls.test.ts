/** Calls: regions with derivatives of their own, which differentiation takes as given. */

import { describe, expect, test } from "vitest";
import { differentiate, gradientsOf } from "../../compiler/autodiff/differentiate.ts";
import { axisAffine } from "../../compiler/graph/affine.ts";
import { inlineCalls } from "../../compiler/graph/calls.ts";
import { GraphContext, graphNodes } from "../../compiler/graph/context.ts";
import { GraphEvaluator } from "../../compiler/graph/evaluator.ts";
import { fixed } from "../../compiler/graph/extent.ts";
import { evaluateValues, interpret } from "../../compiler/graph/interpret.ts";
import type { Graph, Scalar, Value } from "../../compiler/graph/node.ts";
import { printGraph } from "../../compiler/graph/print.ts";
import { findFaults } from "../../compiler/graph/verify.ts";
import { canonicalise } from "../../compiler/optimize/canonicalise.ts";
import { simplify } from "../../compiler/optimize/simplify.ts";

const shape = [fixed(3)];

function map(context: GraphContext, of: Value, body: (x: Scalar) => Scalar): Value {
  return context.compute({ parallel: of.shape, body: body(context.load(of, [axisAffine(0)])) })
    .values[0]!;
}

/** x² whose derivative is said to be 5·x·d: not the true one, so that it shows which was taken. */
function square(context: GraphContext, x: Value): Value {
  const primal = [map(context, x, (s) => context.call("multiply", s, s))];
  const cotangents = context.cotangents(primal);
  const gradient = map(context, x, (s) => {
    const d = context.load(cotangents[0]!, [axisAffine(0)]);
    return context.call("multiply", context.constant(5, "f32"), context.call("multiply", s, d));
  });
  return context.callNode({ primal, inputs: [x], cotangents, gradients: [gradient] }).values[0]!;
}

function sum(context: GraphContext, value: Value): Value {
  const body = context.load(value, [axisAffine(0)]);
  return context.compute({ parallel: [], reduction: value.shape, reducer: "sum", body }).values[0]!;
}

function lossOf(context: GraphContext, value: Value): Graph {
  const gradient = context.leaf("gradient", "w", "f32", shape);
  return {
    name: "train",
    batchMax: 1,
    results: [
      { name: "loss", value: sum(context, value) },
      { name: "dw", value: gradient },
    ],
    assignments: [],
  };
}

const leaf = () => [1, 2, -3];
const environment = { n: 1, leaf };

function resultsOf(graph: Graph): Record<string, number[]> {
  expect(findFaults(graph)).toEqual([]);
  const { results } = interpret(graph, environment);
  const evaluated = new GraphEvaluator(1).run(graph, environment);
  for (const [name, data] of results)
    expect(Array.from(evaluated.results.get(name)!).map((x) => x + 0)).toEqual(
      [...data].map((x) => x + 0),
    );
  return Object.fromEntries([...results].map(([name, data]) => [name, [...data]]));
}

describe("calls", () => {
  test("have the values of what they stand for and the derivatives they say", () => {
    const context = new GraphContext();
    const w = context.leaf("param", "w", "f32", shape);
    const graph = lossOf(context, square(context, w));
    for (const before of [graph, canonicalise(context, graph)]) {
      const derived = differentiate(context, before);
      expect(resultsOf(derived)).toEqual({ loss: [14], dw: [5, 10, -15] });
      const inlined = inlineCalls(context, derived);
      expect(graphNodes(inlined).some(({ kind }) => kind === "call")).toBe(false);
      expect(resultsOf(simplify(context, inlined))).toEqual({ loss: [14], dw: [5, 10, -15] });
    }
  });

  test("differentiate through each other", () => {
    const context = new GraphContext();
    const w = context.leaf("param", "w", "f32", shape);
    const graph = lossOf(context, square(context, square(context, w)));
    // 5·w²·(5·w·1)
    expect(resultsOf(differentiate(context, graph)).dw).toEqual([25, 200, -675]);
  });

  test("have derivatives that are differentiable", () => {
    const context = new GraphContext();
    const w = context.leaf("param", "w", "f32", shape);
    const first = gradientsOf(context, sum(context, square(context, w)), [w], 1).get(w)!;
    const second = gradientsOf(context, sum(context, first), [w], 1).get(w)!;
    expect([...evaluateValues([second], environment).get(second)!]).toEqual([5, 5, 5]);
  });

  test("stand in loops, and are done away with there", () => {
    const context = new GraphContext();
    const w = context.leaf("param", "w", "f32", shape);
    const loop = context.newLoop();
    const carry = context.carry(loop, 0, "f32", shape);
    const next = square(context, carry);
    const scan = context.scan({
      loop,
      length: 2,
      carries: [{ leaf: carry, init: w, next }],
      stacks: [],
    });
    const results = [{ name: "last", value: scan.values[0]! }];
    const graph: Graph = { name: "g", batchMax: 1, results, assignments: [] };
    expect(findFaults(graph)).toEqual([]);
    expect([...interpret(graph, environment).results.get("last")!]).toEqual([1, 16, 81]);
    const inlined = inlineCalls(context, graph);
    expect(printGraph(inlined)).not.toContain("call");
    expect([...interpret(inlined, environment).results.get("last")!]).toEqual([1, 16, 81]);
  });

  test("print", () => {
    const context = new GraphContext();
    const w = context.leaf("param", "w", "f32", shape);
    const results = [{ name: "y", value: square(context, w) }];
    expect(printGraph({ name: "g", batchMax: 1, results, assignments: [] })).toMatchInlineSnapshot(`
      "graph g, N ≤ 1
      %0: f32[3] = param w
      %1: f32[3] = %0[i0] * %0[i0]
      %2: f32[3] = cotangent 0/0
      %3: f32[3] = 5.0 * (%0[i0] * %2[i0])
      %4: f32[3] = call %1, derivative of %0: %3 by %2
      y = %4"
    `);
  });

  test("keep their cotangents to themselves", () => {
    const context = new GraphContext();
    const w = context.leaf("param", "w", "f32", shape);
    const call = square(context, w).node;
    if (call.kind !== "call") throw new Error("no call");
    const results = [{ name: "y", value: call.gradients[0]! }];
    const faults = findFaults({ name: "g", batchMax: 1, results, assignments: [] });
    expect(faults.map(({ message }) => message)).toEqual([
      "a cotangent is read outside of its call's gradients",
    ]);
  });
});
