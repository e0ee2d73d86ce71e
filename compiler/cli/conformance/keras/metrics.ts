/** Keras' metrics: sums over the data with the weights of samples, finished into a figure. */

import { NotExpressible } from "../case-program.ts";
import {
  element,
  float,
  numberIn,
  outputShape,
  type RuleCase,
  type RuleResult,
  type RuleTable,
  shapeOf,
} from "../case-rules.ts";
import { broadcastWeights, lossValues, reduceValues, valueShape } from "./losses.ts";

const t = "y_true";
const p = "y_pred";
const result = (expression: string, statements: readonly string[] = []): RuleResult => ({
  statements,
  outputs: { result: expression },
});

/** Means of values divide by the weights' sum. */
const meanOf = (values: (c: RuleCase) => string) => (c: RuleCase) =>
  reduceValues(c, values(c), "mean_with_sample_weight");

/** Weights in the shape of y_pred itself, or ones. */
function elementWeights(c: RuleCase): string {
  const shape = shapeOf(c, p);
  return broadcastWeights(c, shape) ?? `full([${shape.join(", ")}], 1.0)`;
}

function thresholdsOf(c: RuleCase, key: string): readonly number[] {
  const given = c.config[key];
  if (given === null || given === undefined) return [0.5];
  return Array.isArray(given) ? (given as number[]) : [given as number];
}

/** Weighted counts of the four outcomes at one threshold; booleans as 0 and 1. */
function outcomes(threshold: string): Readonly<Record<"tp" | "fp" | "tn" | "fn", string>> {
  const positive = `f32(${p} > ${threshold})`;
  return {
    tp: `sum(w * ${t} * ${positive})`,
    fp: `sum(w * (1 - ${t}) * ${positive})`,
    tn: `sum(w * (1 - ${t}) * (1 - ${positive}))`,
    fn: `sum(w * ${t} * (1 - ${positive}))`,
  };
}

/** One figure a threshold, or one figure where one threshold is given. */
function perThreshold(
  c: RuleCase,
  figure: (counts: ReturnType<typeof outcomes>) => string,
): RuleResult {
  const figures = thresholdsOf(c, "thresholds").map((threshold) =>
    figure(outcomes(float(threshold))),
  );
  const isList = outputShape(c, "result").length > 0;
  return result(isList ? `stack([${figures.join(", ")}], axis = 0)` : figures[0]!, [
    `w = ${elementWeights(c)}`,
  ]);
}

const ratio = (above: string, below: string): string =>
  `(if ${below} > 0 then ${above} / ${below} else 0.0)`;

/** Only the k largest of a row count as positive; of equals the first are larger. */
function topK(c: RuleCase, k: number): string[] {
  const shape = shapeOf(c, p);
  const lead = shape.slice(0, -1).map((_, i) => `b${i}`);
  const bounded = lead.map((name, i) => `${name} < ${shape[i]}`);
  const size = shape.at(-1)!;
  const at = (place: string) => element(p, [...lead, place]);
  const before = `if ${at("j")} > ${at("i")} or (${at("j")} == ${at("i")} and j < i) then 1 else 0`;
  return [
    `rank_of[${[...bounded, `i < ${size}`].join(", ")}] = sum[j < ${size}] (${before})`,
    `chosen = f32(rank_of < ${k})`,
  ];
}

const precisionOrRecall = (missed: "fp" | "fn") => (c: RuleCase) => {
  const k = c.config.top_k;
  if (typeof k !== "number") {
    return perThreshold(c, (counts) => ratio(counts.tp, `(${counts.tp} + ${counts[missed]})`));
  }
  const hits = `sum(w * ${t} * chosen)`;
  const all = missed === "fp" ? "sum(w * chosen)" : `sum(w * ${t})`;
  return result(ratio(hits, all), [`w = ${elementWeights(c)}`, ...topK(c, k)]);
};

const count = (kind: "tp" | "fp" | "tn" | "fn") => (c: RuleCase) =>
  perThreshold(c, (counts) => counts[kind]);

