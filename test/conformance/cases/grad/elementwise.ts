/** Elementwise operations and activations. */

import { NotExpressible } from "../case-program.ts";
import {
  float,
  numberIn,
  type RuleCase,
  type RuleTable,
  shapeOf,
  single,
  textIn,
} from "../case-rules.ts";
import { translateFormula } from "../formula.ts";

/** The operation's formula as it is written, over the case's inputs and numbers of its config. */
export function byFormula(c: RuleCase): ReturnType<typeof single> {
  const names = new Map([...c.inputs.keys()].map((name) => [name, name]));
  // Formulas of losses call the target t.
  if (names.has("target") && !names.has("t")) names.set("t", "target");
  for (const [key, value] of Object.entries(c.config)) {
    if (typeof value === "number") names.set(key, float(value));
  }
  return single(translateFormula(c.formula, names));
}

/** Functions of the standard library, or builtins, of the operation's own name. */
const unary = (expression: (x: string) => string) => (c: RuleCase) => {
  const [name] = c.inputs.keys();
  return single(expression(name!));
};

const named: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    [
      ...["abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "ceil", "cos", "cosh", "erf"],
      ...["exp", "expm1", "floor", "log", "log1p", "reciprocal", "round", "rsqrt", "sigmoid"],
      ...["sign", "sin", "sinh", "sqrt", "square", "tan", "tanh", "trunc", "relu", "relu6"],
      ...["softplus", "softsign", "selu", "mish", "hard_tanh", "hard_sigmoid", "hard_swish"],
      ...["log_sigmoid", "silu", "swish", "exponential", "squareplus", "sparse_plus"],
    ].map((name) => [name, name]),
  ),
  hard_silu: "hard_swish",
  hardtanh: "hard_tanh",
  logsigmoid: "log_sigmoid",
};

const binary: Readonly<Record<string, (a: string, b: string) => string>> = {
  add: (a, b) => `${a} + ${b}`,
  sub: (a, b) => `${a} - ${b}`,
  mul: (a, b) => `${a} * ${b}`,
  div: (a, b) => `${a} / ${b}`,
  pow: (a, b) => `${a} ^ ${b}`,
  atan2: (a, b) => `atan2(${a}, ${b})`,
  maximum: (a, b) => `maximum(${a}, ${b})`,
  minimum: (a, b) => `minimum(${a}, ${b})`,
  mod: (a, b) => `mod(${a}, ${b})`,
  remainder: (a, b) => `mod(${a}, ${b})`,
  fmod: (a, b) => `${a} - trunc(${a} / ${b}) * ${b}`,
  hypot: (a, b) => `sqrt(${a}^2 + ${b}^2)`,
  logaddexp: (a, b) => `maximum(${a}, ${b}) + softplus(-abs(${a} - ${b}))`,
};

const binaryRules: RuleTable = Object.fromEntries(
  Object.entries(binary).map(([op, expression]) => [
    op,
    (c: RuleCase) => {
      const [a, b] = c.inputs.keys();
      return b === undefined ? byFormula(c) : single(expression(a!, b));
    },
  ]),
);

/** Along one axis, the last unless the config says so. */
const alongAxis = (fn: string) => (c: RuleCase) =>
  single(`${fn}(x, axis = ${numberIn(c, "axis", -1)})`);

/** Which member of a family the reference's function is. */
const member = (c: RuleCase): string =>
  /(\w+)(\(|$)/.exec(c.reference.split(".").at(-1)!)?.[1] ?? "";

export const elementwiseRules: RuleTable = {
  ...Object.fromEntries(Object.entries(named).map(([op, fn]) => [op, unary((x) => `${fn}(${x})`)])),
  ...binaryRules,
  neg: unary((x) => `-${x}`),
  log2: unary((x) => `log(${x}) / 0.6931471805599453`),
  log10: unary((x) => `log(${x}) / 2.302585092994046`),
  exp2: unary((x) => `exp(${x} * 0.6931471805599453)`),
  frac: unary((x) => `${x} - trunc(${x})`),
  logit: unary((x) => `log(${x} / (1 - ${x}))`),
  cbrt: unary((x) => `sign(${x}) * abs(${x}) ^ 0.3333333333333333`),
  erfc: unary((x) => `1 - erf(${x})`),
  clip: (c) => {
    const low = c.config.min ?? c.config.low ?? c.config.min_value;
    const high = c.config.max ?? c.config.high ?? c.config.max_value;
    return typeof low === "number" && typeof high === "number"
      ? single(`clip(x, ${float(low)}, ${float(high)})`)
      : byFormula(c);
  },
  celu: (c) => single(`celu(x, ${float(numberIn(c, "alpha", 1))})`),
  elu: (c) => single(`elu(x, ${float(numberIn(c, "alpha", 1))})`),
  leaky_relu: (c) => single(`leaky_relu(x, ${float(numberIn(c, "negative_slope", 0.01))})`),
  gelu: (c) => single(`gelu(x, approximate = ${textIn(c, "approximate", "none") === "tanh"})`),
  glu: alongAxis("glu"),
  log_softmax: alongAxis("log_softmax"),
  softmax: (c) =>
    single(`softmax(${member(c) === "softmin" ? "-x" : "x"}, axis = ${numberIn(c, "axis", -1)})`),
  silu: (c) => single(`x * sigmoid(${float(numberIn(c, "beta", 1))} * x)`),
  softplus: (c) => {
    const beta = float(numberIn(c, "beta", 1));
    return single(`softplus(${beta} * x) / ${beta}`);
  },
  threshold: (c) =>
    single(`threshold(x, ${float(numberIn(c, "threshold"))}, ${float(numberIn(c, "value"))})`),
  prelu: (c) => {
    const rank = shapeOf(c, "x").length;
    const sizes = shapeOf(c, "x").map((size, axis) => (axis === 1 ? size : 1));
    const slopes = shapeOf(c, "a");
    // One slope is that of all channels.
    const isOfChannels = slopes.length === 1 && slopes[0]! > 1 && rank > 1;
    const slope = isOfChannels ? `reshape(a, [${sizes}])` : "a";
    return single(`if x > 0 then x else ${slope} * x`);
  },
  shrink: (c) => {
    const width = float(numberIn(c, "lambd", 0.5));
    switch (member(c)) {
      case "hardshrink":
        return single(`hard_shrink(x, ${width})`);
      case "softshrink":
        return single(`soft_shrink(x, ${width})`);
      case "tanhshrink":
        return single("tanh_shrink(x)");
      default:
        throw new NotExpressible(`the shrinking function ${c.reference}`);
    }
  },
  dropout: (c) => single(`x * f32(mask) / ${float(1 - numberIn(c, "p"))}`),
  chain: byFormula,
  lerp: byFormula,
  where: byFormula,
  regulariser: byFormula,
};
