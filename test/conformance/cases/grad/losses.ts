/** Losses of the PyTorch reference: elements of the loss, then `reduction` none, sum or mean. */

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
  reduceLoss,
  reduction,
  shapeOf,
  single,
  textIn,
} from "../case-rules.ts";
import { byFormula } from "./elementwise.ts";

/**
 * The library's class, which averages the last axis, where the case takes the mean or the sum of all elements; else
 * the elements as the reference has them.
 */
function byLibrary(
  c: RuleCase,
  name: string,
  elements: string,
  { x = "x", config = "", isOneEach = false } = {},
): RuleResult {
  const kind = textIn(c, "reduction", "mean");
  if (kind === "none" || c.inputs.has("w")) return reduceLoss(c, elements);
  const shape = shapeOf(c, x);
  const width =
    kind === "sum" && shape.length > 1 && !isOneEach ? ` * ${float(shape.at(-1)!)}` : "";
  const reduction = kind === "sum" ? `reduction = "sum"` : "";
  const given = [config, reduction].filter((text) => text !== "").join(", ");
  return single(`${name}(${given})(target, ${x})${width}`);
}

const weighted = (c: RuleCase, elements: string, weight = "w"): string =>
  c.inputs.has(weight) ? `${weight} * (${elements})` : elements;

/** −Σ over the classes of axis 1, of x = log-probabilities or logits, at integer targets. */
function classLoss(c: RuleCase, isLogits: boolean): RuleResult {
  const shape = shapeOf(c, "x");
  const classAxis = shape.length === 1 ? 0 : 1;
  const classes = shape[classAxis]!;
  const axes = axisNames(shape.length);
  const outer = axes.filter((_, i) => i !== classAxis);
  const sizes = shape.filter((_, i) => i !== classAxis);
  const k = axes[classAxis]!;
  const target = element("target", outer);
  const ignored = c.config.ignore_index;
  const smoothing = float(numberIn(c, "label_smoothing", 0));
  const weight = c.inputs.has("w") ? `w[${k}]` : "1.0";
  const statements = [isLogits ? `logp = log_softmax(x, axis = ${classAxis})` : "logp = x"];
  const logp = element("logp", axes);
  const over = (body: string) => reduction("sum", [k], [classes], body);
  // Ignored targets are of no class, so that they pick nothing.
  const isKept = typeof ignored === "number" ? ` and ${target} != ${ignored}` : "";
  const isTarget = `${target} == ${k}${isKept}`;
  const picked = over(`if ${isTarget} then -${weight} * ${logp} else 0.0`);
  const spread = over(
    `if ${target} != ${typeof ignored === "number" ? ignored : -1} then -${weight} * ${logp} / ${float(classes)} else 0.0`,
  );
  const loss =
    numberIn(c, "label_smoothing", 0) === 0
      ? picked
      : `(1 - ${smoothing}) * ${picked} + ${smoothing} * ${spread}`;
  statements.push(notation("terms", outer, sizes, loss));
  statements.push(notation("kept", outer, sizes, over(`if ${isTarget} then ${weight} else 0.0`)));
  const kind = textIn(c, "reduction", "mean");
  if (kind === "none") return single("terms", statements);
  return single(kind === "sum" ? "sum(terms)" : "sum(terms) / sum(kept)", statements);
}

/** Probabilities as targets: −Σ t · log softmax, averaged over all but the classes. */
function softLoss(c: RuleCase): RuleResult {
  const kind = textIn(c, "reduction", "mean");
  const reduction = kind === "mean" ? "sum_over_batch_size" : kind;
  const smoothing = float(numberIn(c, "label_smoothing", 0));
  const config = `from_logits = true, label_smoothing = ${smoothing}, reduction = "${reduction}", axis = 1`;
  return single(`CategoricalCrossentropy(${config})(target, x)`);
}

/** Class numbers as targets: the library's, where nothing weighs or smooths the classes. */
function sparseLoss(c: RuleCase): RuleResult {
  const isPlain = !c.inputs.has("w") && numberIn(c, "label_smoothing", 0) === 0;
  if (!isPlain || shapeOf(c, "x").length === 1) return classLoss(c, true);
  const kind = textIn(c, "reduction", "mean");
  const ignored = typeof c.config.ignore_index === "number" ? c.config.ignore_index : "none";
  const reduction = kind === "mean" ? "sum_over_batch_size" : kind;
  const config = `from_logits = true, ignore_class = ${ignored}, reduction = "${reduction}", axis = 1`;
  return single(`SparseCategoricalCrossentropy(${config})(target, x)`);
}

const isFloat = (c: RuleCase, name: string): boolean => c.inputs.get(name)?.dtype === "f32";

