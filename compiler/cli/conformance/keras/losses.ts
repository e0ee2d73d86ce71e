/**
 * Keras' losses: a value a sample, then weights and the reduction. Where the library has the loss and nothing is
 * weighted, it is the library's function that is called.
 */

import {
  axisNames,
  element,
  float,
  isSet,
  notation,
  numberIn,
  type RuleCase,
  type RuleResult,
  type RuleTable,
  shapeOf,
} from "../case-rules.ts";

const t = "y_true";
const p = "y_pred";
const last = (reducer: string, elements: string): string => `${reducer}(${elements}, axis = -1)`;

/** Labels of 0 and 1 become −1 and 1. */
const signed = (c: RuleCase): string => {
  const data = Array.from(c.inputs.get(t)!.data);
  return data.every((label) => label === 0 || label === 1) ? `(2 * ${t} - 1)` : t;
};

const smoothed = (c: RuleCase, share: number): string => {
  const smoothing = numberIn(c, "label_smoothing", 0);
  return smoothing === 0 ? t : `(${t} * ${float(1 - smoothing)} + ${float(smoothing * share)})`;
};

/** log p over an axis, as the library finds it. */
const logarithms = (c: RuleCase, of = p, axis = -1): string =>
  `log_probabilities(${of}, ${isSet(c, "from_logits")}, ${axis})`;

const unit = (name: string, axis: number): string =>
  `${name} / sqrt(maximum(sum(${name}^2, axis = ${axis}, keepdims = true), 1e-12))`;

/** Values without the last dimension; the shape of a value is that of y_pred without it. */
export const lossValues: Readonly<Record<string, (c: RuleCase) => string>> = {
  MeanSquaredError: () => last("mean", `(${t} - ${p})^2`),
  MeanAbsoluteError: () => last("mean", `abs(${t} - ${p})`),
  MeanAbsolutePercentageError: () =>
    `100 * ${last("mean", `abs(${t} - ${p}) / maximum(abs(${t}), 1e-7)`)}`,
  MeanSquaredLogarithmicError: () =>
    last("mean", `(log1p(maximum(${p}, 1e-7)) - log1p(maximum(${t}, 1e-7)))^2`),
  Hinge: (c) => last("mean", `maximum(0, 1 - ${signed(c)} * ${p})`),
  SquaredHinge: (c) => last("mean", `maximum(0, 1 - ${signed(c)} * ${p})^2`),
  CategoricalHinge: () =>
    `maximum(0, ${last("max", `(1 - ${t}) * ${p}`)} - ${last("sum", `${t} * ${p}`)} + 1)`,
  KLDivergence: () =>
    last("sum", `clip(${t}, 1e-7, 1) * log(clip(${t}, 1e-7, 1) / clip(${p}, 1e-7, 1))`),
  Poisson: () => last("mean", `${p} - ${t} * log(${p} + 1e-7)`),
  LogCosh: () => last("mean", `(${p} - ${t}) + softplus(-2 * (${p} - ${t})) - 0.6931471805599453`),
  Huber: (c) => {
    const delta = float(numberIn(c, "delta", 1));
    const e = `abs(${t} - ${p})`;
    return last(
      "mean",
      `if ${e} <= ${delta} then 0.5 * ${e}^2 else ${delta} * ${e} - 0.5 * ${delta}^2`,
    );
  },
  CosineSimilarity: (c) => {
    const axis = numberIn(c, "axis", -1);
    return `-sum(${unit(t, axis)} * ${unit(p, axis)}, axis = ${axis})`;
  },
  BinaryCrossentropy: (c) => {
    const elements = isSet(c, "from_logits")
      ? `softplus(${p}) - ${smoothed(c, 0.5)} * ${p}`
      : `-(${smoothed(c, 0.5)} * log(clip(${p}, 1e-7, 0.9999999)) + (1 - ${smoothed(c, 0.5)}) * log(1 - clip(${p}, 1e-7, 0.9999999)))`;
    return last("mean", elements);
  },
  BinaryFocalCrossentropy: (c) => {
    const gamma = float(numberIn(c, "gamma", 2));
    const q = isSet(c, "from_logits") ? `sigmoid(${p})` : p;
    const right = `(${t} * ${q} + (1 - ${t}) * (1 - ${q}))`;
    const cross = isSet(c, "from_logits")
      ? `softplus(${p}) - ${t} * ${p}`
      : `-(${t} * log(clip(${p}, 1e-7, 0.9999999)) + (1 - ${t}) * log(1 - clip(${p}, 1e-7, 0.9999999)))`;
    const alpha = numberIn(c, "alpha", 0.25);
    const balance = isSet(c, "apply_class_balancing")
      ? `(${t} * ${float(alpha)} + (1 - ${t}) * ${float(1 - alpha)}) * `
      : "";
    return last("mean", `${balance}(1 - ${right})^${gamma} * (${cross})`);
  },
  CategoricalCrossentropy: (c) => {
    const target = smoothed(c, 1 / shapeOf(c, p).at(-1)!);
    return `-${last("sum", `${target} * ${logarithms(c)}`)}`;
  },
  CategoricalFocalCrossentropy: (c) => {
    const [alpha, gamma] = [float(numberIn(c, "alpha", 0.25)), float(numberIn(c, "gamma", 2))];
    const target = smoothed(c, 1 / shapeOf(c, p).at(-1)!);
    const log = isSet(c, "from_logits") ? `log_softmax(${p})` : logarithms(c);
    const hard = `${alpha} * (1 - exp(${log}))^${gamma}`;
    return `-${last("sum", `${hard} * ${target} * ${log}`)}`;
  },
  SparseCategoricalCrossentropy: (c) => {
    const shape = shapeOf(c, p).slice(0, -1);
    const label = `i32(reshape(${t}, [${shape.join(", ")}]))`;
    const picked = last("sum", `one_hot(${label}, ${shapeOf(c, p).at(-1)}) * ${logarithms(c)}`);
    const ignored = c.config.ignore_class;
    return typeof ignored === "number"
      ? `(if ${label} == ${ignored} then 0.0 else -${picked})`
      : `-${picked}`;
  },
  CategoricalGeneralizedCrossEntropy: (c) => {
    const q = float(numberIn(c, "q", 0.5));
    const label = `i32(${t})`;
    const picked = last("sum", `one_hot(${label}, ${shapeOf(c, p).at(-1)}) * ${p}`);
    return `(1 - ${picked}^${q}) / ${q}`;
  },
};

