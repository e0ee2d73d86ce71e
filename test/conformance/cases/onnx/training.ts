/** What ONNX has for training: gradients, one step of an optimizer for each of several tensors, and dropout. */

import { NotExpressible } from "../case-program.ts";
import { float, list } from "../case-rules.ts";
import type { NodeCall, Rules, Value } from "./rule.ts";

interface StepInputs {
  readonly rate: string;
  readonly step: string;
  readonly x: Value;
  /** The gradient with that of the penalty ½ · norm_coefficient · |x|². */
  readonly gradient: string;
  /** What the optimizer remembers of the tensor. */
  readonly slots: readonly Value[];
}

/** The inputs are R, T, all tensors, all gradients, and all of each slot; the outputs all tensors and slots anew. */
const optimizer =
  (slotCount: number, update: (call: NodeCall, inputs: StepInputs) => readonly Value[]) =>
  (call: NodeCall): Value[] => {
    const [rate, step] = [call.input(0), call.input(1)];
    const count = (call.inputs.length - 2) / (2 + slotCount);
    const penalty = call.float("norm_coefficient", 0);
    const updated = Array.from({ length: count }, (_, i) => {
      const x = call.input(2 + i);
      const g = call.input(2 + count + i);
      const gradient =
        penalty === 0
          ? g
          : call.define(`${g.expression} + ${float(penalty)} * ${x.expression}`, x.shape);
      const slots = Array.from({ length: slotCount }, (_, s) =>
        call.input(2 + (2 + s) * count + i),
      );
      return update(call, {
        rate: rate.expression,
        step: step.expression,
        x,
        gradient: gradient.expression,
        slots,
      });
    });
    return Array.from({ length: 1 + slotCount }, (_, part) =>
      updated.map((values) => values[part]!),
    ).flat();
  };

const adagrad = optimizer(1, (call, { rate, step, x, gradient, slots: [squares] }) => {
  const { shape } = x;
  const total = call.define(`${squares!.expression} + ${gradient}^2`, shape);
  const decayed = `${rate} / (1.0 + ${step} * ${float(call.float("decay_factor", 0))})`;
  const scale = `sqrt(${total.expression}) + ${float(call.float("epsilon", 1e-6))}`;
  const next = `${x.expression} - ${decayed} * ${gradient} / (${scale})`;
  return [call.define(next, shape), total];
});

const adam = optimizer(2, (call, { rate, step, x, gradient, slots: [mean, square] }) => {
  const { shape } = x;
  const [alpha, beta] = [call.float("alpha", 0.9), call.float("beta", 0.999)];
  const moving = (old: Value, keep: number, seen: string) =>
    call.define(`${float(keep)} * ${old.expression} + ${float(1 - keep)} * ${seen}`, shape);
  const m = moving(mean!, alpha, gradient);
  const v = moving(square!, beta, `${gradient}^2`);
  const corrected = `${rate} * sqrt(1.0 - ${float(beta)}^${step}) / (1.0 - ${float(alpha)}^${step})`;
  const scale = `sqrt(${v.expression}) + ${float(call.float("epsilon", 1e-6))}`;
  const adjusted = `(if ${step} > 0 then ${corrected} else ${rate})`;
  const moved = `${x.expression} - ${adjusted} * ${m.expression} / (${scale})`;
  const shrink = call.float("norm_coefficient_post", 0);
  const next = shrink === 0 ? moved : `${float(1 - shrink)} * (${moved})`;
  return [call.define(next, shape), m, v];
});

const momentum = optimizer(1, (call, { rate, step, x, gradient, slots: [velocity] }) => {
  const { shape } = x;
  const alpha = float(call.float("alpha"));
  const beta = `(if ${step} > 0 then ${float(call.float("beta"))} else 1.0)`;
  const v = call.define(`${alpha} * ${velocity!.expression} + ${beta} * ${gradient}`, shape);
  const isNesterov = call.string("mode") === "nesterov";
  const direction = isNesterov ? `(${gradient} + ${alpha} * ${v.expression})` : v.expression;
  return [call.define(`${x.expression} - ${rate} * ${direction}`, shape), v];
});

/** Nothing is dropped outside of training, nor with the rate 0; what is dropped is random. */
function dropout(call: NodeCall): Value[] {
  const [x, rate, isTraining] = [call.input(0), call.inputs[1], call.inputs[2]];
  const isOn = isTraining !== undefined && call.constant(isTraining)[0] === 1;
  const share = rate === undefined ? 0.5 : call.constant(rate)[0]!;
  if (isOn && share > 0) throw new NotExpressible("ONNX' random numbers, which are not nnc's");
  return [x, call.define(`full(${list(x.shape)}, true)`, x.shape, "bool")];
}

/** dy / dx for each tensor named in xs; only where y is computed, not at other values of its tensors. */
function gradient(call: NodeCall): readonly Value[] {
  const names = call.strings("xs") ?? [];
  const by = names.map((name) => call.named(name));
  const fed = [...names, ...(call.strings("zs") ?? [])].map((name) => call.named(name));
  if (fed.some((value, i) => call.inputs[i]?.expression !== value.expression))
    throw new NotExpressible("gradients at other values than those that the graph computes with");
  return call.gradients(call.named(call.string("y")), by);
}

export const trainingRules: Rules = {
  Dropout: dropout,
  "ai.onnx.preview.training:Adagrad": adagrad,
  "ai.onnx.preview.training:Adam": adam,
  "ai.onnx.preview.training:Gradient": gradient,
  "ai.onnx.preview.training:Momentum": momentum,
};
