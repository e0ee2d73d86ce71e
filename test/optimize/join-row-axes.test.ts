/** Rows of products that lie along two short axes as along one. */

import { expect, test } from "vitest";
import { addAffine, axisAffine } from "../../compiler/graph/affine.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import { fixed } from "../../compiler/graph/extent.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import type { Graph } from "../../compiler/graph/node.ts";
import { printGraph } from "../../compiler/graph/print.ts";
import { algebraOf } from "../../compiler/graph/scalar-functions.ts";
import { joinRowAxes } from "../../compiler/optimize/fusion/join-row-axes.ts";

/** The gradient of three taps of `channels` channels by 16 outputs, in two parts, of which `follow` makes one. */
function gradient(channels: number, follow: "sum" | "map") {
  const context = new GraphContext();
  const f = algebraOf(context, "f32");
  const [parts, places, outputs] = [2, 6, 16];
  const x = context.leaf("param", "x", "f32", [parts, places + 2, channels].map(fixed));
  const d = context.leaf("param", "d", "f32", [parts, places, outputs].map(fixed));
  const axis = axisAffine;
  const place = addAffine(axis(1), axis(4));
  const [part] = context.compute({
    parallel: [parts, 3, channels, outputs].map(fixed),
    reduction: [fixed(places)],
    reducer: "sum",
    body: f.multiply(
      context.load(x, [axis(0), place, axis(2)]),
      context.load(d, [axis(0), axis(4), axis(3)]),
    ),
  }).values;
  const own = [0, 1, 2].map(axis);
  const { values } = context.compute(
    follow === "sum"
      ? {
          parallel: [3, channels, outputs].map(fixed),
          reduction: [fixed(parts)],
          reducer: "sum",
          body: context.load(part!, [axis(3), ...own]),
        }
      : { parallel: part!.shape, body: f.call("exp", context.load(part!, [...own, axis(3)])) },
  );
  const results = [{ name: "y", value: values[0]! }];
  return { context, graph: { name: "g", batchMax: 1, results, assignments: [] } satisfies Graph };
}

test("taps and channels of an image are rows of one axis", () => {
  const { context, graph } = gradient(3, "sum");
  const joined = joinRowAxes(context, graph);
  expect(printGraph(joined).split("\n").slice(3)).toEqual([
    "%2: f32[2, 9, 16] = sum[i3 < 6] %0[i0, (i1 div 3) + i3, (i1 mod 3)] * %1[i0, i3, i2]",
    "%3: f32[3, 3, 16] = sum[i3 < 2] %2[i3, 3*i0 + i1, i2]",
    "y = %3",
  ]);
  const leaf = (_role: string, path: string) =>
    Float64Array.from({ length: 192 }, (_, i) => Math.sin(i * 1.7 + path.length));
  const values = (of: Graph) => interpret(of, { n: 1, leaf }).results.get("y");
  expect(values(joined)).toEqual(values(graph));
});

test("rows enough along one axis stay, and so do sums that maps over the same axes follow", () => {
  for (const { context, graph } of [gradient(8, "sum"), gradient(3, "map")]) {
    expect(joinRowAxes(context, graph)).toBe(graph);
  }
});
