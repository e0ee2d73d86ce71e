/** Normalizations by the library's layers; over the samples too, or of a batch in training, by its functions. */

import { float, fromStart, list } from "../case-rules.ts";
import type { NodeCall, Rules, Value } from "./rule.ts";
import { alongChannels } from "./windows.ts";

const axesFrom = (first: number, rank: number): number[] =>
  Array.from({ length: rank - first }, (_, i) => first + i);

const without = (shape: readonly number[], axes: readonly number[]): number[] =>
  shape.map((size, axis) => (axes.includes(axis) ? 1 : size));

interface Moments {
  readonly mean: Value;
  readonly variance: Value;
}

/** Mean and variance over axes, which stay as 1. */
function momentsOf(call: NodeCall, x: Value, axes: readonly number[]): Moments {
  const names = call.fresh(2);
  const over = `axis = ${list(axes)}, keepdims = true`;
  call.state(`(${names.join(", ")}) = moments(${x.expression}, ${over})`, names);
  const [mean, variance] = names.map((expression) => ({
    dtype: "f32" as const,
    shape: without(x.shape, axes),
    expression,
  }));
  return { mean: mean!, variance: variance! };
}

const inverseRoot = (call: NodeCall, variance: Value, epsilon: number): Value =>
  call.define(`rsqrt(${variance.expression} + ${float(epsilon)})`, variance.shape);

/** (x − mean) · factor. */
const normalized = (call: NodeCall, x: Value, mean: string, factor: string): Value =>
  call.define(`(${x.expression} - ${mean}) * ${factor}`, x.shape);

/** y · scale + shift, where there are any. */
function scaled(call: NodeCall, y: Value, scale?: string, shift?: string): Value {
  const product = scale === undefined ? y.expression : `${y.expression} * ${scale}`;
  if (scale === undefined && shift === undefined) return y;
  return call.define(shift === undefined ? product : `${product} + ${shift}`, y.shape);
}

/** A layer of the library applied to x, with these weights. */
function byLayer(
  call: NodeCall,
  text: string,
  x: Value,
  weights: Readonly<Record<string, Value>>,
): Value {
  const given = Object.entries(weights).map(([name, value]) => [name, { value }] as const);
  const layer = call.layer(text, Object.fromEntries(given));
  return call.define(`${layer}(${x.expression})`, x.shape);
}

function batchNormalization(call: NodeCall): Value[] {
  const [x, scale, shift, mean, variance] = [0, 1, 2, 3, 4].map((i) => call.input(i));
  const rank = x!.shape.length;
  const epsilon = call.float("epsilon", 1e-5);
  if (call.int("training_mode", 0) === 0) {
    return [
      byLayer(call, `BatchNormalization(axis = 1, epsilon = ${float(epsilon)})`, x!, {
        gamma: scale!,
        beta: shift!,
        moving_mean: mean!,
        moving_variance: variance!,
      }),
    ];
  }
  const batch = momentsOf(call, x!, [0, ...axesFrom(2, rank)]);
  const factor = inverseRoot(call, batch.variance, epsilon);
  const y = normalized(call, x!, batch.mean.expression, factor.expression);
  const along = (value: Value) => alongChannels(value, rank);
  const momentum = call.float("momentum", 0.9);
  const moved = (old: Value, { expression }: Value) =>
    call.define(
      `${float(momentum)} * ${old.expression} + ${float(1 - momentum)} * reshape(${expression}, ${list(old.shape)})`,
      old.shape,
    );
  return [
    scaled(call, y, along(scale!), along(shift!)),
    moved(mean!, batch.mean),
    moved(variance!, batch.variance),
  ];
}

/** Groups of channels of each sample; −1 groups are as many as channels. */
function ofGroups(call: NodeCall, groups: number): Value {
  const epsilon = float(call.float("epsilon", 1e-5));
  const layer = `GroupNormalization(${groups}, axis = 1, epsilon = ${epsilon})`;
  return byLayer(call, layer, call.input(0), { gamma: call.input(1), beta: call.input(2) });
}

