/** Derivatives of every loss against finite differences, and losses and derivatives of extreme predictions. */

import { describe, expect, it } from "vitest";
import { lossOf, predictionGradient } from "./trained-case.ts";

const rows = 3;
const p = [0.7, 0.2, 0.1, 0.3, 0.25, 0.45, 0.15, 0.6, 0.25];
const oneHot = [1, 0, 0, 0, 0, 1, 0, 1, 0];
const t = { type: "f32[3]", data: oneHot };
const labels = { type: "i32", data: [0, 2, 1] };
const w = { type: "f32", data: [1, 0.5, 2] };

const elementwise = [
  "mse",
  "mae",
  "mape",
  "msle",
  "huber",
  "log_cosh",
  "cosine_similarity",
  "hinge",
  "squared_hinge",
  "categorical_hinge",
  "binary_crossentropy",
  "binary_focal_crossentropy",
  "categorical_crossentropy",
  "categorical_focal_crossentropy",
  "kl_divergence",
  "poisson",
  "dice",
  "tversky",
].map((name) => `${name}(t, p)`);

describe("derivatives", () => {
  it.each([
    ...elementwise,
    "binary_crossentropy(t, p, from_logits = true, label_smoothing = 0.2)",
    "binary_focal_crossentropy(t, p, true, from_logits = true, gamma = 1.5)",
    "categorical_crossentropy(t, p, from_logits = true, label_smoothing = 0.2)",
    "categorical_focal_crossentropy(t, p, from_logits = true)",
    "Dice(axis = [1])(t, p)",
  ])("%s", (loss) => {
    const columns = { p: { type: "f32[3]", data: p }, t, w };
    predictionGradient({ columns, loss, weight: "w" }, rows);
  });

  it.each([
    "sparse_categorical_crossentropy(t, p)",
    "sparse_categorical_crossentropy(t, p, from_logits = true, ignore_class = 2)",
    "categorical_generalized_cross_entropy(t, p, 0.7)",
    "circle(t % 2, p, gamma = 3)",
    "circle(t, p, gamma = 2, remove_diagonal = false)",
  ])("%s of class numbers", (loss) => {
    const columns = { p: { type: "f32[3]", data: p }, t: labels, w };
    predictionGradient({ columns, loss, weight: "w" }, rows);
  });
});

describe("predictions of any size", () => {
  const extreme = [1e4, -1e4, 0, -1e4, 1e4, 1, 1e4, 1e4, -1e4];
  const columns = { p: { type: "f32[3]", data: extreme }, t, labels };

  it.each([
    ["log_cosh(t, p)", (2 * 9999 + 5 * 1e4 - 7 * Math.LN2) / 9],
    ["huber(t, p)", null],
    ["binary_crossentropy(t, p, from_logits = true)", null],
    ["binary_focal_crossentropy(t, p, from_logits = true)", null],
    ["categorical_crossentropy(t, p, from_logits = true)", null],
    ["categorical_focal_crossentropy(t, p, from_logits = true)", null],
    ["sparse_categorical_crossentropy(labels, p, from_logits = true)", null],
    ["categorical_crossentropy(t, softmax(p))", null],
    ["binary_crossentropy(t, sigmoid(p))", null],
    ["kl_divergence(t, p)", null],
    ["cosine_similarity(t, p)", null],
    ["cosine_similarity(t, 0 * p)", 0],
    ["circle(labels, p)", null],
    ["categorical_generalized_cross_entropy(labels, softmax(p), 0.5)", null],
  ] as const)("%s", (loss, wanted) => {
    const value = lossOf({ columns, loss }, rows);
    expect(Number.isFinite(value)).toBe(true);
    if (wanted !== null) expect(value).toBeCloseTo(wanted, 6);
    const gradient = predictionGradient({ columns, loss }, rows, false);
    expect(gradient.every(Number.isFinite), String(gradient)).toBe(true);
  });
});
