/** Keras' activations, layers and operations. Channels are last. */

import { NotExpressible } from "../case-program.ts";
import {
  axisNames,
  element,
  float,
  fromStart,
  isSet,
  list,
  notation,
  numberIn,
  outputShape,
  type RuleCase,
  type RuleResult,
  type RuleTable,
  shapeOf,
  textIn,
} from "../case-rules.ts";

const output = (expression: string, statements: readonly string[] = []): RuleResult => ({
  statements,
  outputs: { output: expression },
});

/** A config's value as the language writes it. */
function literal(value: unknown): string {
  if (typeof value === "number") return float(value);
  if (typeof value === "boolean") return String(value);
  throw new NotExpressible(`the argument ${JSON.stringify(value)}`);
}

/** The standard library's function of that name, with the config as named arguments. */
function activation(c: RuleCase): RuleResult {
  const { function: fn, ...config } = c.config;
  // The one default that differs: keras.activations' threshold is 0, and so is what stands below it.
  const defaults = fn === "threshold" ? { threshold: 0, default_value: 0 } : {};
  const named = Object.entries({ ...defaults, ...config }).map(
    ([key, value]) => `, ${key} = ${key === "axis" ? value : literal(value)}`,
  );
  return output(`${fn}(x${named.join("")})`);
}

const others = (rank: number, left: readonly number[]): number[] =>
  Array.from({ length: rank }, (_, i) => i).filter((i) => !left.includes(i));

/** (x − mean) / √(variance + ε) over axes. */
function normalised(x: string, axes: readonly number[], epsilon: string): string[] {
  const over = `axis = ${list(axes)}, keepdims = true`;
  return [
    `centre = mean(${x}, ${over})`,
    `spread = mean((${x} - centre)^2, ${over})`,
    `normal = (${x} - centre) / sqrt(spread + ${epsilon})`,
  ];
}

/** A vector over one axis of x, in a shape that broadcasts. */
const along = (c: RuleCase, name: string, axis: number): string =>
  `reshape(${name}, ${list(shapeOf(c, "x").map((size, i) => (i === axis ? size : 1)))})`;

const epsilonOf = (c: RuleCase, otherwise: number) => float(numberIn(c, "epsilon", otherwise));

const axisOf = (c: RuleCase): number => fromStart(numberIn(c, "axis", -1), shapeOf(c, "x").length);

function groupNorm(c: RuleCase): RuleResult {
  const shape = shapeOf(c, "x");
  const axis = axisOf(c);
  const groups = numberIn(c, "groups", 32) === -1 ? shape[axis]! : numberIn(c, "groups", 32);
  const cut = [...shape.slice(0, axis), groups, shape[axis]! / groups, ...shape.slice(axis + 1)];
  const steps = normalised("cut", others(cut.length, [0, axis]), epsilonOf(c, 1e-3));
  const normal = `reshape(normal, ${list(shape)})`;
  const scaled = c.inputs.has("gamma") ? `${normal} * ${along(c, "gamma", axis)}` : normal;
  return output(c.inputs.has("beta") ? `${scaled} + ${along(c, "beta", axis)}` : scaled, [
    `cut = reshape(x, ${list(cut)})`,
    ...steps,
  ]);
}

function layerNorm(c: RuleCase): RuleResult {
  const axes = [c.config.axis ?? -1]
    .flat()
    .map((axis) => fromStart(axis as number, shapeOf(c, "x").length));
  const scaled = c.inputs.has("gamma") ? "normal * gamma" : "normal";
  return output(
    c.inputs.has("beta") ? `${scaled} + beta` : scaled,
    normalised("x", axes, epsilonOf(c, 1e-3)),
  );
}

function batchNorm(c: RuleCase): RuleResult {
  const axis = axisOf(c);
  const normal = `(x - ${along(c, "mean", axis)}) / sqrt(${along(c, "variance", axis)} + ${epsilonOf(c, 1e-3)})`;
  const scaled = c.inputs.has("scale") ? `${normal} * ${along(c, "scale", axis)}` : normal;
  return output(c.inputs.has("offset") ? `${scaled} + ${along(c, "offset", axis)}` : scaled);
}

