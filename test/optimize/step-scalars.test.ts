import { describe, expect, it } from "vitest";
import { GraphContext } from "../../compiler/graph/context.ts";
import { fixed } from "../../compiler/graph/extent.ts";
import type { Graph } from "../../compiler/graph/node.ts";
import { printGraph } from "../../compiler/graph/print.ts";
import { algebraOf } from "../../compiler/graph/scalar-functions.ts";
import { hoistStepScalars } from "../../compiler/optimize/step-scalars.ts";
import { axes } from "../graph/random-steps.ts";

function adamLike(): { context: GraphContext; graph: Graph } {
  const context = new GraphContext();
  const f = algebraOf(context, "f32");
  const rate = context.load(context.leaf("hyper", "learning_rate", "f32", []), []);
  const t = context.cast(context.load(context.leaf("counter", "t", "i32", []), []), "f32");
  const correction = f.subtract(f.number(1), f.call("power", f.number(0.9), t));
  const alpha = context.compute({ parallel: [], body: f.divide(rate, correction) }).values[0]!;
  const w = context.leaf("param", "w", "f32", [fixed(3)]);
  const g = context.leaf("state", "g", "f32", [fixed(3)]);
  const scale = f.multiply(context.load(alpha, []), f.number(2));
  const body = f.subtract(
    context.load(w, axes(1)),
    f.multiply(f.multiply(scale, context.load(g, axes(1))), f.multiply(rate, f.number(0.5))),
  );
  const updated = context.compute({ parallel: [fixed(3)], body }).values[0]!;
  return {
    context,
    graph: {
      name: "train",
      batchMax: 4,
      results: [{ name: "rate", value: alpha }],
      assignments: [{ target: w, value: updated }],
    },
  };
}

describe("step scalars", () => {
  it("takes the largest expressions of hypers and counters out, through rank-0 nodes", () => {
    const { context, graph } = adamLike();
    const { graph: rest, scalars } = hoistStepScalars(context, graph);
    expect(printGraph(rest)).toMatchInlineSnapshot(`
      "graph train, N ≤ 4
      %0: f32[3] = param w
      %1: f32[3] = state g
      %2: f32[] = scalar 0
      %3: f32[] = scalar 1
      %4: f32[3] = %0[i0] - ((%2[] * %1[i0]) * %3[])
      %5: f32[] = scalar 2
      %6: f32[] = %5[]
      rate = %6
      w <- %4"
    `);
    expect(printGraph(scalars)).toMatchInlineSnapshot(`
      "graph train_scalars, N ≤ 4
      %0: f32[] = hyper learning_rate
      %1: i32[] = counter t
      %2: f32[] = %0[] / (1.0 - power(0.9, f32(%1[])))
      %3: f32[] = (%0[] / (1.0 - power(0.9, f32(%1[])))) * 2.0
      %4: f32[] = %0[] * 0.5
      0 = %3
      1 = %4
      2 = %2"
    `);
  });

  it("leaves a graph without hypers alone", () => {
    const context = new GraphContext();
    const w = context.leaf("param", "w", "f32", []);
    const body = context.call("exp", context.load(w, []));
    const value = context.compute({ parallel: [], body }).values[0]!;
    const graph = { name: "g", batchMax: 1, results: [{ name: "y", value }], assignments: [] };
    const hoisted = hoistStepScalars(context, graph);
    expect(hoisted.graph).toBe(graph);
    expect(hoisted.scalars.results).toEqual([]);
  });
});
