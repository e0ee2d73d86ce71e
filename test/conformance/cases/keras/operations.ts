/** Keras' operations that are layers of the library. */

import type { Tensor } from "../case-program.ts";
import { type RuleCase, shapeOf } from "../case-rules.ts";
import { type Application, type Config, pick, rest, without } from "./application.ts";

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
export const operations: Readonly<Record<string, (c: RuleCase) => Application | undefined>> = {
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
