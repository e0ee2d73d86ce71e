import { expect, test } from "vitest";
import {
  divAffine,
  axisAffine as i,
  modAffine,
  offsetAffine,
} from "../../compiler/graph/affine.ts";
import { inRange } from "../../compiler/graph/condition.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import { batchExtent, fixed } from "../../compiler/graph/extent.ts";
import { printGraph } from "../../compiler/graph/print.ts";

test("a graph prints one line a node, with names that only depend on the graph", () => {
  const context = new GraphContext();
  context.leaf("input", "unused", "f32", [batchExtent]);
  const image = context.leaf("input", "image", "u8", [batchExtent, fixed(6)]);
  const kernel = context.leaf("param", "kernel", "f32", [fixed(2), fixed(3)]);
  const rate = context.leaf("hyper", "learning_rate", "f32", []);
  const place = offsetAffine(i(2), -1);
  const hidden = context.compute({
    parallel: [batchExtent, fixed(3)],
    reduction: [fixed(6)],
    where: inRange(place, fixed(6)),
    reducer: "sum",
    body: context.call(
      "multiply",
      context.cast(context.load(image, [i(0), place]), "f32"),
      context.load(kernel, [divAffine(i(2), 3), modAffine(i(1), 2)]),
    ),
  });
  const exponential = context.call("exp", context.load(hidden.values[0]!, [i(0), i(1)]));
  const noise = context.random("dropout", i(0));
  const output = context.compute({
    parallel: [batchExtent, fixed(3)],
    body: context.call(
      "divide",
      exponential,
      context.call("add", exponential, context.call("negate", noise)),
    ),
  });
  const largest = context.compute({
    parallel: [],
    reduction: [batchExtent, fixed(3)],
    reducer: "max",
    body: context.load(output.values[0]!, [i(0), i(1)]),
  });
  const step = context.compute({
    parallel: [fixed(2), fixed(3)],
    body: context.call(
      "subtract",
      context.load(kernel, [i(0), i(1)]),
      context.call("multiply", context.load(rate, []), context.load(largest.values[0]!, [])),
    ),
  });
  const graph = {
    name: "train",
    batchMax: 128,
    results: [{ name: "largest", value: largest.values[0]! }],
    assignments: [{ target: kernel, value: step.values[0]! }],
  };
  expect(printGraph(graph)).toMatchInlineSnapshot(`
    "graph train, N ≤ 128
    %0: u8[N, 6] = input image
    %1: f32[2, 3] = param kernel
    %2: f32[] = hyper learning_rate
    %3: f32[N, 3] = sum[i2 < 6] where -i2 + 6 >= 0 and i2 - 1 >= 0: f32(%0[i0, i2 - 1]) * %1[(i2 div 3), (i1 mod 2)]
    %4: f32[N, 3] = let s0 = exp(%3[i0, i1]); s0 / (s0 + -random("dropout", i0))
    %5.0: f32[], %5.1: i32[] = max[i0 < N, i1 < 3] %4[i0, i1]
    %6: f32[2, 3] = %1[i0, i1] - (%2[] * %5.0[])
    largest = %5.0
    kernel <- %6"
  `);
});
