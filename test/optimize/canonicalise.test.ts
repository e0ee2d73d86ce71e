import { describe, expect, it } from "vitest";
import { differentiate } from "../../compiler/autodiff/differentiate.ts";
import { fixed } from "../../compiler/graph/extent.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import type { Graph } from "../../compiler/graph/node.ts";
import { printGraph } from "../../compiler/graph/print.ts";
import { canonicalise } from "../../compiler/optimize/canonicalise.ts";
import { simplify } from "../../compiler/optimize/simplify.ts";
import { Builder } from "./build.ts";

function evaluate(graph: Graph, leaves: Record<string, number[]>): Record<string, number[]> {
  const leaf = (_: string, path: string) => leaves[path]!;
  const { results } = interpret(graph, { n: 1, leaf });
  return Object.fromEntries([...results].map(([name, data]) => [name, [...data]]));
}

/** Canonical, differentiated and simplified. */
function trained(b: Builder, graph: Graph): Graph {
  return simplify(b.context, differentiate(b.context, canonicalise(b.context, graph)));
}

/** Keras' categorical crossentropy of probabilities: renormalised, clipped, then the logarithm. */
function crossentropy(b: Builder, probabilities: ReturnType<Builder["param"]>) {
  const { f } = b;
  const total = b.reduceLast("sum", probabilities);
  const p = b.map(probabilities.shape, f.divide(b.at(probabilities), b.at(total)));
  const log = b.map(p.shape, f.call("log", b.at(b.clip(p, 1e-7, 1 - 1e-7))));
  const target = b.param("t", 1, 2);
  const terms = b.map(p.shape, f.negate(f.multiply(b.at(target), b.at(log))));
  return b.mean(terms);
}

describe("stable forms", () => {
  it("differentiates the crossentropy of a softmax where a probability underflows", () => {
    const b = new Builder();
    const z = b.param("z", 1, 2);
    const { f } = b;
    const log = b.map(z.shape, f.call("log", b.at(b.softmax(z))));
    const terms = b.map(z.shape, f.multiply(b.at(b.param("t", 1, 2)), b.at(log)));
    const loss = b.map([], f.multiply(b.at(b.mean(terms)), f.number(-2)));
    const results = evaluate(trained(b, b.training(loss, [z])), { z: [0, 200], t: [1, 0] });
    expect(results).toEqual({ loss: [200], dz: [-1, 1] });
  });

  it("does so through Keras' renormalising and clipping, within and beyond the clip", () => {
    const b = new Builder();
    const z = b.param("z", 1, 2);
    const graph = trained(b, b.training(crossentropy(b, b.softmax(z)), [z]));
    const within = evaluate(graph, { z: [0, 10], t: [1, 0] });
    expect(within.loss![0]).toBeCloseTo(0.5 * Math.log1p(Math.exp(10)), 12);
    expect(within.dz![0]).toBeCloseTo(-0.5 / (1 + Math.exp(-10)), 12);
    const beyond = evaluate(graph, { z: [0, 200], t: [1, 0] });
    expect(beyond.loss![0]).toBeCloseTo(-0.5 * Math.log(1e-7), 12);
    expect(beyond.dz).toEqual([0, 0]);
  });

  it("renormalises no softmax", () => {
    const b = new Builder();
    const z = b.param("z", 1, 2);
    const graph = canonicalise(b.context, b.training(crossentropy(b, b.softmax(z))));
    expect(printGraph(graph)).toMatchInlineSnapshot(`
      "graph train, N ≤ 4
      %0: f32[1, 2] = param z
      %1.0: f32[1], %1.1: i32[1] = max[i1 < 2] %0[0, i1]
      %2: f32[1, 2] = param t
      %3: f32[1, 1] = stopGradient(%1.0[0])
      %4: f32[1, 2] = exp(%0[0, i1] - %3[0, 0])
      %5: f32[1] = sum[i1 < 2] %4[0, i1]
      %6: f32[1] = log(%5[0])
      %7: f32[1, 2] = minimum(maximum((%0[0, i1] - %3[0, 0]) - %6[0], -16.11809565095832), -1.0000000494736474e-7)
      %8: f32[1, 2] = -(%2[0, i1] * %7[0, i1])
      %9: f32[] = sum[i0 < 2] %8[0, i0]
      %10: f32[] = %9[] * 0.5
      loss = %10"
    `);
  });

  it("takes the logarithm of a sigmoid and of its complement, clipped or not", () => {
    const b = new Builder();
    const { f } = b;
    const z = b.param("z", 3);
    const p = b.clip(b.map(z.shape, f.call("sigmoid", b.at(z))), 1e-7, 1 - 1e-7);
    const q = b.map(z.shape, f.subtract(f.number(1), b.at(p)));
    const logs = b.map(z.shape, f.add(f.call("log", b.at(p)), f.call("log", b.at(q))));
    const canonical = canonicalise(b.context, b.graph(logs));
    expect(printGraph(canonical)).toMatchInlineSnapshot(`
      "graph g, N ≤ 4
      %0: f32[3] = param z
      %1: f32[3] = minimum(maximum(-softplus(-%0[i0]), -16.11809565095832), -1.0000000494736474e-7) + maximum(minimum(-softplus(%0[i0]), -1.0000000500000033e-7), -16.118095651484676)
      y = %1"
    `);
    const { y } = evaluate(canonical, { z: [-30, 0, 30] });
    expect(y![0]).toBeCloseTo(Math.log(1e-7) + Math.log1p(-1e-7), 12);
    expect(y![1]).toBeCloseTo(2 * Math.log(0.5), 12);
  });

  it("makes the logarithm of a sum of exponentials a logsumexp", () => {
    const b = new Builder();
    const { f } = b;
    const z = b.param("z", 2, 3);
    const e = b.map(z.shape, f.call("exp", b.at(z)));
    const y = b.map([fixed(2), fixed(1)], f.call("log", b.at(b.reduceLast("sum", e))));
    const canonical = canonicalise(b.context, b.graph(y));
    expect(evaluate(canonical, { z: [1000, 1000, 1000, 0, 0, 0] }).y).toEqual([
      1000 + Math.log(3),
      Math.log(3),
    ]);
  });

  it("finds a variance that is written out", () => {
    const b = new Builder();
    const { f } = b;
    const x = b.param("x", 2, 3);
    const mean = b.reduceLast("mean", x);
    const deviation = b.map(x.shape, f.subtract(b.at(x), b.at(mean)));
    const square = b.map(x.shape, f.call("power", b.at(deviation), f.number(2)));
    const variance = b.reduceLast("mean", square);
    const scale = f.call("rsqrt", f.add(b.at(variance), f.number(1e-3)));
    const y = b.map(x.shape, f.multiply(b.at(deviation), scale));
    expect(
      printGraph(simplify(b.context, canonicalise(b.context, b.graph(y)))),
    ).toMatchInlineSnapshot(`
      "graph g, N ≤ 4
      %0: f32[2, 3] = param x
      %1.0: f32[2], %1.1: f32[2] = moments[i1 < 3] %0[i0, i1]
      %2: f32[2, 3] = %0[i0, i1] - %1.0[i0]
      %3: f32[2, 3] = %2[i0, i1] * rsqrt(%1.1[i0] + 0.001)
      y = %3"
    `);
  });
});
