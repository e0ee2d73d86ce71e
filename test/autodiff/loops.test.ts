/** Derivatives of loops as the language has them, against finite differences. */

import { describe, expect, it } from "vitest";
import { gradientsOf } from "../../compiler/autodiff/differentiate.ts";
import { axisAffine } from "../../compiler/graph/affine.ts";
import { graphNodes } from "../../compiler/graph/context.ts";
import { evaluateValues } from "../../compiler/graph/interpret.ts";
import { loopsIn } from "../../compiler/graph/loops.ts";
import type { Value } from "../../compiler/graph/node.ts";
import { pruneLoops } from "../../compiler/graph/prune-loops.ts";
import { verifyGraph } from "../../compiler/graph/verify.ts";
import type { LoweredProgram } from "../../compiler/semantics/program.ts";
import { lowerSound } from "../semantics/lowering.ts";
import { checkDerivatives, randomLeaves, weighted } from "./check-gradient.ts";

interface Case {
  readonly program: LoweredProgram;
  readonly value: Value;
  /** The float inputs and params. */
  readonly leaves: readonly Value[];
}

/** The output `y` of a model with an input `x: f32[N, 5, 2]` and a loop in its layer. */
function model(body: string, inputs = "  input x: f32[N, 5, 2]"): Case {
  const text = `
fn scaled(z, k) = k * z^2 gradient(d) { return (2 * d * k * z, sum(d * z^2, axis = 0)) }
layer Cell()(x: f32[N, T, I]) {
  param w: f32[I, 3] = glorot_uniform
  param u: f32[3, 3] = glorot_uniform
  param b: f32[3] = zeros
${body}
}
model M {
${inputs}
  output y = x |> Cell
}`;
  const program = lowerSound(text);
  verifyGraph(program.predict);
  const value = program.predict.results[0]!.value;
  const leaves = graphNodes(program.predict).flatMap((node) =>
    node.kind === "leaf" && node.values[0].dtype === "f32" ? [node.values[0]] : [],
  );
  return { program, value, leaves };
}

/** The gradients of a weighted sum of the elements, checked for shape, and their elements. */
function gradientData({ program, value, leaves }: Case, n: number): readonly Float64Array[] {
  const { context } = program;
  // The same cotangent, whatever the value is computed by.
  const place = value.shape.map((_, axis) => axisAffine(axis));
  const cotangent = context.leaf("state", "cotangent", "f32", value.shape);
  const body = context.call("multiply", context.load(value, place), context.load(cotangent, place));
  const sum = { parallel: [], reduction: value.shape, reducer: "sum", body } as const;
  const loss = context.compute(sum).values[0]!;
  const gradients = gradientsOf(context, loss, leaves, 4);
  const results = [...gradients.values()].map((of, i) => ({ name: String(i), value: of }));
  const graph = pruneLoops(context, { name: "g", batchMax: 4, results, assignments: [] });
  verifyGraph(graph);
  const roots = graph.results.map(({ value: root }) => root);
  const data = evaluateValues(roots, { n, leaf: randomLeaves() });
  return roots.map((root) => data.get(root)!);
}

const simple = `
  h = scan t in T from zeros([N, 3]) {
    h' = tanh(x[:, t] @ w + h @ u + b)
  }`;

