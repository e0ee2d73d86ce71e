/** Normalizations: mean and biased variance over some axes, then a scale and a shift. */

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

function batchNormalization(call: NodeCall): Value[] {
  const [x, scale, shift, mean, variance] = [0, 1, 2, 3, 4].map((i) => call.input(i));
  const rank = x!.shape.length;
  const epsilon = call.float("epsilon", 1e-5);
  const along = (value: Value) => alongChannels(value, rank);
  const finished = (y: Value) => scaled(call, y, along(scale!), along(shift!));
  if (call.int("training_mode", 0) === 0) {
    const factor = inverseRoot(call, variance!, epsilon);
    return [finished(normalized(call, x!, along(mean!), along(factor)))];
  }
  const batch = momentsOf(call, x!, [0, ...axesFrom(2, rank)]);
  const factor = inverseRoot(call, batch.variance, epsilon);
  const momentum = call.float("momentum", 0.9);
  const moved = (old: Value, { expression }: Value) =>
    call.define(
      `${float(momentum)} * ${old.expression} + ${float(1 - momentum)} * reshape(${expression}, ${list(old.shape)})`,
      old.shape,
    );
  return [
    finished(normalized(call, x!, batch.mean.expression, factor.expression)),
    moved(mean!, batch.mean),
    moved(variance!, batch.variance),
  ];
}

/** Each channel of each sample by itself. */
function instanceNormalization(call: NodeCall): Value[] {
  const x = call.input(0);
  const rank = x.shape.length;
  const { mean, variance } = momentsOf(call, x, axesFrom(2, rank));
  const factor = inverseRoot(call, variance, call.float("epsilon", 1e-5));
  const y = normalized(call, x, mean.expression, factor.expression);
  const [scale, shift] = [1, 2].map((i) => alongChannels(call.input(i), rank));
  return [scaled(call, y, scale, shift)];
}

/** Groups of channels; the scale and the shift are those of channels, before version 21 those of groups. */
function groupNormalization(call: NodeCall): Value[] {
  const x = call.input(0);
  const [samples, channels, ...spatial] = x.shape as [number, number, ...number[]];
  const groups = call.int("num_groups");
  const cut = call.define(
    `reshape(${x.expression}, ${list([samples, groups, channels / groups, ...spatial])})`,
    [samples, groups, channels / groups, ...spatial],
  );
  const { mean, variance } = momentsOf(call, cut, axesFrom(2, cut.shape.length));
  const factor = inverseRoot(call, variance, call.float("epsilon", 1e-5));
  const normal = normalized(call, cut, mean.expression, factor.expression);
  const whole = (y: Value) => call.define(`reshape(${y.expression}, ${list(x.shape)})`, x.shape);
  const along = (y: Value) =>
    [1, 2].map((i) => alongChannels(call.input(i), y.shape.length)) as [string, string];
  if (call.opset < 21) return [whole(scaled(call, normal, ...along(normal)))];
  const y = whole(normal);
  return [scaled(call, y, ...along(y))];
}

/** Over the axes from `axis` on; also gives the mean and what deviations were multiplied by. */
function layerNormalization(call: NodeCall): Value[] {
  const [x, scale] = [call.input(0), call.input(1)];
  const axes = axesFrom(fromStart(call.int("axis", -1), x.shape.length), x.shape.length);
  const { mean, variance } = momentsOf(call, x, axes);
  const factor = inverseRoot(call, variance, call.float("epsilon", 1e-5));
  const y = normalized(call, x, mean.expression, factor.expression);
  return [scaled(call, y, scale.expression, call.inputs[2]?.expression), mean, factor];
}

/** x / √(mean x² + ε) · scale, over the axes from `axis` on. */
function rmsNormalization(call: NodeCall): Value[] {
  const [x, scale] = [call.input(0), call.input(1)];
  const axes = axesFrom(fromStart(call.int("axis", -1), x.shape.length), x.shape.length);
  const square = call.define(
    `mean(${x.expression}^2, axis = ${list(axes)}, keepdims = true)`,
    without(x.shape, axes),
  );
  const factor = inverseRoot(call, square, call.float("epsilon", 1e-5));
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
  InstanceNormalization: instanceNormalization,
  GroupNormalization: groupNormalization,
  LayerNormalization: layerNormalization,
  RMSNormalization: rmsNormalization,
  MeanVarianceNormalization: meanVariance,
};
