/** Keras' operations and functions that no layer says: the library's functions, or written out. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { findPackageFiles } from "../../../../compiler/cli/package-files.ts";
import { builtinNames } from "../../../../compiler/semantics/builtins/index.ts";
import { NotExpressible } from "../case-program.ts";
import {
  axisNames,
  element,
  float,
  isSet,
  list,
  notation,
  numberIn,
  outputShape,
  type Rule,
  type RuleCase,
  type RuleResult,
  shapeOf,
  textIn,
} from "../case-rules.ts";
import { shapeRules } from "../grad/shapes.ts";
import { argumentsOf } from "./layer-arguments.ts";
import { literal } from "./literal.ts";

/** One result, whatever the case calls it. */
function result(c: RuleCase, expression: string, statements: readonly string[] = []): RuleResult {
  const [name] = c.outputs.keys();
  return { statements, outputs: { [name!]: expression } };
}

/** Defaults of `keras.ops` and `keras.activations` that differ from those of the library's functions. */
const defaults: Readonly<Record<string, (c: RuleCase) => RuleCase["config"]>> = {
  // keras.activations' threshold is 0, and so is what stands below it.
  threshold: () => ({ threshold: 0, default_value: 0 }),
  gelu: ({ reference }) => ({ approximate: reference === "keras.ops.gelu" }),
};

/** The standard library's function of that name, with the config as named arguments. */
function activation(c: RuleCase): RuleResult {
  const { function: fn = c.op, ...config } = c.config;
  const named = { ...defaults[String(fn)]?.(c), ...config };
  const given = ["x", argumentsOf(Object.entries(named))].filter((text) => text !== "");
  return result(c, `${fn}(${given.join(", ")})`);
}

/** x divided by its norm of an order other than 2. */
function normalize(c: RuleCase): RuleResult {
  const { axis = -1 } = c.config;
  const axes = axis === null ? shapeOf(c, "x").map((_, i) => i) : [axis].flat();
  const order = numberIn(c, "order", 2);
  const powers = `sum(abs(x)^${float(order)}, axis = ${literal(axes)}, keepdims = true)`;
  const epsilon = float(numberIn(c, "epsilon", 1e-12));
  return result(c, `x / maximum(${powers} ^ ${float(1 / order)}, ${epsilon})`);
}

/** The block offset is the slower part of the channel index. */
function depthToSpace(c: RuleCase): RuleResult {
  const b = numberIn(c, "block_size");
  const isFirst = c.config.data_format === "channels_first";
  const axes = isFirst ? ["n", "c", "h", "w"] : ["n", "h", "w", "c"];
  const at = (h: string, w: string, channel: string) =>
    element("x", isFirst ? ["n", channel, h, w] : ["n", h, w, channel]);
  const isToSpace = textIn(c, "function", c.op) === "depth_to_space";
  const shape = isToSpace ? outputShape(c, "output") : shapeOf(c, "x");
  const channels = shape[isFirst ? 1 : 3]!;
  const place = isToSpace
    ? at(`h / ${b}`, `w / ${b}`, `((h % ${b}) * ${b} + w % ${b}) * ${channels} + c`)
    : at(
        `h * ${b} + c / ${b * channels}`,
        `w * ${b} + (c / ${channels}) % ${b}`,
        `c % ${channels}`,
      );
  return result(c, "moved", [notation("moved", axes, outputShape(c, "output"), place)]);
}

/** Mean and variance over axes. */
function moments(c: RuleCase): RuleResult {
  const names = [...c.outputs.keys()];
  const call = `moments(x, axis = ${literal(c.config.axes)}, keepdims = ${isSet(c, "keepdims")})`;
  return {
    statements: [`(mean_of_x, variance_of_x) = ${call}`],
    outputs: { [names[0]!]: "mean_of_x", [names[1]!]: "variance_of_x" },
  };
}

/** A class number as a row of zeros with a one, at the axis that the config says; of no class all are 0. */
function oneHot(c: RuleCase): RuleResult {
  const shape = outputShape(c, [...c.outputs.keys()][0]!);
  const axes = axisNames(shape.length);
  const axis = numberIn(c, "axis", -1);
  const along = axis < 0 ? axis + shape.length : axis;
  const at = element(
    "x",
    axes.filter((_, i) => i !== along),
  );
  const body = `if ${at} == ${axes[along]} then 1.0 else 0.0`;
  return result(c, "hot", [notation("hot", axes, shape, body)]);
}

/** Which classes occur along the last axis. */
function multiHot(c: RuleCase): RuleResult {
  const shape = outputShape(c, [...c.outputs.keys()][0]!);
  const axes = axisNames(shape.length);
  const at = element("x", [...axes.slice(0, -1), "j"]);
  const body = `max[j < ${shapeOf(c, "x").at(-1)}] (if ${at} == ${axes.at(-1)} then 1.0 else 0.0)`;
  return result(c, "hot", [notation("hot", axes, shape, body)]);
}

