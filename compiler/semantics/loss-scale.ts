/**
 * Dynamic loss scaling, for operands of products in f16: small derivatives would vanish there, so the loss's derivative
 * starts with a large scale, by which gradients are divided again. As Keras 3 has it
 * (`src/optimizers/loss_scale_optimizer.py`): where a gradient is infinite or NaN the step updates nothing and the scale is
 * halved; after so many steps without, it is doubled. `t` counts steps without an update as well.
 *
 * It is part of the graph on every target, also on those that compute in f32, so that training goes on across them.
 */

import type { Span } from "../diagnostics/diagnostic.ts";
import { axisAffine } from "../graph/affine.ts";
import type { Scalar, Value } from "../graph/node.ts";
import { assignWhere } from "./conditional-assignments.ts";
import { joinPath } from "./paths.ts";
import type { Environment } from "./session.ts";

/** Keras' `initial_scale` and `dynamic_growth_steps`. */
const initialScale = 2 ** 15;
const growthSteps = 2000;

/** Bounds that keep the scale a number whatever happens, so that it can always recover. */
const leastScale = 1;
const largestScale = 2 ** 126;

/** States of the scaling, both rank 0 and f32. */
export interface LossScale {
  readonly scale: Value;
  /** Steps in a row with finite gradients since the scale was last changed. */
  readonly steps: Value;
}

/** What they are called in checkpoints: Keras' names. */
const paths = { scale: "loss_scale/dynamic_scale", steps: "loss_scale/step_counter" } as const;

export function declareLossScale(env: Environment, span: Span, prefix: string): LossScale {
  const { context, persistent } = env.session;
  const declare = (path: string, initially: number): Value => {
    const leaf = context.leaf("state", path, "f32", []);
    const initial = number(env, context.constant(initially, "f32"));
    persistent.add({ path, leaf, role: "slot", trainable: false, span, initial });
    return leaf;
  };
  return {
    scale: declare(joinPath(prefix, paths.scale), initialScale),
    steps: declare(joinPath(prefix, paths.steps), 0),
  };
}

/** The same loss, whose derivatives are those of the scaled one. */
export function scaleDerivatives(env: Environment, loss: Value, scale: Value): Value {
  const { context } = env.session;
  const body = context.call("scaleGradient", context.load(loss, []), context.load(scale, []));
  return number(env, body);
}

export function unscaled(env: Environment, gradient: Value, { scale }: LossScale): Value {
  const { context } = env.session;
  const body = context.call("divide", element(env, gradient), context.load(scale, []));
  return context.compute({ parallel: gradient.shape, body }).values[0]!;
}

/**
 * Lets what `update` assigns in the pass hold only where all gradients, scaled, are finite, and assigns the states of the
 * scaling themselves.
 */
export function updateWhereFinite(
  env: Environment,
  gradients: readonly Value[],
  { scale, steps }: LossScale,
  update: () => void,
): void {
  const { context } = env.session;
  const { assigned } = env.pass;
  const finite = allFinite(env, gradients);
  assignWhere(env, finite, update);
  const areFinite = context.load(finite, []);

  const constant = (value: number): Scalar => context.constant(value, "f32");
  const current = context.load(scale, []);
  const next = context.call("add", context.load(steps, []), constant(1));
  const grows = number(env, context.call("lessEqual", constant(growthSteps), next));
  const doubled = context.call("multiply", current, constant(2));
  const halved = context.call("multiply", current, constant(0.5));
  const choose = (whenGrowing: Scalar, otherwise: Scalar, whenInfinite: Scalar): Value => {
    const whenFinite = context.call("select", context.load(grows, []), whenGrowing, otherwise);
    return number(env, context.call("select", areFinite, whenFinite, whenInfinite));
  };
  const bounded = context.call("minimum", doubled, constant(largestScale));
  const least = context.call("maximum", halved, constant(leastScale));
  assigned.set(scale, choose(bounded, current, least));
  assigned.set(steps, choose(constant(0), next, constant(0)));
}

/** Whether no element of any tensor is infinite or NaN. */
function allFinite(env: Environment, tensors: readonly Value[]): Value {
  const { context } = env.session;
  const each = tensors.map((tensor): Scalar => {
    const body = context.call("isFinite", element(env, tensor));
    if (tensor.shape.length === 0) return body;
    const all = context.compute({ parallel: [], reduction: tensor.shape, reducer: "all", body });
    return context.load(all.values[0]!, []);
  });
  return number(
    env,
    each.reduce((all, one) => context.call("logicalAnd", all, one)),
  );
}

/** The element of a tensor at the current point of its shape. */
function element(env: Environment, value: Value): Scalar {
  const index = value.shape.map((_, axis) => axisAffine(axis));
  return env.session.context.load(value, index);
}

function number(env: Environment, body: Scalar): Value {
  return env.session.context.compute({ parallel: [], body }).values[0]!;
}
