/** Metrics as functions, and the names that no other test has: against their formulas. */

import { expect, test } from "vitest";
import { lowerSound } from "../semantics/lowering.ts";
import { evaluateExpression, run } from "../semantics/run-program.ts";

const a = [1, 2, 4];
const b = [2, 3, 7];

function ofRow(expression: string): number {
  const inputs = { a: "f32[N, 3]", b: "f32[N, 3]" };
  return evaluateExpression(inputs, `  y = 0 * a[:, 0] + ${expression}`, { a, b })[0]!;
}

const mean = (xs: readonly number[]): number => xs.reduce((s, x) => s + x, 0) / xs.length;
const [ma, mb] = [mean(a), mean(b)];
const covariance = mean(a.map((x, i) => (x - ma) * (b[i]! - mb)));
const [va, vb] = [mean(a.map((x) => (x - ma) ** 2)), mean(b.map((x) => (x - mb) ** 2))];

test.each([
  ["pearson_correlation(a, b)", covariance / Math.sqrt(va * vb)],
  ["concordance_correlation(a, b)", (2 * covariance) / (va + vb + (ma - mb) ** 2)],
  ["LogCoshError()(a, b)", mean(a.map((x, i) => Math.log(Math.cosh(x - b[i]!))))],
  ["top_k_categorical_accuracy(one_hot(i32(a[:, 0]), 3), b, k = 2)", 1],
  ["top_k_categorical_accuracy(one_hot(i32(a[:, 0]), 3), b, k = 1)", 0],
  ["sparse_top_k_categorical_accuracy(i32(a[:, 0]), b, k = 2)", 1],
  ["sparse_top_k_categorical_accuracy(i32(a[:, 0]), b, k = 1)", 0],
])("%s", (expression, expected) => {
  expect(ofRow(expression)).toBeCloseTo(expected, 6);
});

test.each([
  ["GlorotNormal", Math.sqrt(2 / 300)],
  ["HeUniform", Math.sqrt(2 / 200)],
  ["LecunNormal", Math.sqrt(1 / 200)],
])("%s has its variance", (name, deviation) => {
  const program = lowerSound(`model M {
  input x: f32[N, 200]
  output y = x |> Dense(100, kernel_initializer = ${name}())
}`);
  const { results } = run(program, program.init, {});
  const data = results["M/dense/kernel"]!;
  expect(Math.sqrt(mean(data.map((x) => x * x))) / deviation).toBeCloseTo(1, 1);
});

test("OneHotIoU counts the classes that are asked for", () => {
  const program = lowerSound(`model M {
  input x: f32[N, 2]
  output y = x |> Dense(2, use_bias = false)
}
data d {
  train {
    x: f32[2] = npy("x.npy")
    t: f32[2] = npy("t.npy")
  }
}
train M on d {
  loss mse(t, y)
  optimizer SGD()
  metrics OneHotIoU(2, [0])(t, y)
}`);
  const { evaluate, readout } = program.training!;
  const leaves = {
    x: [0.9, 0.1, 0.8, 0.2, 0.3, 0.7],
    t: [1, 0, 0, 1, 1, 0],
    "M/dense/kernel": [1, 0, 0, 1],
  };
  // Class 0: predicted of the first two, true of the first and last.
  const { assigned } = run(program, evaluate, leaves, { n: 3 });
  const { loss, ...metrics } = run(program, readout, assigned).results;
  expect(loss).toHaveLength(1);
  expect(Object.values(metrics)[0]![0]).toBeCloseTo(1 / 3, 6);
});
