/** Metrics that keep states: the same over several batches as over all rows at once, and as their formulas say. */

import { describe, expect, it } from "vitest";
import { lowerText, messages } from "../semantics/lowering.ts";
import { type Column, metricsOf } from "./trained-case.ts";

const rows = 7;
const classes = 4;
const random = (i: number) => (Math.sin(12.9 * i + 1) * 43758.5453) % 1;
const p = Array.from({ length: rows * classes }, (_, i) => Math.abs(random(i)));
const t = p.map((_, i) => (random(100 + i) > 0.1 ? 1 : 0));
const oneHot = p.map((_, i) => (i % classes === Math.floor(i / classes) % 3 ? 1 : 0));
const w = [1, 0, 2, 0.5, 3, 1, 0.25];
const columns: Record<string, Column> = {
  p: { type: "f32[4]", data: p },
  t: { type: "f32[4]", data: t },
  one: { type: "f32[4]", data: oneHot },
  k: { type: "i32", data: Array.from({ length: rows }, (_, n) => n % 3) },
  each: { type: "f32[4]", data: p.map((_, i) => 1 + (i % 3)) },
  w: { type: "f32", data: w },
};

const measured = (metric: string, weight?: string, batches: readonly number[] = [rows]) =>
  metricsOf({ columns, metrics: [`m = ${metric}`], ...(weight && { weight }) }, batches);

const stateful = [
  "TruePositives([0.2, 0.7])(t, p)",
  "FalsePositives()(t, p)",
  "TrueNegatives(0.3)(t, p)",
  "FalseNegatives()(t, p, each)",
  "Precision(top_k = 2)(t, p)",
  "Recall([0.1, 0.5, 0.9], class_id = 1)(t, p)",
  "SpecificityAtSensitivity(0.6)(t, p)",
  "SensitivityAtSpecificity(0.4, num_thresholds = 7)(t, p)",
  "PrecisionAtRecall(0.5)(t, p)",
  "RecallAtPrecision(0.4, class_id = 2)(t, p)",
  "AUC()(t, p)",
  'AUC(curve = "PR", num_thresholds = 20)(t, p)',
  'AUC(curve = "PRGAIN", summation_method = "minoring", label_weights = [1, 2, 0, 1])(t, p)',
  "AUC(multi_label = true, num_labels = 4, from_logits = true)(t, 4 * p - 2)",
  "F1Score()(t, p)",
  'FBetaScore("weighted", 2.0, 0.6)(t, p)',
  "R2Score()(t, p)",
  "BinaryIoU(threshold = 0.4)(t, p)",
  "MeanIoU(4, ignore_class = 1)(k, argmax(p, axis = -1))",
  "OneHotMeanIoU(4)(one, p)",
  "Mean()(p)",
  "Sum()(p)",
  "RootMeanSquaredError()(t, p)",
  "CosineSimilarity()(t + 1, p)",
  "PearsonCorrelation()(t + each, p)",
  "ConcordanceCorrelation()(t, p)",
  "TopKCategoricalAccuracy(2)(one, p)",
  "SparseTopKCategoricalAccuracy(2)(k, p)",
  "SparseTopKCategoricalAccuracy(2, from_sorted_ids = true)(k, each)",
  "SparseCategoricalAccuracy()(k, p)",
  "SparseCategoricalCrossentropy(ignore_class = 1)(k, p)",
  "MeanAbsoluteError()(t, p, w)",
  'MeanSquaredError("mean_with_sample_weight")(t, p)',
];

describe("over several batches", () => {
  it.each(stateful)("%s is what it is over all rows", (metric) => {
    for (const weight of [undefined, "w"]) {
      const whole = measured(metric, weight);
      const parts = measured(metric, weight, [3, 3, 1]);
      expect(Object.keys(whole).length).toBeGreaterThan(1);
      for (const [name, value] of Object.entries(whole)) {
        expect(Number.isFinite(value), `${metric} ${name}`).toBe(true);
        // The loss weighs batches by their sizes, whatever weights are in them.
        if (name !== "loss") expect(parts[name]).toBeCloseTo(value, 10);
      }
    }
  });
});

const weightOf = (i: number) => w[Math.floor(i / classes)]!;
const total = (f: (i: number) => number) => p.reduce((sum, _, i) => sum + f(i), 0);
const counts = (threshold: number) => ({
  tp: total((i) => (p[i]! > threshold ? t[i]! * weightOf(i) : 0)),
  fp: total((i) => (p[i]! > threshold ? (1 - t[i]!) * weightOf(i) : 0)),
  fn: total((i) => (p[i]! > threshold ? 0 : t[i]! * weightOf(i))),
  tn: total((i) => (p[i]! > threshold ? 0 : (1 - t[i]!) * weightOf(i))),
});

