/** Losses by their classes against formulas of one sample written again, in every reduction and with weights. */

import { describe, test } from "vitest";
import { checkValues, type Row } from "./value-rows.ts";

const sum = (items: readonly number[]) => items.reduce((a, b) => a + b, 0);
const mean = (items: readonly number[]) => sum(items) / items.length;
const { log, exp, abs, max, min } = Math;
const clip = (x: number, low = 1e-7, high = 1 - 1e-7) => min(max(x, low), high);

// Losses: values of the two samples by formulas of one sample's labels and predictions.

const truth = [
  [0, 1, 0],
  [0, 0, 1],
];
const chances = [
  [0.2, 0.7, 0.1],
  [0.3, 0.5, 0.2],
];
const classOf = [1, 2];
const weights = [2, 0.5];
const each = (f: (t: number, p: number, i: number) => number) => (t: number[], p: number[]) =>
  mean(p.map((x, i) => f(t[i]!, x, i)));
const smooth = (t: number, share: number, classes: number) => t * (1 - share) + share / classes;
const logistic = (x: number) => 1 / (1 + exp(-x));
const softmax = (p: readonly number[]) => p.map((x) => exp(x) / sum(p.map(exp)));
const entropy = (t: number, p: number) => -(t * log(p) + (1 - t) * log(1 - p));
const focal = (t: number, p: number, gamma: number) => {
  const right = t * p + (1 - t) * (1 - p);
  return (1 - right) ** gamma * entropy(t, p);
};

type Value = (t: number[], p: number[]) => number;

const losses: readonly (readonly [config: string, value: Value, labels?: "classes"])[] = [
  ["MeanSquaredError()", each((t, p) => (t - p) ** 2)],
  ["MeanAbsoluteError()", each((t, p) => abs(t - p))],
  ["MeanAbsolutePercentageError()", each((t, p) => (100 * abs(t - p)) / max(abs(t), 1e-7))],
  [
    "MeanSquaredLogarithmicError()",
    each((t, p) => (log(max(p, 1e-7) + 1) - log(max(t, 1e-7) + 1)) ** 2),
  ],
  [
    "Huber(delta = 0.4)",
    each((t, p) => (abs(t - p) <= 0.4 ? (t - p) ** 2 / 2 : 0.4 * abs(t - p) - 0.08)),
  ],
  ["LogCosh()", each((t, p) => log(Math.cosh(p - t)))],
  ["Hinge()", each((t, p) => max(1 - (2 * t - 1) * p, 0))],
  ["SquaredHinge()", each((t, p) => max(1 - (2 * t - 1) * p, 0) ** 2)],
  [
    "CategoricalHinge()",
    (t, p) =>
      max(max(...p.map((x, i) => (1 - t[i]!) * x)) - sum(p.map((x, i) => x * t[i]!)) + 1, 0),
  ],
  ["Poisson()", each((t, p) => p - t * log(p + 1e-7))],
  [
    "KLDivergence()",
    (t, p) => sum(t.map((x, i) => clip(x, 1e-7, 1) * log(clip(x, 1e-7, 1) / clip(p[i]!, 1e-7, 1)))),
  ],
  ["BinaryCrossentropy()", each(entropy)],
  ["BinaryCrossentropy(from_logits = true)", each((t, p) => entropy(t, logistic(p)))],
  ["BinaryCrossentropy(label_smoothing = 0.2)", each((t, p) => entropy(smooth(t, 0.2, 2), p))],
  ["BinaryFocalCrossentropy(gamma = 1.5)", each((t, p) => focal(t, p, 1.5))],
  [
    "BinaryFocalCrossentropy(apply_class_balancing = true, alpha = 0.3, from_logits = true)",
    each((t, p) => (t * 0.3 + (1 - t) * 0.7) * focal(t, logistic(p), 2)),
  ],
  ["CategoricalCrossentropy()", (t, p) => -sum(p.map((x, i) => t[i]! * log(x)))],
  [
    "CategoricalCrossentropy(from_logits = true, label_smoothing = 0.3)",
    (t, p) => -sum(softmax(p).map((x, i) => smooth(t[i]!, 0.3, 3) * log(x))),
  ],
  [
    "CategoricalFocalCrossentropy(alpha = 0.3, gamma = 1.5)",
    (t, p) => sum(p.map((x, i) => 0.3 * (1 - x) ** 1.5 * -t[i]! * log(x))),
  ],
  [
    "CategoricalFocalCrossentropy(from_logits = true)",
    (t, p) => sum(softmax(p).map((x, i) => 0.25 * (1 - x) ** 2 * -t[i]! * log(x))),
  ],
  [
    "CategoricalGeneralizedCrossEntropy(q = 0.3)",
    (t, p) => (1 - sum(p.map((x, i) => x * t[i]!)) ** 0.3) / 0.3,
    "classes",
  ],
  ["SparseCategoricalCrossentropy()", (t, p) => -log(sum(p.map((x, i) => x * t[i]!))), "classes"],
  [
    "CosineSimilarity()",
    (t, p) => -sum(t.map((x, i) => x * p[i]!)) / (Math.hypot(...t) * Math.hypot(...p)),
  ],
  [
    "Dice(axis = [1])",
    (t, p) => 1 - (2 * sum(t.map((x, i) => x * p[i]!))) / (sum(t) + sum(p) + 1e-7),
  ],
  [
    "Tversky(alpha = 0.3, beta = 0.6, axis = [1])",
    (t, p) => {
      const both = sum(t.map((x, i) => x * p[i]!));
      return 1 - both / (both + 0.3 * (sum(p) - both) + 0.6 * (sum(t) - both) + 1e-7);
    },
  ],
];

