/**
 * Keras' layers and operations as programs that apply the library's layers, their weights set by name. An operation
 * that is a layer's is that layer; only what no layer says is written out here.
 */

import { snakeCase } from "../../../../compiler/semantics/paths.ts";
import { type CaseProgram, NotExpressible, type Tensor } from "../case-program.ts";
import {
  float,
  list,
  notation,
  numberIn,
  outputShape,
  type RuleCase,
  type RuleResult,
  shapeOf,
  textIn,
} from "../case-rules.ts";
import { argumentsOf, literal } from "./layer-arguments.ts";

type Config = Readonly<Record<string, unknown>>;

/** A layer, and what it is applied to. */
interface Application {
  readonly name: string;
  readonly config: Config;
  readonly inputs: ReadonlyMap<string, Tensor>;
  /** By path below the layer. */
  readonly weights: ReadonlyMap<string, Tensor>;
  /** The arguments of its call. */
  readonly call: string;
}

/** The case as a program: of a layer if the library has it, otherwise by a rule. */
export function kerasLayerProgram(c: RuleCase): CaseProgram {
  const application = operations[c.op]?.(c) ?? (isLayer(c.op) ? layerCase(c) : undefined);
  if (application !== undefined) return applied(c, application);
  const rule = formulas[c.op];
  if (rule === undefined) throw new NotExpressible(c.op);
  const { statements = [], outputs } = rule(c);
  return {
    params: new Map(),
    inputs: c.inputs,
    statements,
    outputs: [...c.outputs].map(([name, shape]) => ({ name, shape, expression: outputs[name]! })),
  };
}

/** Classes have capitals, operations none. */
const isLayer = (op: string): boolean => /^[A-Z]\w*$/.test(op);

function applied(c: RuleCase, { name, config, inputs, weights, call }: Application): CaseProgram {
  const path = snakeCase(name);
  const names = [...c.outputs.keys()];
  const bound = names.map((output) => `result_${output}`);
  const pattern = names.length === 1 ? bound[0]! : `(${bound.join(", ")})`;
  return {
    params: new Map(),
    inputs: new Map(),
    batches: inputs,
    weights: new Map([...weights].map(([weight, tensor]) => [`${path}/${weight}`, tensor])),
    statements: [`${pattern} = ${name}(${argumentsOf(Object.entries(config))})(${call})`],
    outputs: names.map((output, i) => ({
      name: output,
      expression: bound[i]!,
      shape: c.outputs.get(output)!,
      isBatch: true,
    })),
  };
}

const without = (config: Config, ...keys: readonly string[]): Config =>
  Object.fromEntries(Object.entries(config).filter(([key]) => !keys.includes(key)));

const pick = (c: RuleCase, names: readonly string[]): Map<string, Tensor> =>
  new Map([...c.inputs].filter(([name]) => names.includes(name)));

const rest = (c: RuleCase, inputs: ReadonlyMap<string, Tensor>): Map<string, Tensor> =>
  new Map([...c.inputs].filter(([name]) => !inputs.has(name)));

// Layers

/** What a call says rather than the layer's configuration. */
const callArguments = ["use_causal_mask", "return_attention_scores"];
const attentionInputs = ["query", "value", "key"];
const attentionMasks = ["query_mask", "value_mask", "key_mask", "attention_mask"];
const merged = [
  "Add",
  "Subtract",
  "Multiply",
  "Average",
  "Maximum",
  "Minimum",
  "Concatenate",
  "Dot",
];

function layerCase(c: RuleCase): Application {
  const { op, config } = c;
  if (op === "Attention" || op === "AdditiveAttention") return listAttention(c);
  if (op === "MultiHeadAttention" || op === "GroupQueryAttention") return headAttention(c);
  const data = merged.includes(op)
    ? [...c.inputs.keys()]
    : ["x", "inputs", "input", "mask"].filter((name) => c.inputs.has(name));
  const inputs = pick(c, data);
  const named = data.map((name) => (name === "mask" ? "mask = mask" : name));
  const call = merged.includes(op) ? list(data) : named.join(", ");
  return { name: op, config, inputs, weights: rest(c, inputs), call };
}

/** What an attention's call says beside its inputs. */
function attentionCall(c: RuleCase): string[] {
  const flags = callArguments.filter((key) => c.config[key] !== undefined);
  const given = flags.map((key) => `${key} = ${literal(c.config[key])}`);
  return c.outputs.size > 1 && c.config.return_attention_scores === undefined
    ? [...given, "return_attention_scores = true"]
    : given;
}