describe("counts", () => {
  it("are weights of what is above a threshold, one result a threshold", () => {
    const found = measured("Precision(thresholds = [0.25, 0.5])(t, p)", "w");
    for (const [i, threshold] of [0.25, 0.5].entries()) {
      const { tp, fp } = counts(threshold);
      expect(found[`m_${i}`]).toBeCloseTo(tp / (tp + fp), 12);
    }
    expect(found.m).toBeUndefined();
    expect(measured("TrueNegatives()(t, p)", "w").m).toBeCloseTo(counts(0.5).tn, 12);
    expect(measured("Recall()(t, p, 3.5)").m).toBeCloseTo(measured("Recall()(t, p)").m!, 12);
    expect(measured("Precision()(t, 0 * p)").m).toBe(0);
  });

  it("give the areas under curves by trapezoids", () => {
    const points = Array.from({ length: 11 }, (_, i) => {
      const { tp, fp, fn, tn } = counts(i === 0 ? -1e-7 : i === 10 ? 1 + 1e-7 : i / 10);
      return { x: fp / (fp + tn), y: tp / (tp + fn) };
    });
    const area = (height: (a: number, b: number) => number) =>
      points
        .slice(1)
        .reduce((sum, { x, y }, i) => sum + (points[i]!.x - x) * height(points[i]!.y, y), 0);
    const auc = (method: string) => measured(`AUC(11, "ROC", "${method}")(t, p)`, "w").m;
    expect(auc("interpolation")).toBeCloseTo(
      area((a, b) => (a + b) / 2),
      12,
    );
    expect(auc("minoring")).toBeCloseTo(area(Math.min), 12);
    expect(auc("majoring")).toBeCloseTo(area(Math.max), 12);
    const given = "AUC(thresholds = [0.9, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])(t, p)";
    expect(measured(given, "w").m).toBeCloseTo(auc("interpolation")!, 12);
  });

  it("find the best rate where another is high enough", () => {
    const best = Math.max(
      ...Array.from({ length: 200 }, (_, i) => {
        const { tp, fp, fn } = counts(i / 199);
        return tp / (tp + fn) >= 0.5 && tp + fp > 0 ? tp / (tp + fp) : 0;
      }),
    );
    expect(measured("PrecisionAtRecall(0.5)(t, p)", "w").m).toBeCloseTo(best, 12);
    expect(measured("RecallAtPrecision(1.0)(0 * t, p)").m).toBe(0);
  });
});

describe("as Keras' tests have it", () => {
  const column = (type: string, data: readonly number[]): Column => ({ type, data });

  it.each([
    [
      "IoU(2, [0, 1])(i32(t), i32(p), w)",
      [0, 0, 1, 1],
      [0, 1, 0, 1],
      [0.2, 0.3, 0.4, 0.1],
      (0.2 / (0.6 + 0.5 - 0.2) + 0.1 / (0.4 + 0.5 - 0.1)) / 2,
    ],
    ["MeanIoU(2)(i32(t), i32(p))", [0, 0, 1, 1], [0, 1, 0, 1], [1, 1, 1, 1], 1 / 3],
    ["BinaryIoU()(t, p)", [0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7], [1, 1, 1, 1], (1 / 2 + 2 / 3) / 2],
    ["SensitivityAtSpecificity(0.5)(t, p)", [0, 0, 1, 1], [0, 0.5, 0.3, 0.9], [1, 1, 1, 1], 1],
    ["AUC(3)(t, p, w)", [0, 0, 1, 1], [0, 0.5, 0.3, 0.9], [1, 2, 3, 4], 4 / 7 / 2 + 0.5],
    ["Mean()(p, w)", [0, 0, 0, 0], [1, 3, 5, 7], [1, 1, 0, 0], 2],
    ["Sum()(p, w)", [0, 0, 0, 0], [1, 3, 5, 7], [1, 1, 0, 0], 4],
  ])("%s", (metric, labels, predictions, weights, wanted) => {
    const given = {
      t: column("f32", labels),
      p: column("f32", predictions),
      w: column("f32", weights),
    };
    const found = metricsOf({ columns: given, metrics: [`m = ${metric}`] }, [3, 1]);
    expect(found.m).toBeCloseTo(wanted, 5);
  });

  it("the scores of classes", () => {
    const given = {
      t: column("f32[3]", [1, 1, 1, 1, 0, 0, 1, 1, 0]),
      p: column("f32[3]", [0.2, 0.6, 0.7, 0.2, 0.6, 0.6, 0.6, 0.8, 0]),
    };
    const metrics = ["m = F1Score(threshold = 0.5)(t, p)", 'F1Score("macro", 0.5)(t, p)'];
    const found = metricsOf({ columns: given, metrics }, [2, 1]);
    const scores = [0.5, 0.8, 2 / 3];
    expect(found).toMatchObject({
      f1_score: expect.closeTo(scores.reduce((a, b) => a + b) / 3, 6),
    });
    scores.forEach((score, c) => {
      expect(found[`m_${c}`]).toBeCloseTo(score, 6);
    });
  });
});

describe("mistakes", () => {
  it.each([
    ['AUC(curve = "RO")(t, p)', "the curve is ROC, PR or PRGAIN"],
    ["AUC(num_labels = 3)(t, p)", "num_labels is needed only with multi_label"],
    ["Precision(1.5)(t, p)", "thresholds lie between 0 and 1"],
    ["Recall(class_id = 7)(t, p)", "class_id is less than the number of classes"],
    ['FBetaScore("mean")(t, p)', "the average is none, micro, macro or weighted"],
    ["IoU(2, [2])(i32(t), i32(p))", "target_class_ids are class numbers, less than num_classes"],
    ['R2Score("mean")(t, p)', "the class aggregation is uniform_average"],
    ["sparse_categorical_accuracy(t, p)", "labels must be class numbers"],
    ["TopKCategoricalAccuracy()(t[:, 0], p)", "labels must be one-hot"],
  ])("%s", (metric, wanted) => {
    const { diagnostics } = lowerText(`
      model M {
        input x: f32[N, 4]
        output p = x |> Dense(4, sigmoid)
      }
      data d {
        train {
          x = npy("x.npy")
          t: f32[4] = npy("t.npy")
        }
      }
      train M on d {
        loss mse(t, p)
        optimizer SGD()
        metrics ${metric}
      }`);
    expect(messages(diagnostics).join("\n")).toContain(wanted);
  });
});