function rmsNorm(c: RuleCase): RuleResult {
  const axis = axisOf(c);
  const square = `mean(x^2, axis = ${axis}, keepdims = true)`;
  const normal = `x / sqrt(${square} + ${epsilonOf(c, 1e-6)})`;
  return output(c.inputs.has("scale") ? `${normal} * ${along(c, "scale", axis)}` : normal);
}

function normalize(c: RuleCase): RuleResult {
  const rank = shapeOf(c, "x").length;
  const axes = c.config.axis === null ? others(rank, []) : [axisOf(c)];
  const over = `axis = ${list(axes)}, keepdims = true`;
  const order = numberIn(c, "order", 2);
  const norm =
    order === 2
      ? `sqrt(sum(x^2, ${over}))`
      : `sum(abs(x)^${float(order)}, ${over}) ^ ${float(1 / order)}`;
  return output(`x / maximum(${norm}, ${epsilonOf(c, 1e-12)})`);
}

/** query [n, i, d], key and value [n, j, d]; scores are shared out by softmax. */
function attention(c: RuleCase): RuleResult {
  const [batch, rows, depth] = shapeOf(c, "query") as [number, number, number];
  const key = c.inputs.has("key") ? "key" : "value";
  const columns = shapeOf(c, key)[1]!;
  const width = shapeOf(c, "value")[2]!;
  const isDot = c.op === "Attention" && textIn(c, "score_mode", "dot") === "dot";
  const term = isDot
    ? `query[n, i, d] * ${key}[n, j, d]`
    : `tanh(query[n, i, d] + ${key}[n, j, d])`;
  const scale = c.inputs.has("scale") ? "scale * " : "";
  const masked = c.inputs.has("value_mask")
    ? "if value_mask[n, j] then raw[n, i, j] else raw[n, i, j] - 1e9"
    : "raw[n, i, j]";
  const causal = isSet(c, "use_causal_mask") ? `if j <= i then (${masked}) else -1e9` : masked;
  const box = `n < ${batch}, i < ${rows}, j < ${columns}`;
  const shown = c.inputs.has("query_mask")
    ? "if query_mask[n, i] then mixed[n, i, e] else 0.0"
    : "mixed[n, i, e]";
  return {
    statements: [
      `raw[${box}] = ${scale}sum[d < ${depth}] (${term})`,
      `masked[${box}] = ${causal}`,
      "shares = softmax(masked, axis = -1)",
      `mixed[n < ${batch}, i < ${rows}, e < ${width}] = sum[j < ${columns}] shares[n, i, j] * value[n, j, e]`,
      `attended[n < ${batch}, i < ${rows}, e < ${width}] = ${shown}`,
    ],
    outputs: { output: "attended", ...(c.outputs.has("scores") && { scores: "shares" }) },
  };
}

/** The block offset is the slower part of the channel index. */
function depthToSpace(c: RuleCase): RuleResult {
  const b = numberIn(c, "block_size");
  const axes = ["n", "h", "w", "c"];
  const channels =
    textIn(c, "function", "") === "depth_to_space"
      ? outputShape(c, "output")[3]!
      : shapeOf(c, "x")[3]!;
  const place =
    textIn(c, "function", "") === "depth_to_space"
      ? `x[n, h / ${b}, w / ${b}, ((h % ${b}) * ${b} + w % ${b}) * ${channels} + c]`
      : `x[n, h * ${b} + c / ${b * channels}, w * ${b} + (c / ${channels}) % ${b}, c % ${channels}]`;
  return output("moved", [notation("moved", axes, outputShape(c, "output"), place)]);
}

/** Cells before the input where windows keep the size (`same`), see only the past (`causal`), or stay inside. */
function cellsBefore(
  c: RuleCase,
  size: number,
  { extent, stride }: { readonly extent: number; readonly stride: number },
): number {
  const padding = textIn(c, "padding", "valid");
  if (padding === "causal") return extent - 1;
  if (padding !== "same") return 0;
  return Math.floor(Math.max((Math.ceil(size / stride) - 1) * stride + extent - size, 0) / 2);
}