function fBeta(c: RuleCase): RuleResult {
  const [rows, classes] = shapeOf(c, p) as [number, number];
  const beta = numberIn(c, "beta", 1) ** 2;
  const threshold = c.config.threshold;
  const positive =
    typeof threshold === "number"
      ? `f32(${p} > ${float(threshold)})`
      : `one_hot(argmax(${p}, axis = -1), ${classes})`;
  const weights = broadcastWeights(c, [rows]) ?? `full([${rows}], 1.0)`;
  const average = String(c.config.average);
  const over = average === "micro" ? "" : ", axis = 0";
  const statements = [
    `w = reshape(${weights}, [${rows}, 1])`,
    `positive = ${positive}`,
    `tp = sum(w * ${t} * positive${over})`,
    `fp = sum(w * (1 - ${t}) * positive${over})`,
    `fn_count = sum(w * ${t} * (1 - positive)${over})`,
    "precision = tp / (tp + fp + 1e-7)",
    "recall = tp / (tp + fn_count + 1e-7)",
    `score = ${float(1 + beta)} * precision * recall / (precision * ${float(beta)} + recall + 1e-7)`,
  ];
  const averages: Readonly<Record<string, string>> = {
    null: "score",
    micro: "score",
    macro: "mean(score)",
    weighted: "sum(score * share) / (sum(share) + 1e-7)",
  };
  if (average === "weighted") statements.push(`share = sum(w * ${t}, axis = 0)`);
  return result(averages[average]!, statements);
}

function r2(c: RuleCase): RuleResult {
  const [rows] = shapeOf(c, p) as [number];
  const weights = broadcastWeights(c, [rows]) ?? `full([${rows}], 1.0)`;
  const regressors = numberIn(c, "num_regressors", 0);
  const adjusted = `1 - (1 - score) * ${float(rows - 1)} / ${float(rows - regressors - 1)}`;
  const aggregate: Readonly<Record<string, string>> = {
    null: "each",
    uniform_average: "mean(each)",
    variance_weighted_average: "sum(each * total) / sum(total)",
  };
  return result(regressors === 0 ? "score" : adjusted, [
    `w = reshape(${weights}, [${rows}, 1])`,
    `centre = sum(w * ${t}, axis = 0) / sum(w)`,
    `total = sum(w * (${t} - centre)^2, axis = 0)`,
    `each = 1 - sum(w * (${t} - ${p})^2, axis = 0) / total`,
    `score = ${aggregate[String(c.config.class_aggregation === undefined ? "uniform_average" : c.config.class_aggregation)]}`,
  ]);
}

/** Whether fewer than k entries of a row are larger than the one at the label. */
const topKAccuracy = (label: (c: RuleCase) => string) =>
  meanOf((c) => {
    const classes = shapeOf(c, p).at(-1)!;
    const at = `sum(one_hot(${label(c)}, ${classes}) * ${p}, axis = -1, keepdims = true)`;
    return `f32(sum(f32(${p} > ${at}), axis = -1) < ${float(numberIn(c, "k", 5))})`;
  });

