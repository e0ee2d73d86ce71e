import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { differentiate, gradientsOf } from "../../compiler/autodiff/differentiate.ts";
import { axisAffine as i } from "../../compiler/graph/affine.ts";
import { GraphContext, graphNodes } from "../../compiler/graph/context.ts";
import { batchExtent, fixed } from "../../compiler/graph/extent.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import type { Graph, Scalar, Value } from "../../compiler/graph/node.ts";
import { printGraph } from "../../compiler/graph/print.ts";
import { randomGraph } from "../graph/random-graph.ts";
import { axes } from "../graph/random-steps.ts";
import { checkGradient } from "./check-gradient.ts";

/** The leaves that a derivative can be taken by. */
const leavesOf = (graph: Graph): Value[] =>
  graphNodes(graph).flatMap((node) =>
    node.kind === "leaf" && node.role !== "cotangent" && node.values[0].dtype === "f32"
      ? [...node.values]
      : [],
  );

describe("derivatives of random graphs", () => {
  test("agree with finite differences", () => {
    fc.assert(
      fc.property(randomGraph({ smooth: true, loops: true }), ({ context, graph, n, leaf }) => {
        const loss = graph.results.find((result) => result.name === "loss")!.value;
        const gradients = gradientsOf(context, loss, leavesOf(graph), graph.batchMax);
        checkGradient(loss, gradients, { n, seed: 3, batch: 1, leaf });
      }),
      { numRuns: 250 },
    );
  });

  test("can be differentiated again", () => {
    fc.assert(
      fc.property(
        randomGraph({ smooth: true, maxSteps: 4, loops: true }),
        ({ context, graph, n, leaf }) => {
          const loss = graph.results.find((result) => result.name === "loss")!.value;
          const leaves = leavesOf(graph);
          const gradients = gradientsOf(context, loss, leaves, graph.batchMax);
          // Σ g² over all gradients, and its derivative.
          const squares = leaves.map<Scalar>((value) => {
            const gradient = gradients.get(value)!;
            const load = context.load(gradient, axes(gradient.shape.length));
            const body = context.call("square", load);
            const reduction = gradient.shape;
            const sum = context.compute({ parallel: [], reduction, reducer: "sum", body });
            return context.load(sum.values[0]!, []);
          });
          const total = squares.reduce((a, b) => context.call("add", a, b));
          const norm = context.compute({ parallel: [], body: total }).values[0]!;
          const second = gradientsOf(context, norm, leaves, graph.batchMax);
          checkGradient(norm, second, { n, seed: 3, batch: 1, leaf });
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe("a training graph", () => {
  const context = new GraphContext();
  const label = (name: string, start: number) => ({
    span: { file: "model.nn", start, end: start + 5 },
    label: name,
    path: `model/${name}`,
    backward: false,
  });
  const x = context.leaf("input", "x", "f32", [batchExtent, fixed(4)]);
  const y = context.leaf("input", "y", "f32", [batchExtent, fixed(3)]);
  const kernel = context.leaf("param", "kernel", "f32", [fixed(4), fixed(3)]);
  const bias = context.leaf("param", "bias", "f32", [fixed(3)]);
  const idle = context.leaf("param", "idle", "f32", [fixed(2)]);
  const shape = [batchExtent, fixed(3)];
  const product = context.from(label("dense", 1), () =>
    context.compute({
      parallel: shape,
      reduction: [fixed(4)],
      reducer: "sum",
      body: context.call(
        "multiply",
        context.load(x, [i(0), i(2)]),
        context.load(kernel, [i(2), i(1)]),
      ),
    }),
  );
  const activated = context.from(label("relu", 7), () =>
    context.compute({
      parallel: shape,
      body: context.call(
        "maximum",
        context.constant(0, "f32"),
        context.call("add", context.load(product.values[0]!, axes(2)), context.load(bias, [i(1)])),
      ),
    }),
  );
  const loss = context.compute({
    parallel: [],
    reduction: shape,
    reducer: "mean",
    body: context.call(
      "square",
      context.call(
        "subtract",
        context.load(activated.values[0]!, axes(2)),
        context.load(y, axes(2)),
      ),
    ),
  });
  const step = (param: Value, path: string) => {
    const gradient = context.leaf("gradient", path, "f32", param.shape);
    const place = axes(param.shape.length);
    const body = context.call(
      "subtract",
      context.load(param, place),
      context.call("multiply", context.constant(0.5, "f32"), context.load(gradient, place)),
    );
    return { target: param, value: context.compute({ parallel: param.shape, body }).values[0]! };
  };
  const graph: Graph = {
    name: "train",
    batchMax: 32,
    results: [{ name: "loss", value: loss.values[0]! }],
    assignments: [step(kernel, "kernel"), step(bias, "bias"), step(idle, "idle")],
  };
  const trained = differentiate(context, graph);

  test("has its gradient leaves replaced by the backward pass", () => {
    expect(printGraph(trained)).toMatchInlineSnapshot(`
      "graph train, N ≤ 32
      %0: f32[N, 4] = input x
      %1: f32[N, 3] = input y
      %2: f32[4, 3] = param kernel
      %3: f32[3] = param bias
      %4: f32[2] = param idle
      %5: f32[N, 3] = sum[i2 < 4] %0[i0, i2] * %2[i2, i1]
      %6: f32[N, 3] = maximum(0.0, %5[i0, i1] + %3[i1])
      %7: f32[] = mean[i0 < N, i1 < 3] square(%6[i0, i1] - %1[i0, i1])
      %8: f32[N, 3] = reciprocal(f32(3*N)) * (2.0 * (%6[i0, i1] - %1[i0, i1]))
      %9: f32[N, 3] = select(0.0 == %6[i0, i1], 0.0, %8[i0, i1])
      %10: f32[3] = sum[i1 < N] %9[i1, i0]
      %11: f32[4, 3] = sum[i2 < N] %9[i2, i1] * %0[i2, i0]
      %12: f32[2] = 0.0
      %13: f32[4, 3] = %2[i0, i1] - (0.5 * %11[i0, i1])
      %14: f32[3] = %3[i0] - (0.5 * %10[i0])
      %15: f32[2] = %4[i0] - (0.5 * %12[i0])
      loss = %7
      kernel <- %13
      bias <- %14
      idle <- %15"
    `);
  });

  test("leaves a param in place that the loss does not depend on", () => {
    const { assignments } = interpret(trained, {
      n: 1,
      leaf: (_, path) => (path === "idle" ? [7, 8] : new Array(16).fill(0.5)),
    });
    expect([...assignments[2]!.data]).toEqual([7, 8]);
  });

  test("says of gradients what they are the gradient of", () => {
    const origins = graphNodes(trained).flatMap((node) =>
      context
        .origins(node)
        .filter((origin) => origin.backward)
        .map(
          (origin) =>
            `${
              printGraph({
                ...trained,
                assignments: [],
                results: [{ name: "", value: node.values[0]! }],
              })
                .split("\n")
                .at(-2)!
                .split(" = ")[1]!
                .split("[")[0]
            } of ${origin.label}`,
        ),
    );
    expect(origins).toContain("sum of dense");
    expect(origins).toContain("sum of relu");
  });

  test("without gradients is left as it is", () => {
    expect(differentiate(context, trained)).toBe(trained);
  });
});