describe("losses", () => {
  const inputs = { t: "f32[N, 3]", c: "i32[N]", p: "f32[N, 3]", w: "f32[N]" };
  const data = { t: truth.flat(), c: classOf, p: chances.flat(), w: weights };

  const rows = losses.map(([config, value, labels]) => ({ config, value, labels }));

  test.each(rows)("$config", ({ config, value, labels }) => {
    const values = truth.map((t, i) => value(t, chances[i]!));
    const name = config.slice(0, config.indexOf("("));
    const given = config.slice(name.length + 1, -1);
    const reduced = (reduction: string, weight = "") =>
      `${name}(${given === "" ? "" : `${given}, `}reduction = ${reduction})(${labels === undefined ? "t" : "c"}, p${weight})`;
    const weighted = values.map((x, i) => x * weights[i]!);
    const scalar = (use: string, x: number): Row => [`0 * w + ${use}`, [x, x]];
    checkValues(inputs, data, 2, [
      [reduced("none"), values],
      [reduced("none", ", w"), weighted],
      scalar(reduced('"sum"'), sum(values)),
      scalar(reduced('"sum_over_batch_size"', ", w"), mean(weighted)),
      scalar(reduced('"mean_with_sample_weight"', ", w"), sum(weighted) / sum(weights)),
    ]);
  });

  test("circle", () => {
    const labels = [0, 1, 0];
    const points = [
      [1, 0],
      [0.6, 0.8],
      [0.8, 0.6],
    ];
    const like = (i: number, j: number) =>
      points[i]![0]! * points[j]![0]! + points[i]![1]! * points[j]![1]!;
    const values = (gamma: number, margin: number) =>
      labels.map((label, i) => {
        const others = labels.map((_, j) => j).filter((j) => j !== i);
        const same = others.filter((j) => labels[j] === label);
        const different = others.filter((j) => labels[j] !== label);
        const near = same.map(
          (j) => -gamma * max(1 + margin - like(i, j), 0) * (like(i, j) - (1 - margin)),
        );
        const far = different.map(
          (j) => gamma * max(like(i, j) + margin, 0) * (like(i, j) - margin),
        );
        // Without another sample of its class the exponential's sum is that of nothing.
        const logsum = (items: readonly number[]) => log(sum(items.map(exp)));
        const total = same.length === 0 ? -Infinity : logsum(near) + logsum(far);
        return log(1 + exp(total));
      });
    const wanted = values(4, 0.3);
    // As in Keras, samples without a partner are masked in means.
    checkValues(
      { c: "i32[N]", p: "f32[N, 2]" },
      { c: labels, p: points.flat() },
      3,
      [
        ["Circle(gamma = 4.0, margin = 0.3, reduction = none)(c, p)", wanted],
        [
          "0 * p[:, 0] + circle(c, p, gamma = 4.0, margin = 0.3)",
          wanted.map(() => mean(wanted.filter((x) => x > 0))),
        ],
      ],
      6,
    );
  });
});