/** The area under a curve of rates at fixed thresholds, whose first and last take all and none. */
function areaUnderCurve(c: RuleCase): RuleResult {
  const thresholds = numberIn(c, "num_thresholds", 200);
  const inner = Array.from({ length: thresholds - 2 }, (_, i) => (i + 1) / (thresholds - 1));
  const all = [-1e-7, ...inner, 1 + 1e-7].map((value) => outcomes(float(value)));
  const gather = (kind: "tp" | "fp" | "tn" | "fn") =>
    `${kind}_at = stack([${all.map((counts) => counts[kind]).join(", ")}], axis = 0)`;
  const statements = [
    `w = ${elementWeights(c)}`,
    ...(["tp", "fp", "tn", "fn"] as const).map(gather),
  ];
  const safe = (above: string, below: string) =>
    `(if ${below} > 0 then ${above} / ${below} else 0.0)`;
  const curve = String(c.config.curve ?? "ROC");
  const method = String(c.config.summation_method ?? "interpolation");
  const [before, after] = [`:${thresholds - 1}`, "1:"];
  if (curve === "PR" && method === "interpolation") {
    statements.push(
      `tp_a = tp_at[${before}]`,
      `tp_b = tp_at[${after}]`,
      `all_a = tp_a + fp_at[${before}]`,
      `all_b = tp_b + fp_at[${after}]`,
      `slope = ${safe("(tp_a - tp_b)", "(all_a - all_b)")}`,
      "intercept = tp_b - slope * all_b",
      `relative = (if all_a > 0 and all_b > 0 then all_a / maximum(all_b, 1e-30) else 1.0)`,
      `area = slope * ((tp_a - tp_b) + intercept * log(relative))`,
      `positives = tp_b + fn_at[${after}]`,
    );
    return result(`sum(${safe("area", "positives")})`, statements);
  }
  statements.push(`recall = ${safe("tp_at", "(tp_at + fn_at)")}`);
  if (curve === "ROC") statements.push(`x = ${safe("fp_at", "(fp_at + tn_at)")}`, "y = recall");
  else if (curve === "PR") statements.push("x = recall", `y = ${safe("tp_at", "(tp_at + fp_at)")}`);
  else throw new NotExpressible(`the curve ${curve}`);
  const heights: Readonly<Record<string, string>> = {
    interpolation: `(y[${before}] + y[${after}]) / 2`,
    majoring: `maximum(y[${before}], y[${after}])`,
    minoring: `minimum(y[${before}], y[${after}])`,
  };
  return result(`sum((x[${before}] - x[${after}]) * ${heights[method]})`, statements);
}

/** The loss of the same name, where weights' sum divides. */
const ofLoss = (name: string) => meanOf((c) => lossValues[name]!({ ...c, op: name }));

export const kerasMetricRules: RuleTable = {
  ...Object.fromEntries(Object.keys(lossValues).map((name) => [name, ofLoss(name)])),
  // Without weights all samples count, the ignored ones too; with weights those leave the sum.
  SparseCategoricalCrossentropy: (c) => {
    const plain = ofLoss("SparseCategoricalCrossentropy")(c);
    const ignored = c.config.ignore_class;
    if (typeof ignored !== "number" || !c.inputs.has("sample_weight")) return plain;
    const kept = `f32(i32(reshape(${t}, [${valueShape(c).join(", ")}])) != ${ignored})`;
    return { ...plain, outputs: { result: `sum(weighted) / sum(weights * ${kept})` } };
  },
  RootMeanSquaredError: (c) => {
    const shape = shapeOf(c, p);
    const weights = broadcastWeights(c, shape) ?? `full([${shape.join(", ")}], 1.0)`;
    return result(`sqrt(sum(w * (${t} - ${p})^2) / sum(w))`, [`w = ${weights}`]);
  },
  Accuracy: meanOf(() => `mean(f32(${t} == ${p}), axis = -1)`),
  BinaryAccuracy: meanOf(
    (c) => `mean(f32(f32(${p} > ${float(numberIn(c, "threshold", 0.5))}) == ${t}), axis = -1)`,
  ),
  CategoricalAccuracy: meanOf(() => `f32(argmax(${t}, axis = -1) == argmax(${p}, axis = -1))`),
  SparseCategoricalAccuracy: meanOf(
    (c) => `f32(i32(reshape(${t}, [${valueShape(c).join(", ")}])) == argmax(${p}, axis = -1))`,
  ),
  TopKCategoricalAccuracy: topKAccuracy(() => `argmax(${t}, axis = -1)`),
  SparseTopKCategoricalAccuracy: topKAccuracy(
    (c) => `i32(reshape(${t}, [${valueShape(c).join(", ")}]))`,
  ),
  // The metric is the cosine; the loss is its negative.
  CosineSimilarity: meanOf((c) => `-(${lossValues.CosineSimilarity!(c)})`),
  LogCoshError: ofLoss("LogCosh"),
  Precision: precisionOrRecall("fp"),
  Recall: precisionOrRecall("fn"),
  TruePositives: count("tp"),
  FalsePositives: count("fp"),
  TrueNegatives: count("tn"),
  FalseNegatives: count("fn"),
  FBetaScore: fBeta,
  F1Score: fBeta,
  R2Score: r2,
  AUC: areaUnderCurve,
};