/** Kernels are [spatial, inputs / groups, filters]. */
function convolve(c: RuleCase): RuleResult {
  const sizes = shapeOf(c, "x").slice(1, -1);
  const [kernel, channels] = [shapeOf(c, "kernel").slice(0, -2), shapeOf(c, "kernel").at(-2)!];
  const strides = perAxis(c.config.strides ?? 1, sizes.length);
  const dilation = perAxis(c.config.dilation_rate ?? 1, sizes.length);
  const perGroup = shapeOf(c, "kernel").at(-1)! / numberIn(c, "groups", 1);
  const p = axisNames(sizes.length, "p");
  const k = axisNames(sizes.length, "k");
  const places = sizes.map((size, i) => {
    const extent = dilation[i]! * (kernel[i]! - 1) + 1;
    const before = cellsBefore(c, size, { extent, stride: strides[i]! });
    return `${p[i]} * ${strides[i]} + ${k[i]} * ${dilation[i]} - ${before}`;
  });
  const channel = numberIn(c, "groups", 1) === 1 ? "c" : `o / ${perGroup} * ${channels} + c`;
  const over = [...k.map((name, i) => `${name} < ${kernel[i]}`), `c < ${channels}`].join(", ");
  const product = `${element("x", ["n", ...places, channel])} * ${element("kernel", [...k, "c", "o"])}`;
  const conv = notation(
    "conv",
    ["n", ...p, "o"],
    outputShape(c, "output"),
    `sum[${over}] ${product}`,
  );
  const sum = c.inputs.has("bias") ? "conv + bias" : "conv";
  const fn = c.config.activation;
  return output(typeof fn === "string" ? `${fn}(${sum})` : sum, [conv]);
}

const perAxis = (value: unknown, count: number): number[] =>
  Array.isArray(value) ? (value as number[]) : Array.from({ length: count }, () => value as number);

/** Windows that reach beyond the edge see only what is inside. */
const pool = (reducer: "mean" | "max") => (c: RuleCase) => {
  const sizes = shapeOf(c, "x").slice(1, -1);
  const kernel = perAxis(c.config.pool_size, sizes.length);
  const strides = perAxis(c.config.strides ?? c.config.pool_size, sizes.length);
  const p = axisNames(sizes.length, "p");
  const k = axisNames(sizes.length, "k");
  const places = sizes.map((size, i) => {
    const before = cellsBefore(c, size, { extent: kernel[i]!, stride: strides[i]! });
    return `${p[i]} * ${strides[i]} + ${k[i]} - ${before}`;
  });
  const over = k.map((name, i) => `${name} < ${kernel[i]}`).join(", ");
  const body = `${reducer}[${over}] ${element("x", ["n", ...places, "c"])}`;
  return output("pooled", [notation("pooled", ["n", ...p, "c"], outputShape(c, "output"), body)]);
};

export const kerasLayerRules: RuleTable = {
  activations: activation,
  layer_normalization: layerNorm,
  LayerNormalization: layerNorm,
  GroupNormalization: groupNorm,
  RMSNormalization: rmsNorm,
  rms_normalization: rmsNorm,
  batch_normalization: batchNorm,
  normalize,
  Attention: attention,
  AdditiveAttention: attention,
  depth_to_space: depthToSpace,
  space_to_depth: depthToSpace,
  average_pool: pool("mean"),
  max_pool: pool("max"),
  conv: convolve,
  ...Object.fromEntries(
    [1, 2, 3].flatMap((d) => [
      [`AveragePooling${d}D`, pool("mean")],
      [`MaxPooling${d}D`, pool("max")],
      [`Conv${d}D`, convolve],
    ]),
  ),
  UnitNormalization: (c) => {
    const axes = list([c.config.axis ?? -1].flat() as number[]);
    return output(`x / sqrt(maximum(sum(x^2, axis = ${axes}, keepdims = true), 1e-12))`);
  },
};
