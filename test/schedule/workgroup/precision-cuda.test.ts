/** Rounded graphs on emulated CUDA: kernels round what the graph says, and nothing else, fused and unfused. */

import { describe, expect, test } from "vitest";
import { differentiate } from "../../../compiler/autodiff/differentiate.ts";
import { axisAffine } from "../../../compiler/graph/affine.ts";
import { batchExtent, fixed } from "../../../compiler/graph/extent.ts";
import { interpret } from "../../../compiler/graph/interpret.ts";
import type { Graph, LeafRole, Value } from "../../../compiler/graph/node.ts";
import { hash32, uniformAt } from "../../../compiler/graph/threefry.ts";
import { roundOperands } from "../../../compiler/optimize/precision.ts";
import { simplify } from "../../../compiler/optimize/simplify.ts";
import { describeCuda } from "../../../compiler/targets/cuda/description.ts";
import { hasEmulation, needsEmulation } from "../../cuda/emulation.ts";
import { Builder } from "../../optimize/build.ts";
import { runOnCuda } from "./run-cuda-graph.ts";

const batchMax = 24;
const n = 19;

/** Two dense layers without biases, a relu between them, and the gradients of the mean of their squares. */
function twoLayers(builder: Builder): Graph {
  const { context, f } = builder;
  const dense = (x: Value, w: Value): Value =>
    context.compute({
      parallel: [batchExtent, w.shape[1]!],
      reduction: [w.shape[0]!],
      reducer: "sum",
      body: f.multiply(
        context.load(x, [axisAffine(0), axisAffine(2)]),
        context.load(w, [axisAffine(2), axisAffine(1)]),
      ),
    }).values[0]!;
  const x = builder.input("x", [batchExtent, fixed(72)]);
  const w = builder.param("w", 72, 80);
  const v = builder.param("v", 80, 16);
  const h = dense(x, w);
  const y = dense(builder.map(h.shape, f.call("maximum", f.number(0), builder.at(h))), v);
  const square = builder.map(y.shape, f.call("square", builder.at(y)));
  const graph = builder.training(builder.mean(square), [w, v]);
  return { ...graph, batchMax };
}

const leaf = (_: LeafRole, path: string): Float32Array =>
  Float32Array.from({ length: 80 * 80 }, (_unused, i) => 2 * uniformAt(3, hash32(path), 0, i) - 1);

/** The root of the mean square. */
const size = (values: ArrayLike<number>): number =>
  Math.sqrt(Array.from(values).reduce((sum, value) => sum + value * value, 0) / values.length);

const variants = [
  ["sm_80", "bf16", true],
  ["sm_80", "bf16", false],
  ["sm_80", "f16", true],
  ["sm_90a", "bf16", true],
] as const;

describe.runIf(hasEmulation)(`rounded operands on emulated CUDA ${needsEmulation}`, () => {
  test.each(variants)("%s in %s, fused: %s", async (architecture, precision, fusion) => {
    const builder = new Builder();
    const { context } = builder;
    const target = describeCuda({ precision });
    const exact = simplify(context, differentiate(context, twoLayers(builder)));
    const graph = roundOperands(context, exact, target);
    expect(graph).not.toBe(exact);
    const hopper = architecture === "sm_90a" ? describeCuda({ precision, architecture }) : null;
    const { results } = await runOnCuda(
      { context, graph, n, leaf },
      { fusion, target, ...(hopper === null ? {} : { hopper }) },
    );
    const wanted = interpret(graph, { n, leaf }).results;
    const unrounded = interpret(exact, { n, leaf }).results;
    for (const [name, data] of results) {
      const away = (from: ReadonlyMap<string, Float64Array>) =>
        size(Array.from(data, (value, i) => value - from.get(name)![i]!));
      // Sums in f32 turn few roundings another way; all that was rounded weighs much more.
      expect(away(wanted), name).toBeLessThan(1e-4 * size(wanted.get(name)!));
      expect(away(unrounded), name).toBeGreaterThan(away(wanted));
    }
  });
});