const cases: readonly (readonly [string, string])[] = [
  ["the last value", `${simple}\n  return h`],
  ["all values", `${simple}\n  return h.all`],
  ["a carry through its stack and its last value", `${simple}\n  return h.all + 2 * h[:, none]`],
  [
    "a loop in reverse order",
    `  h = scan t in T reversed from zeros([N, 3]) {
    z = x[:, t] @ w + h @ u
    h' = sigmoid(z) * h + z
  }
  return h.all * exp(h.last)[:, none] + b`,
  ],
  [
    "first values that depend on params",
    `  h = scan t in T from x[:, 0] @ w { h' = tanh(h @ u + x[:, t] @ w) * b }
  return h`,
  ],
  [
    "a mask",
    `  keep = x[:, :, 0] > 0
  (h, c) = scan t in T from (zeros([N, 3]), zeros([N, 3])) {
    z = tanh(x[:, t] @ w + h @ u)
    m = keep[:, t][:, none]
    c' = if m then c * sigmoid(z) + z else c
    h' = if m then tanh(c') else h
  }
  return concat([h, c, h.all[:, 2]])`,
  ],
  [
    "sequences read before and after, and the variable",
    `  h = scan t in T from zeros([N, 3]) {
    h' = 0.5 * h * h + x[:, t - 1] @ w + f32(t) * x[:, t + 1] @ w + (if t == 2 then b else b * h)
  }
  return h`,
  ],
  [
    "carries that shift",
    `  (a, b1, c) = scan t in T from (b * ones([N, 3]), x[:, 0] @ w, x[:, 1] @ w) {
    a' = b1
    b1' = c
    c' = a * b1 + 0.5 * c
  }
  return a + 2 * b1 + 3 * c.all[:, 3]`,
  ],
  [
    "a loop in a loop",
    `  h = scan t in T from zeros([N, 3]) {
    s = scan k in 3 from h { s' = tanh(s @ u + x[:, t] @ w + f32(k) * b) }
    h' = s + 0.5 * h * s.all[:, 1]
  }
  return h.all`,
  ],
  [
    "reductions in the body",
    `  h = scan t in T from zeros([N, 3]) {
    e = h @ u + x[:, t] @ w
    a = exp(e - logsumexp(e, axis = -1, keepdims = true))
    h' = a * max(e, axis = -1, keepdims = true) + mean(h) + b
  }
  return h`,
  ],
  [
    "what does not change from step to step",
    `  h = scan t in T from zeros([N, 3]) {
    z = tanh(x[:, 0] @ w)
    h' = h * z + b
  }
  return h + z.all[:, 2] * z.last`,
  ],
  [
    "lookups by data and by carries",
    `  (h, k) = scan t in T from (zeros([N, 3]), i32(zeros([N]))) {
    i = (k + 2*t + 1) % 3
    e[n, c] = u[i[n], c] * h[n, (i[n] + c) % 3]
    f[n, c] = w[t % 2, c] * x[n, i[n], 0]
    h' = tanh(e + f + b)
    k' = i
  }
  return h.all`,
  ],
  [
    "a derivative of its own",
    `  h = scan t in T from zeros([N, 3]) { h' = 0.5 * scaled(x[:, t] @ w + h @ u, b) }
  return h`,
  ],
  [
    "names that only the step decides",
    `  h = scan t in T from zeros([N, 3]) {
    z = tanh(x[:, t] @ w)
    q = z * z
    h' = h * q + z * b
  }
  return h + q.all[:, 2]`,
  ],
];

describe("derivatives of loops", () => {
  it.each(cases)("%s", (_, body) => {
    const { program, value, leaves } = model(body);
    checkDerivatives(program.context, value, leaves, 2);
    gradientData({ program, value, leaves }, 2);
  });

  it.each(cases)("with checkpoints: %s", (_, body) => {
    const plain = gradientData(model(body), 2);
    for (const every of [2, 3]) {
      const split = body.replace(
        /(scan t in T.*? from (?:\(.*\)|.*?)) \{/g,
        `$1 checkpoint every ${every} {`,
      );
      expect(split).not.toBe(body);
      const data = gradientData(model(split), 2);
      data.forEach((gradient, i) => {
        gradient.forEach((element, k) => {
          expect(Math.abs(element - plain[i]![k]!)).toBeLessThan(1e-12 * (1 + Math.abs(element)));
        });
      });
    }
  });

  it("read what was costly to compute, and not what it was computed from", () => {
    const { program, value, leaves } = model(`
  h = scan t in T from zeros([N, 3]) {
    z = x[:, t] @ w + h @ u
    (k, d) = (sigmoid(z + b), tanh(z))
    h' = k * h + d
  }
  return h`);
    const { context } = program;
    const gradients = gradientsOf(context, weighted(context, value), leaves, 4);
    const results = [...gradients.values()].map((of, i) => ({ name: String(i), value: of }));
    const graph = pruneLoops(context, { name: "g", batchMax: 4, results, assignments: [] });
    const [forward] = loopsIn(graph);
    const bodies = forward!.stacks.map(({ value: { node } }) =>
      node.kind === "compute" && node.body.kind === "call" ? node.body.fn : node.kind,
    );
    // k·h is one multiplication, of what is there.
    expect(bodies.sort()).toEqual(["leaf", "sigmoid", "tanh"]);
  });

  it("compute again what is next to nothing", () => {
    const { program, value, leaves } = model(`
  h = scan t in T from zeros([N, 3]) {
    e = h * h + b
    h' = e * e
  }
  return h`);
    const { context } = program;
    const gradients = gradientsOf(context, weighted(context, value), leaves, 4);
    const results = [...gradients.values()].map((of, i) => ({ name: String(i), value: of }));
    const graph = pruneLoops(context, { name: "g", batchMax: 4, results, assignments: [] });
    const [forward] = loopsIn(graph);
    expect(forward!.stacks.map(({ value: { node } }) => node.kind)).toEqual(["leaf"]);
  });

  it("can be differentiated again", () => {
    const { program, value, leaves } = model(cases[2]![1]);
    const { context } = program;
    const first = gradientsOf(context, weighted(context, value), leaves, 4);
    const [gradient] = [...first].find(
      ([leaf]) => leaf.node.kind === "leaf" && leaf.node.path.endsWith("u"),
    )!;
    checkDerivatives(context, first.get(gradient)!, leaves, 2);
  });
});