/** The scale and the shift are those of channels, before version 21 those of groups. */
function groupNormalization(call: NodeCall): Value[] {
  const groups = call.int("num_groups");
  if (call.opset >= 21) return [ofGroups(call, groups)];
  const x = call.input(0);
  const [samples, channels, ...spatial] = x.shape as [number, number, ...number[]];
  const shape = [samples, groups, channels / groups, ...spatial];
  const cut = call.define(`reshape(${x.expression}, ${list(shape)})`, shape);
  const { mean, variance } = momentsOf(call, cut, axesFrom(2, cut.shape.length));
  const factor = inverseRoot(call, variance, call.float("epsilon", 1e-5));
  const normal = normalized(call, cut, mean.expression, factor.expression);
  const [scale, shift] = [1, 2].map((i) => alongChannels(call.input(i), cut.shape.length));
  const y = scaled(call, normal, scale, shift);
  return [call.define(`reshape(${y.expression}, ${list(x.shape)})`, x.shape)];
}

/** Over the axes from `axis` on; also gives the mean and what deviations were multiplied by. */
function layerNormalization(call: NodeCall): Value[] {
  const [x, scale] = [call.input(0), call.input(1)];
  const shift = call.inputs[2];
  const first = fromStart(call.int("axis", -1), x.shape.length);
  const axes = axesFrom(first, x.shape.length);
  const epsilon = call.float("epsilon", 1e-5);
  const { mean, variance } = momentsOf(call, x, axes);
  const factor = inverseRoot(call, variance, epsilon);
  if (first === 0 || !isWeight(x, first, scale, shift)) {
    const y = normalized(call, x, mean.expression, factor.expression);
    return [scaled(call, y, scale.expression, shift?.expression), mean, factor];
  }
  const center = `center = ${shift !== undefined}`;
  const layer = `LayerNormalization(axis = ${list(axes)}, epsilon = ${float(epsilon)}, ${center})`;
  const weights = { gamma: scale, ...(shift !== undefined && { beta: shift }) };
  return [byLayer(call, layer, x, weights), mean, factor];
}

/** Whether these have the sizes of x's axes from `first` on, and not others that broadcast. */
const isWeight = (x: Value, first: number, ...weights: readonly (Value | undefined)[]): boolean =>
  weights.every(
    (weight) => weight === undefined || weight.shape.join() === x.shape.slice(first).join(),
  );

/** x / √(mean x² + ε) · scale, over the axes from `axis` on. */
function rmsNormalization(call: NodeCall): Value[] {
  const [x, scale] = [call.input(0), call.input(1)];
  const first = fromStart(call.int("axis", -1), x.shape.length);
  const axes = axesFrom(first, x.shape.length);
  const epsilon = call.float("epsilon", 1e-5);
  if (first > 0 && isWeight(x, first, scale)) {
    const layer = `RMSNormalization(axis = ${list(axes)}, epsilon = ${float(epsilon)})`;
    return [byLayer(call, layer, x, { scale })];
  }
  const square = call.define(
    `mean(${x.expression}^2, axis = ${list(axes)}, keepdims = true)`,
    without(x.shape, axes),
  );
  const factor = inverseRoot(call, square, epsilon);
  return [call.define(`${x.expression} * ${factor.expression} * ${scale.expression}`, x.shape)];
}

/** (x − mean) / (√variance + 1e-9). */
function meanVariance(call: NodeCall): Value[] {
  const x = call.input(0);
  const axes = (call.ints("axes") ?? [0, 2, 3]).map((axis) => fromStart(axis, x.shape.length));
  const { mean, variance } = momentsOf(call, x, axes);
  const spread = `(sqrt(${variance.expression}) + 1e-9)`;
  return [call.define(`(${x.expression} - ${mean.expression}) / ${spread}`, x.shape)];
}

export const normalizationRules: Rules = {
  BatchNormalization: batchNormalization,
  InstanceNormalization: (call) => [ofGroups(call, -1)],
  GroupNormalization: groupNormalization,
  LayerNormalization: layerNormalization,
  RMSNormalization: rmsNormalization,
  MeanVarianceNormalization: meanVariance,
};