/** Of a list of query, value and key, with masks in a list. */
function listAttention(c: RuleCase): Application {
  const inputs = pick(c, [...attentionInputs, ...attentionMasks]);
  const data = attentionInputs.filter((name) => inputs.has(name));
  const isMasked = attentionMasks.some((name) => inputs.has(name));
  const masks = ["query_mask", "value_mask"].map((name) => (inputs.has(name) ? name : "none"));
  const call = [list(data), ...(isMasked ? [`mask = ${list(masks)}`] : []), ...attentionCall(c)];
  const config = without(c.config, ...callArguments);
  return { name: c.op, config, inputs, weights: rest(c, inputs), call: call.join(", ") };
}

/** Weights are `query_kernel`, of the projection `query`. */
function headAttention(c: RuleCase): Application {
  const inputs = pick(c, [...attentionInputs, ...attentionMasks]);
  const weights = [...rest(c, inputs)].map(([name, tensor]): [string, Tensor] => [
    name.replace(/_(kernel|bias)$/, "/$1").replace(/^output\//, "attention_output/"),
    tensor,
  ]);
  const call = [...inputs.keys()].map((name) => `${name} = ${name}`);
  return {
    name: c.op,
    config: without(c.config, ...callArguments),
    inputs,
    weights: new Map(weights),
    call: [...call, ...attentionCall(c)].join(", "),
  };
}

// Operations that are layers

/** An operation knows no batch: x is one sample, whose axes a layer counts from 1. */
function sampleOf(c: RuleCase): ReadonlyMap<string, Tensor> {
  const x = c.inputs.get("x")!;
  return new Map([["x", { ...x, shape: [1, ...x.shape] }]]);
}

function sampleAxis(axis: unknown): unknown {
  if (Array.isArray(axis)) return axis.map(sampleAxis);
  return typeof axis === "number" && axis >= 0 ? axis + 1 : axis;
}

/** A normalization with weights that the layer calls otherwise; those that are missing are left out of it. */
const normalization =
  (name: string, names: Readonly<Record<string, string>>, options: readonly string[]) =>
  (c: RuleCase): Application => {
    const { axis = -1, ...config } = c.config;
    const weights = Object.entries(names).flatMap(([given, own]): [string, Tensor][] => {
      const tensor = c.inputs.get(given);
      return tensor === undefined ? [] : [[own, tensor]];
    });
    const [scale, offset] = ["gamma", "beta"].map((own) => weights.some(([name]) => name === own));
    const parts = { scale, center: offset };
    const asked = Object.fromEntries(
      Object.entries(parts).filter(([option]) => options.includes(option)),
    );
    return {
      name,
      config: { ...config, axis: sampleAxis(axis), ...asked },
      inputs: sampleOf(c),
      weights: new Map(weights),
      call: "x",
    };
  };

const parts = ["scale", "center"];

/** A window's operation as the layer of its rank, its kernel's sizes taken from the kernel. */
const windowed =
  (name: (dimensions: number) => string, configOf: (c: RuleCase) => Config) =>
  (c: RuleCase): Application => {
    const inputs = pick(c, ["x"]);
    const weights = rest(c, inputs);
    return {
      name: name(shapeOf(c, "x").length - 2),
      config: { ...without(c.config, "function"), ...configOf(c) },
      inputs,
      weights,
      call: "x",
    };
  };

const channelsOf = (c: RuleCase): number =>
  shapeOf(c, "x").at(c.config.data_format === "channels_first" ? 1 : -1)!;

function kernelConfig(c: RuleCase, kernel: string): Config {
  return { kernel_size: shapeOf(c, kernel).slice(0, -2), use_bias: c.inputs.has("bias") };
}

/** As an operation has it: depthwise and pointwise kernels by their own names. */
const operations: Readonly<Record<string, (c: RuleCase) => Application | undefined>> = {
  layer_normalization: normalization(
    "LayerNormalization",
    { gamma: "gamma", beta: "beta", scale: "gamma", offset: "beta" },
    parts,
  ),
  batch_normalization: normalization(
    "BatchNormalization",
    { mean: "moving_mean", variance: "moving_variance", scale: "gamma", offset: "beta" },
    parts,
  ),
  rms_normalization: normalization("RMSNormalization", { scale: "scale" }, []),
  normalize: (c) => {
    const { axis = -1, order = 2, epsilon } = c.config;
    if (order !== 2 || epsilon !== undefined) return undefined;
    const all = shapeOf(c, "x").map((_, i) => i + 1);
    const config = { axis: axis === null ? all : sampleAxis(axis) };
    return {
      name: "UnitNormalization",
      config,
      inputs: sampleOf(c),
      weights: new Map(),
      call: "x",
    };
  },
  average_pool: windowed(
    (d) => `AveragePooling${d}D`,
    () => ({}),
  ),
  max_pool: windowed(
    (d) => `MaxPooling${d}D`,
    () => ({}),
  ),
  adaptive_average_pool: windowed(
    (d) => `AdaptiveAveragePooling${d}D`,
    () => ({}),
  ),
  adaptive_max_pool: windowed(
    (d) => `AdaptiveMaxPooling${d}D`,
    () => ({}),
  ),
  conv: windowed(
    (d) => `Conv${d}D`,
    (c) => ({
      ...kernelConfig(c, "kernel"),
      filters: shapeOf(c, "kernel").at(-1)!,
      groups: channelsOf(c) / shapeOf(c, "kernel").at(-2)!,
    }),
  ),
  conv_transpose: windowed(
    (d) => `Conv${d}DTranspose`,
    (c) => ({ ...kernelConfig(c, "kernel"), filters: shapeOf(c, "kernel").at(-2)! }),
  ),
  depthwise_conv: windowed(
    (d) => `DepthwiseConv${d}D`,
    (c) => ({ ...kernelConfig(c, "kernel"), depth_multiplier: shapeOf(c, "kernel").at(-1)! }),
  ),
  separable_conv: windowed(
    (d) => `SeparableConv${d}D`,
    (c) => ({
      ...kernelConfig(c, "depthwise_kernel"),
      depth_multiplier: shapeOf(c, "depthwise_kernel").at(-1)!,
      filters: shapeOf(c, "pointwise_kernel").at(-1)!,
    }),
  ),
};

// What no layer says

const output = (expression: string, statements: readonly string[] = []): RuleResult => ({
  statements,
  outputs: { output: expression },
});

/** The standard library's function of that name, with the config as named arguments. */
function activation(c: RuleCase): RuleResult {
  const { function: fn, ...config } = c.config;
  // The one default that differs: keras.activations' threshold is 0, and so is what stands below it.
  const defaults = fn === "threshold" ? { threshold: 0, default_value: 0 } : {};
  const named = Object.entries({ ...defaults, ...config }).map(
    ([key, value]) => `, ${key} = ${literal(value)}`,
  );
  return output(`${fn}(x${named.join("")})`);
}

/** x divided by its norm of an order other than 2. */
function normalize(c: RuleCase): RuleResult {
  const { axis = -1 } = c.config;
  const axes = axis === null ? shapeOf(c, "x").map((_, i) => i) : [axis].flat();
  const order = numberIn(c, "order", 2);
  const powers = `sum(abs(x)^${float(order)}, axis = ${literal(axes)}, keepdims = true)`;
  const epsilon = float(numberIn(c, "epsilon", 1e-12));
  return output(`x / maximum(${powers} ^ ${float(1 / order)}, ${epsilon})`);
}

/** The block offset is the slower part of the channel index. */
function depthToSpace(c: RuleCase): RuleResult {
  const b = numberIn(c, "block_size");
  const axes = ["n", "h", "w", "c"];
  const isToSpace = textIn(c, "function", "") === "depth_to_space";
  const channels = isToSpace ? outputShape(c, "output")[3]! : shapeOf(c, "x")[3]!;
  const place = isToSpace
    ? `x[n, h / ${b}, w / ${b}, ((h % ${b}) * ${b} + w % ${b}) * ${channels} + c]`
    : `x[n, h * ${b} + c / ${b * channels}, w * ${b} + (c / ${channels}) % ${b}, c % ${channels}]`;
  return output("moved", [notation("moved", axes, outputShape(c, "output"), place)]);
}

const formulas: Readonly<Record<string, (c: RuleCase) => RuleResult>> = {
  activations: activation,
  normalize,
  depth_to_space: depthToSpace,
  space_to_depth: depthToSpace,
};
