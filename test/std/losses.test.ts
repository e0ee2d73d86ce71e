/** Losses and metrics against their formulas, Keras' shapes of labels included. */

import { describe, expect, it } from "vitest";
import { lowerText } from "../semantics/lowering.ts";
import { evaluateExpression } from "../semantics/run-program.ts";

const p = [0.7, 0.2, 0.1, 0.3, 0.3, 0.4];
const oneHot = [1, 0, 0, 0, 0, 1];
const labels = [0, 2];

function scalar(call: string, t: readonly number[], type: string, y = p, shape = "3"): number {
  const text = `  y = 0 * q[:, 0] + ${call}`;
  return evaluateExpression({ t: type, q: `f32[N, ${shape}]` }, text, { t, q: y }, 2)[0]!;
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

describe("losses", () => {
  const differences = p.map((value, i) => oneHot[i]! - value);

  it.each([
    ["mean_squared_error(t, q)", mean(differences.map((d) => d * d))],
    ["mse(t, q)", mean(differences.map((d) => d * d))],
    ["mean_absolute_error(t, q)", mean(differences.map(Math.abs))],
    ["mae(t, q)", mean(differences.map(Math.abs))],
    [
      "huber(t, q, delta = 0.5)",
      mean(differences.map((d) => (Math.abs(d) <= 0.5 ? 0.5 * d * d : 0.5 * Math.abs(d) - 0.125))),
    ],
    ["categorical_crossentropy(t, q)", -mean([Math.log(0.7), Math.log(0.4)])],
    [
      "categorical_crossentropy(t, q, label_smoothing = 0.3)",
      -mean([
        0.8 * Math.log(0.7) + 0.1 * Math.log(0.2) + 0.1 * Math.log(0.1),
        0.8 * Math.log(0.4) + 0.2 * Math.log(0.3),
      ]),
    ],
    [
      "binary_crossentropy(t, q)",
      -mean(p.map((value, i) => Math.log(oneHot[i] === 1 ? value : 1 - value))),
    ],
    [
      "binary_crossentropy(t, q, label_smoothing = 0.2)",
      -mean(
        p.map((value, i) => {
          const t = oneHot[i]! * 0.8 + 0.1;
          return t * Math.log(value) + (1 - t) * Math.log(1 - value);
        }),
      ),
    ],
    [
      "binary_crossentropy(t, q, from_logits = true)",
      mean(p.map((z, i) => Math.log1p(Math.exp(z)) - oneHot[i]! * z)),
    ],
  ])("%s", (call, wanted) => {
    expect(scalar(call, oneHot, "f32[N, 3]")).toBeCloseTo(wanted, 9);
  });

  it("sparse crossentropy takes class numbers, with or without a last dimension", () => {
    const wanted = -mean([Math.log(0.7), Math.log(0.4)]);
    const call = "sparse_categorical_crossentropy(t, q)";
    expect(scalar(call, labels, "i32[N]")).toBeCloseTo(wanted, 9);
    expect(scalar(call, labels, "u8[N, 1]")).toBeCloseTo(wanted, 9);
    const ignoring = "sparse_categorical_crossentropy(t, q, ignore_class = 2)";
    expect(scalar(ignoring, labels, "i32[N]")).toBeCloseTo(-Math.log(0.7), 9);
    const logits = "sparse_categorical_crossentropy(t, q, from_logits = true)";
    const lse = (row: readonly number[]) => Math.log(row.reduce((a, z) => a + Math.exp(z), 0));
    const rows = [p.slice(0, 3), p.slice(3)];
    const wantedLogits = mean(rows.map((row, n) => lse(row) - row[labels[n]!]!));
    expect(scalar(logits, labels, "i32[N]")).toBeCloseTo(wantedLogits, 9);
  });

  it("labels of shape [N] fit predictions of shape [N, 1], never [N, N]", () => {
    const wanted = mean([(1 - 0.5) ** 2, (0 - 0.25) ** 2]);
    expect(scalar("mse(t, q)", [1, 0], "f32[N]", [0.5, 0.25], "1")).toBeCloseTo(wanted, 12);
  });

  it("shapes that do not belong together are an error at the user's call", () => {
    const { diagnostics } = lowerText(`
      model M {
        input t: f32[N, 4]
        input q: f32[N, 3]
        output y = q * mse(t, q)
      }`);
    expect(diagnostics.some(({ severity }) => severity === "error")).toBe(true);
    const spans = diagnostics.flatMap(({ primary, labels: more }) =>
      [primary, ...more].map(({ span }) => span.file),
    );
    expect(spans).toContain("model.nn");
  });
});

describe("metrics", () => {
  it.each([
    ["accuracy(t, q)", "i32[N]", labels, p, "3", 1],
    ["accuracy(t, q)", "u8[N, 1]", [0, 1], p, "3", 0.5],
    ["accuracy(t, q)", "f32[N, 3]", [1, 0, 0, 0, 1, 0], p, "3", 0.5],
    ["accuracy(t, q)", "u8[N]", [1, 1], [0.9, 0.2], "1", 0.5],
    ["binary_accuracy(t, q, threshold = 0.1)", "u8[N]", [1, 1], [0.9, 0.2], "1", 1],
    ["BinaryAccuracy(threshold = 0.1)(t, q)", "u8[N]", [1, 1], [0.9, 0.2], "1", 1],
    ["categorical_accuracy(t, q)", "f32[N, 3]", oneHot, p, "3", 1],
    ["CategoricalAccuracy()(t, q)", "f32[N, 3]", oneHot, p, "3", 1],
    ["sparse_categorical_accuracy(t, q)", "i32[N]", [1, 2], p, "3", 0.5],
    ["SparseCategoricalAccuracy()(t, q)", "i32[N]", [1, 2], p, "3", 0.5],
    ["Accuracy()(t, q)", "f32[N, 1]", [0.5, 2], [0.5, 3], "1", 0.5],
  ] as const)("%s of %s", (call, type, t, y, shape, wanted) => {
    expect(scalar(call, t, type, [...y], shape)).toBeCloseTo(wanted, 12);
  });
});

describe("regularizers", () => {
  it.each([
    ["L1(0.1)(q)", 0.1 * 2],
    ["l1(0.1)(q)", 0.1 * 2],
    ["L2(0.5)(q)", 0.5 * p.reduce((a, b) => a + b * b, 0)],
    ["l2()(q)", 0.01 * p.reduce((a, b) => a + b * b, 0)],
    ["L1L2(l1 = 1.0, l2 = 2.0)(q)", 2 + 2 * p.reduce((a, b) => a + b * b, 0)],
    ["l1_l2()(q)", 0.02 + 0.01 * p.reduce((a, b) => a + b * b, 0)],
  ])("%s", (call, wanted) => {
    expect(scalar(call, [0, 0], "f32[N]")).toBeCloseTo(wanted, 9);
  });
});