/** Values of a loss have the shape of y_pred but its last dimension. */
export const valueShape = (c: RuleCase): readonly number[] => shapeOf(c, p).slice(0, -1);

/** Weights in the shape of the values: a dimension of 1 too many goes, those that are missing are added. */
export function broadcastWeights(c: RuleCase, shape: readonly number[]): string | undefined {
  if (!c.inputs.has("sample_weight")) return undefined;
  const given = [...shapeOf(c, "sample_weight")];
  while (given.length > shape.length && given.at(-1) === 1) given.pop();
  while (given.length > 0 && given.length < shape.length) given.push(1);
  return `broadcast_to(reshape(sample_weight, [${given.join(", ")}]), [${shape.join(", ")}])`;
}

/** Values a sample, weighted and reduced as Keras does. */
export function reduceValues(c: RuleCase, values: string, reduction: string): RuleResult {
  const shape = valueShape(c);
  const axes = axisNames(shape.length);
  const weights = broadcastWeights(c, shape);
  const statements = [`each = ${values}`];
  if (weights !== undefined) {
    statements.push(`weights = ${weights}`);
    statements.push(
      notation("weighted", axes, shape, `${element("each", axes)} * ${element("weights", axes)}`),
    );
  } else {
    statements.push("weighted = each");
  }
  const [output] = c.outputs.keys();
  const reduced: Readonly<Record<string, string>> = {
    none: "weighted",
    null: "weighted",
    sum: "sum(weighted)",
    sum_over_batch_size: "mean(weighted)",
    mean: "mean(weighted)",
    mean_with_sample_weight:
      weights === undefined ? "mean(weighted)" : "sum(weighted) / sum(weights)",
  };
  return { statements, outputs: { [output!]: reduced[reduction]! } };
}

/** Names of the library's functions and of their arguments that configs may have. */
const library: Readonly<Record<string, readonly [fn: string, ...parameters: string[]]>> = {
  MeanSquaredError: ["mean_squared_error"],
  MeanAbsoluteError: ["mean_absolute_error"],
  Huber: ["huber", "delta"],
  BinaryCrossentropy: ["binary_crossentropy", "from_logits", "label_smoothing"],
  CategoricalCrossentropy: ["categorical_crossentropy", "from_logits", "label_smoothing", "axis"],
  SparseCategoricalCrossentropy: ["sparse_categorical_crossentropy", "from_logits", "ignore_class"],
};

/** The library's function over the batch, if it has it and the case is as `compile(loss = …)` would use it. */
export function libraryLoss(c: RuleCase): string | undefined {
  const [fn, ...parameters] = library[c.op] ?? [];
  const isPlain =
    !c.inputs.has("sample_weight") &&
    (c.config.reduction === undefined || c.config.reduction === "sum_over_batch_size") &&
    Object.keys(c.config).every((key) => key === "reduction" || parameters.includes(key));
  if (fn === undefined || !isPlain || shapeOf(c, p).length < 2) return undefined;
  const given = parameters
    .filter((key) => c.config[key] !== undefined && c.config[key] !== null)
    .map((key) => `, ${key} = ${c.config[key]}`);
  return `${fn}(${t}, ${p}${given.join("")})`;
}

const overlap = (c: RuleCase, score: (inner: string) => string): RuleResult => {
  const axis = c.config.axis;
  const over = Array.isArray(axis)
    ? `, axis = [${axis}]`
    : typeof axis === "number"
      ? `, axis = ${axis}`
      : "";
  const value = score(over);
  const isEach = c.config.reduction === null || c.config.reduction === "none";
  return { outputs: { [[...c.outputs.keys()][0]!]: isEach ? value : `mean(${value})` } };
};

const ofValues = (c: RuleCase): RuleResult =>
  reduceValues(
    c,
    lossValues[c.op]!(c),
    String(c.config.reduction === undefined ? "sum_over_batch_size" : c.config.reduction),
  );

export const kerasLossRules: RuleTable = {
  ...Object.fromEntries(Object.keys(lossValues).map((name) => [name, ofValues])),
  Dice: (c) =>
    overlap(
      c,
      (over) => `1 - 2 * sum(${t} * ${p}${over}) / (sum(${t}${over}) + sum(${p}${over}) + 1e-7)`,
    ),
  Tversky: (c) => {
    const [alpha, beta] = [float(numberIn(c, "alpha", 0.5)), float(numberIn(c, "beta", 0.5))];
    return overlap(c, (over) => {
      const hits = `sum(${t} * ${p}${over})`;
      const falsePositives = `${alpha} * sum((1 - ${t}) * ${p}${over})`;
      const falseNegatives = `${beta} * sum(${t} * (1 - ${p})${over})`;
      return `1 - ${hits} / (${hits} + ${falsePositives} + ${falseNegatives} + 1e-7)`;
    });
  },
  categorical_crossentropy: (c) => {
    const axis = numberIn(c, "axis", -1);
    const log = logarithms(c, "output", axis);
    return { outputs: { output: `-sum(target * ${log}, axis = ${axis})` } };
  },
};