export const lossRules: RuleTable = {
  mse: (c) => byLibrary(c, "MeanSquaredError", weighted(c, "(x - target)^2")),
  mae: (c) => byLibrary(c, "MeanAbsoluteError", weighted(c, "abs(x - target)")),
  huber: (c) => {
    const delta = float(numberIn(c, "delta", 1));
    const e = "abs(x - target)";
    const elements = `if ${e} <= ${delta} then 0.5 * ${e}^2 else ${delta} * (${e} - 0.5 * ${delta})`;
    return byLibrary(c, "Huber", elements, { config: `delta = ${delta}` });
  },
  smooth_l1: (c) => {
    const beta = float(numberIn(c, "beta", 1));
    const e = "abs(x - target)";
    return reduceLoss(c, `if ${e} < ${beta} then 0.5 * ${e}^2 / ${beta} else ${e} - 0.5 * ${beta}`);
  },
  // PyTorch keeps each logarithm above −100; no figure comes near it.
  bce: (c) => {
    const elements = weighted(c, "-(target * log(p) + (1 - target) * log(1 - p))");
    return byLibrary(c, "BinaryCrossentropy", elements, { x: "p" });
  },
  bce_logits: (c) => {
    if (!c.inputs.has("pos_weight")) {
      const elements = weighted(c, "softplus(x) - x * target");
      return byLibrary(c, "BinaryCrossentropy", elements, { config: "from_logits = true" });
    }
    const balanced = "(1 - target) * x + (1 + (pos_weight - 1) * target) * softplus(-x)";
    return reduceLoss(c, weighted(c, balanced));
  },
  cross_entropy: (c) => (isFloat(c, "target") ? softLoss(c) : sparseLoss(c)),
  nll: (c) => classLoss(c, false),
  kl_div: (c) => {
    const [q, p] = [...c.inputs.keys()];
    const elements = isSet(c, "log_target")
      ? `exp(${p}) * (${p} - ${q})`
      : `if ${p} > 0 then ${p} * (log(${p}) - ${q}) else 0.0`;
    if (textIn(c, "reduction", "mean") !== "batchmean") return reduceLoss(c, elements);
    return single(`sum(${elements}) / ${float(shapeOf(c, q!)[0]!)}`);
  },
  poisson: (c) => {
    const epsilon = float(numberIn(c, "eps", 1e-8));
    // The library adds 1e-7 to the rate.
    if (c.config.log_input === false && c.config.eps === 1e-7) {
      return byLibrary(c, "Poisson", `x - target * log(x + ${epsilon})`);
    }
    return reduceLoss(
      c,
      c.config.log_input === false ? `x - target * log(x + ${epsilon})` : "exp(x) - target * x",
    );
  },
  gaussian_nll: (c) =>
    reduceLoss(c, `0.5 * (log(maximum(var, 1e-6)) + (x - target)^2 / maximum(var, 1e-6))`),
  hinge: (c) => {
    if (/max_c/.test(c.formula)) {
      const wrong = "max((1 - target) * x, axis = -1)";
      const values = `maximum(0, ${wrong} - sum(target * x, axis = -1) + 1)`;
      return byLibrary(c, "CategoricalHinge", values, { isOneEach: true });
    }
    const margin = "maximum(0, 1 - target * x)";
    return /\^2/.test(c.formula)
      ? byLibrary(c, "SquaredHinge", `${margin}^2`)
      : byLibrary(c, "Hinge", margin);
  },
  ranking: (c) => {
    const margin = float(numberIn(c, "margin", 0));
    return reduceLoss(c, `maximum(0, -target * (x1 - x2) + ${margin})`);
  },
  triplet: (c) => {
    const distance = (a: string, b: string) => `sqrt(sum((${a} - ${b} + 1e-6)^2, axis = -1))`;
    const [a, p, n] = [...c.inputs.keys()] as [string, string, string];
    const margin = float(numberIn(c, "margin", 1));
    return reduceLoss(c, `maximum(0, ${distance(a, p)} - ${distance(a, n)} + ${margin})`);
  },
  focal: (c) => {
    const gamma = float(numberIn(c, "gamma", 2));
    const pt = "(if target == 1 then sigmoid(x) else sigmoid(-x))";
    const log = "(if target == 1 then log_sigmoid(x) else log_sigmoid(-x))";
    const elements = `-(1 - ${pt})^${gamma} * ${log}`;
    const config = `gamma = ${gamma}, from_logits = true`;
    return byLibrary(c, "BinaryFocalCrossentropy", elements, { config });
  },
  cosine: (c) => {
    const margin = float(numberIn(c, "margin", 0));
    const norm = (v: string) => `(sum(${v} * ${v}, axis = -1) + 1e-12)`;
    const cosine = `sum(x * y, axis = -1) / sqrt(${norm("x")} * ${norm("y")})`;
    return {
      ...reduceLoss(c, `if target > 0 then 1 - cosine else maximum(0, cosine - ${margin})`),
      statements: [`cosine = ${cosine}`],
    };
  },
  log_cosh: (c) =>
    byLibrary(c, "LogCosh", "softplus(-2 * (x - target)) + (x - target) - 0.6931471805599453"),
  regulariser: byFormula,
};
