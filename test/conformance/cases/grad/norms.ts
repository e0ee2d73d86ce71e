/** Normalisations: mean and biased variance over some axes, then a scale and a shift. */

import {
  axesIn,
  float,
  fromStart,
  isSet,
  list,
  numberIn,
  type RuleCase,
  type RuleResult,
  type RuleTable,
  shapeOf,
  single,
} from "../case-rules.ts";

/** A vector over one axis, in a shape that broadcasts against x. */
const along = (name: string, shape: readonly number[], axis: number): string =>
  `reshape(${name}, ${list(shape.map((size, i) => (i === axis ? size : 1)))})`;

/** (x − mean) / √(variance + ε) over the axes. */
function normalised(x: string, axes: readonly number[], epsilon: number): string[] {
  const over = `axis = ${list(axes)}, keepdims = true`;
  return [
    `centre = mean(${x}, ${over})`,
    `spread = mean((${x} - centre)^2, ${over})`,
    `normal = (${x} - centre) / sqrt(spread + ${float(epsilon)})`,
  ];
}

function scaled(c: RuleCase, x: string, scale: (name: string) => string): string {
  const gamma = c.inputs.has("gamma") ? `${x} * ${scale("gamma")}` : x;
  return c.inputs.has("beta") ? `${gamma} + ${scale("beta")}` : gamma;
}

const others = (rank: number, ...left: number[]): number[] =>
  Array.from({ length: rank }, (_, i) => i).filter((i) => !left.includes(i));

function batchNormTrain(c: RuleCase): RuleResult {
  const shape = shapeOf(c, "x");
  const axes = others(shape.length, 1);
  const count = axes.reduce((product, axis) => product * shape[axis]!, 1);
  const result = single(
    scaled(c, "normal", (name) => along(name, shape, 1)),
    normalised("x", axes, numberIn(c, "epsilon", 1e-5)),
  );
  if (!c.outputs.has("aux_new_running_mean")) return result;
  const momentum = numberIn(c, "torch_momentum", 0.1);
  const moved = (old: string, batch: string) =>
    `${float(1 - momentum)} * ${old} + ${float(momentum)} * reshape(${batch}, [${shape[1]}])`;
  return {
    ...result,
    outputs: {
      ...result.outputs,
      aux_new_running_mean: moved("running_mean", "centre"),
      aux_new_running_var: moved("running_var", `(spread * ${float(count / (count - 1))})`),
    },
  };
}

export const normRules: RuleTable = {
  batchnorm_train: batchNormTrain,
  batchnorm_eval: (c) => {
    const shape = shapeOf(c, "x");
    const [mean, variance] = ["running_mean", "running_var"].map((name) => along(name, shape, 1));
    const normal = `(x - ${mean}) / sqrt(${variance} + ${float(numberIn(c, "epsilon", 1e-5))})`;
    return single(scaled(c, normal, (name) => along(name, shape, 1)));
  },
  instancenorm: (c) => {
    const shape = shapeOf(c, "x");
    const steps = normalised("x", others(shape.length, 0, 1), numberIn(c, "epsilon", 1e-5));
    return single(
      scaled(c, "normal", (name) => along(name, shape, 1)),
      steps,
    );
  },
  groupnorm: (c) => {
    const shape = shapeOf(c, "x");
    const groups = numberIn(c, "groups");
    const [samples, channels, ...spatial] = shape;
    const cut = [samples!, groups, channels! / groups, ...spatial];
    const axes = others(cut.length, 0, 1);
    const steps = [
      `cut = reshape(x, ${list(cut)})`,
      ...normalised("cut", axes, numberIn(c, "epsilon", 1e-5)),
    ];
    return single(
      scaled(c, `reshape(normal, ${list(shape)})`, (name) => along(name, shape, 1)),
      steps,
    );
  },
  layernorm: (c) => {
    const axes = axesIn(c, shapeOf(c, "x").length);
    const steps = normalised("x", axes, numberIn(c, "epsilon", 1e-5));
    return single(
      scaled(c, "normal", (name) => name),
      steps,
    );
  },
  rmsnorm: (c) => {
    const axes =
      "axes" in c.config || "axis" in c.config ? axesIn(c, shapeOf(c, "x").length) : [-1];
    const square = `mean(x^2, axis = ${list(axes)}, keepdims = true)`;
    return single(
      scaled(c, `x / sqrt(${square} + ${float(numberIn(c, "epsilon", 1e-6))})`, (n) => n),
    );
  },
  lp_normalize: (c) => {
    const p = numberIn(c, "p", 2);
    const axis = fromStart(numberIn(c, "axis", 1), shapeOf(c, "x").length);
    const over = `axis = ${axis}, keepdims = true`;
    const norm =
      p === 1
        ? `sum(abs(x), ${over})`
        : p === 2
          ? `sqrt(sum(x^2, ${over}))`
          : `sum(abs(x)^${float(p)}, ${over}) ^ ${float(1 / p)}`;
    return single(`x / maximum(${norm}, ${float(numberIn(c, "epsilon", 1e-12))})`);
  },
  weight_norm: (c) => {
    const axes = others(shapeOf(c, "v").length, numberIn(c, "dim", 0));
    const norm = `sqrt(sum(v^2, axis = ${list(axes)}, keepdims = true))`;
    const product = "x @ transpose(w)";
    return single(isSet(c, "bias") || c.inputs.has("b") ? `${product} + b` : product, [
      `w = g * v / ${norm}`,
    ]);
  },
};
