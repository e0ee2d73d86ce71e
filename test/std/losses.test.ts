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
    // A number is everyone's label.
    ["mse(1, q)", mean(p.map((value) => (1 - value) ** 2))],
    ["binary_crossentropy(1.0, q)", -mean(p.map(Math.log))],
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
    ["MeanSquaredError()(t, q)", mean(differences.map((d) => d * d))],
    ["MSE(t, q) + MAE(t, q)", mean(differences.map((d) => d * d + Math.abs(d)))],
    [
      "mean_absolute_percentage_error(t, q)",
      100 * mean(differences.map((d, i) => Math.abs(d) / Math.max(oneHot[i]!, 1e-7))),
    ],
    [
      "mean_squared_logarithmic_error(t, q)",
      mean(p.map((value, i) => (Math.log1p(value) - Math.log1p(Math.max(oneHot[i]!, 1e-7))) ** 2)),
    ],
    ["log_cosh(t, q)", mean(differences.map((d) => Math.log(Math.cosh(d))))],
    [
      "cosine_similarity(t, q)",
      -mean([0.7 / Math.hypot(0.7, 0.2, 0.1), 0.4 / Math.hypot(0.3, 0.3, 0.4)]),
    ],
    ["hinge(t, q)", mean(p.map((value, i) => Math.max(1 - (2 * oneHot[i]! - 1) * value, 0)))],
    ["hinge(2 * t, q)", mean(p.map((value, i) => Math.max(1 - 2 * oneHot[i]! * value, 0)))],
    [
      "squared_hinge(t, q)",
      mean(p.map((value, i) => Math.max(1 - (2 * oneHot[i]! - 1) * value, 0) ** 2)),
    ],
    ["categorical_hinge(t, q)", mean([0.2 - 0.7 + 1, 0.3 - 0.4 + 1])],
    [
      "kl_divergence(t, q)",
      -mean([
        Math.log(0.7) - 1e-7 * Math.log(1e-14 / 0.02),
        Math.log(0.4) - 1e-7 * Math.log(1e-14 / 0.09),
      ]),
    ],
    ["poisson(t, q)", mean(p.map((value, i) => value - oneHot[i]! * Math.log(value + 1e-7)))],
    [
      "binary_focal_crossentropy(t, q, apply_class_balancing = true, alpha = 0.3, gamma = 3.0)",
      mean(
        p.map((value, i) => {
          const pt = oneHot[i] === 1 ? value : 1 - value;
          return -(oneHot[i] === 1 ? 0.3 : 0.7) * (1 - pt) ** 3 * Math.log(pt);
        }),
      ),
    ],
    [
      "categorical_focal_crossentropy(t, q, alpha = [0.1, 0.2, 0.3], gamma = 1.0)",
      -mean([0.1 * 0.3 * Math.log(0.7), 0.3 * 0.6 * Math.log(0.4)]),
    ],
    [
      "categorical_focal_crossentropy(t, q, gamma = 0.0)",
      -mean([Math.log(0.7), Math.log(0.4)]) / 4,
    ],
    ["dice(t, q)", 1 - (2 * 1.1) / (2 + 2 + 1e-7)],
    ["mean(dice(t, q, axis = [1]))", mean([1 - 1.4 / (2 + 1e-7), 1 - 0.8 / (2 + 1e-7)])],
    ["tversky(t, q, alpha = 0.2, beta = 0.7)", 1 - 1.1 / (1.1 + 0.2 * 0.9 + 0.7 * 0.9 + 1e-7)],
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

  it("takes classes from any axis", () => {
    const call = "sparse_categorical_crossentropy(t, q, axis = 1)";
    const y = [0.7, 0.1, 0.2, 0.3, 0.1, 0.6, 0.3, 0.5, 0.3, 0.25, 0.4, 0.25];
    const wanted = -mean([0.7, 0.6, 0.3, 0.5].map(Math.log));
    expect(scalar(call, [0, 2, 1, 0], "i32[N, 2]", y, "3, 2")).toBeCloseTo(wanted, 9);
    expect(scalar(call, [0, 2, 1, 0], "i32[N, 1, 2]", y, "3, 2")).toBeCloseTo(wanted, 9);
    const smooth = "categorical_crossentropy(t, q, axis = 1, label_smoothing = 0.3)";
    const truth = [1, 0, 0, 0, 0, 1, 0, 1, 1, 0, 0, 0];
    const smoothed = truth.map((t, k) => -(0.7 * t + 0.1) * Math.log(y[k]!));
    expect(scalar(smooth, truth, "f32[N, 3, 2]", y, "3, 2")).toBeCloseTo(3 * mean(smoothed), 9);
  });

  it("generalizes crossentropy for wrong labels", () => {
    const call = "categorical_generalized_cross_entropy(t, q, 0.5)";
    const wanted = mean([0.7, 0.4].map((value) => (1 - Math.sqrt(value)) / 0.5));
    expect(scalar(call, labels, "i32[N]")).toBeCloseTo(wanted, 9);
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