/** softmax(q kᵀ · scale + bias) v for [batch, time, heads, width]; heads of q share those of k and v in order. */
function attention(c: RuleCase): RuleResult {
  const [batch, rows, heads, width] = shapeOf(c, "query") as [number, number, number, number];
  const [, columns, own] = shapeOf(c, "key") as [number, number, number];
  const h = own === heads ? "h" : `h / ${heads / own}`;
  const { scale } = c.config;
  const factor = float(typeof scale === "number" ? scale : 1 / Math.sqrt(width));
  const bounds = `b < ${batch}, h < ${heads}, i < ${rows}`;
  const product = `${factor} * sum[d < ${width}] query[b, i, h, d] * key[b, j, ${h}, d]`;
  const at = (name: string) => {
    const places = ["b", "h", "i", "j"].slice(4 - shapeOf(c, name).length);
    return element(
      name,
      places.map((place, i) => (shapeOf(c, name)[i] === 1 ? "0" : place)),
    );
  };
  const bias = c.inputs.has("bias") ? ` + ${at("bias")}` : "";
  const seen = [
    ...(c.inputs.has("mask") ? [at("mask")] : []),
    ...(isSet(c, "is_causal") ? ["j <= i"] : []),
  ];
  const score = "scores[b, h, i, j]";
  const visible = seen.length === 0 ? score : `if ${seen.join(" and ")} then ${score} else -1e30`;
  const outer = `b < ${batch}, i < ${rows}, h < ${heads}, e < ${shapeOf(c, "value").at(-1)}`;
  return result(c, "attended", [
    `scores[${bounds}, j < ${columns}] = ${product}${bias}`,
    `visible[${bounds}, j < ${columns}] = ${visible}`,
    "shares = softmax(visible, axis = -1)",
    `attended[${outer}] = sum[j < ${columns}] shares[b, h, i, j] * value[b, j, ${h}, e]`,
  ]);
}

/** Between patches of one sample as columns and an image, in the words of the reference of patches. */
function patches(c: RuleCase): RuleResult {
  const rank = 2;
  const both = (value: unknown, otherwise: number) =>
    Array.isArray(value) ? value : Array(rank).fill(value ?? otherwise);
  const { kernel_size: kernel, dilation, padding, stride, output_size: output } = c.config;
  const config = {
    kernel: both(kernel, 1),
    dilation: both(dilation, 1),
    padding: both(padding, 0),
    stride: both(stride, 1),
    ...(output !== undefined && { output: both(output, 1) }),
  };
  const [name, shape] = [...c.outputs][0]!;
  const rule = shapeRules.im2col!({ ...c, config, outputs: new Map([["y", shape]]) });
  return { ...rule, outputs: { [name]: rule.outputs.y! } };
}

const formulas: Readonly<Record<string, Rule>> = {
  activations: activation,
  normalize,
  depth_to_space: depthToSpace,
  space_to_depth: depthToSpace,
  moments,
  one_hot: oneHot,
  multi_hot: multiHot,
  dot_product_attention: attention,
  unfold: patches,
  fold: patches,
  psnr: (c) => {
    const largest = float(numberIn(c, "max_val"));
    const [a, b] = c.inputs.keys();
    return result(c, `(20 * log(${largest}) - 10 * log(mean((${a} - ${b})^2))) / log(10.0)`);
  },
  polar: (c) => {
    const [radius, angle] = c.inputs.keys();
    const [real, imaginary] = c.outputs.keys();
    return {
      outputs: {
        [real!]: `${radius} * cos(${angle})`,
        [imaginary!]: `${radius} * sin(${angle})`,
      },
    };
  },
};

/** Of tensors alone: regularizers and constraints take their arguments first, and x then. */
const curried: Rule = (c) => {
  const [tensor] = c.inputs.keys();
  return result(c, `${c.op}(${argumentsOf(Object.entries(c.config))})(${tensor})`);
};

/** A regularizer's function takes its arguments with the tensor, as an activation does; a constraint's before it. */
const penalty: Rule = (c) => {
  const name = penaltyClasses[c.op] ?? c.op;
  return curried({ ...c, op: name });
};

/** Functions by the class that computes the same with the same arguments. */
const penaltyClasses: Readonly<Record<string, string>> = {
  l1: "L1",
  l2: "L2",
  orthogonal_regularizer: "OrthogonalRegularizer",
};

/** An initializer that draws nothing: a function of the shape. */
const initializer: Rule = (c) => {
  const { shape = outputShape(c, [...c.outputs.keys()][0]!), ...config } = c.config;
  return result(c, `${c.op}(${argumentsOf(Object.entries(config))})(${list(shape as number[])})`);
};

const modules: readonly (readonly [module: RegExp, rule: Rule])[] = [
  [/^keras\.regularizers\./, penalty],
  [/^keras\.constraints\./, curried],
  [/^keras\.initializers\./, initializer],
  [/^keras\.(ops|activations)\./, activation],
];

/** What turns the case into expressions. */
export function functionOf(c: RuleCase): Rule {
  const rule = formulas[c.op] ?? modules.find(([module]) => module.test(c.reference))?.[1];
  if (rule === undefined || (rule !== formulas[c.op] && !isNamed(c.op))) {
    throw new NotExpressible(c.reference);
  }
  return rule;
}

/** Whether the language or its library has the name. */
function isNamed(name: string): boolean {
  const file = readFileSync(join(findPackageFiles().std, "names.json"), "utf8");
  return builtinNames.includes(name) || Object.hasOwn(JSON.parse(file) as object, name);
}
