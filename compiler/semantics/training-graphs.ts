/** The training step of one update: a forward pass, and the optimizers of the params that it trains. */

import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import { nearest } from "../diagnostics/nearest.ts";
import { axisAffine } from "../graph/affine.ts";
import { reachableNodes } from "../graph/context.ts";
import type { Assignment, Graph, Value as GraphValue } from "../graph/node.ts";
import type { Argument, Identifier } from "../syntax/ast.ts";
import { callValue } from "./calls.ts";
import { evaluate } from "./evaluate.ts";
import { declareLossScale, scaleDerivatives, unscaled, updateWhereFinite } from "./loss-scale.ts";
import { distinctAssignments, type LoweredLoss } from "./losses.ts";
import type { ModelRun } from "./model-run.ts";
import { OptimizerLowering, type Trained } from "./optimizer.ts";
import { chosenOptimizers, type GivenOptimizer, type PartOptimizer } from "./optimizer-choice.ts";
import { joinPath } from "./paths.ts";
import type { PersistentEntry } from "./persistent.ts";
import type { Precision } from "./precision.ts";
import { type Environment, report } from "./session.ts";
import type { TrainOverrides } from "./train.ts";
import { describe, type TemplateValue } from "./values.ts";

/** One of the updates of a train declaration. */
export interface Update {
  /** What it trains; null where there is one for the whole model. */
  readonly part: Identifier | null;
  /** Where it begins, for errors. */
  readonly header: Span;
  readonly loss: Argument;
  /** The first is for all params that none of the others, which are named after parts, is for. */
  readonly optimizers: readonly Argument[];
  /** How often it is made for each batch. */
  readonly steps: number;
}

/** What the parts of a model are called by. */
export interface Parts {
  /** The model's path. */
  readonly model: string;
}

/** What a graph is made of besides its updates. */
export interface StepParts extends Parts {
  readonly name: string;
  readonly update: Update;
  readonly env: Environment;
  readonly loss: LoweredLoss;
  /** Of losses and metrics. */
  readonly totals: readonly Assignment[];
  readonly outputs: ModelRun["outputs"];
  readonly precision: Precision;
  /** Whether params that outputs read have another update to be trained by. */
  readonly isOneOfSeveral: boolean;
}

/** The training step: updates of the params that the loss depends on, states, totals. */
export function trainingGraph(
  parts: StepParts,
  { learningRate }: TrainOverrides,
): { graph: Graph; hypers: Readonly<Record<string, number>> } | undefined {
  const { env, update, loss, totals, name } = parts;
  const optimizers = update.optimizers.map((argument) => optimizerOf(argument, parts));
  if (loss.loss === undefined) return undefined;
  const params = trainedParams(parts, loss.loss);
  if (optimizers.some((optimizer) => optimizer === undefined) || params.length === 0) {
    return undefined;
  }
  const { session, pass } = env;
  const used = chosenOptimizers(
    optimizers as GivenOptimizer[],
    { paths: params.map(({ path }) => path), model: parts.model },
    env,
  );
  if (used === undefined) return undefined;
  // Totals are assigned after what they read, states of layers as the model ran.
  const { hypers, derived } = lowerUpdates(parts, params, loss.loss, used, learningRate);
  const metrics = new Set(totals.map(({ target }) => target));
  const states = [...pass.assigned]
    .filter(([target]) => !metrics.has(target))
    .map(([target, value]) => ({ target, value }));
  const graph: Graph = {
    name,
    batchMax: session.batchMax,
    results: [{ name: "loss", value: derived }],
    assignments: [...states, ...distinctAssignments(totals)],
  };
  return { graph, hypers };
}

/** Adds the updates of params to the pass. `derived` is the loss as the one that their gradients are derivatives of. */
function lowerUpdates(
  { env, update, precision }: StepParts,
  params: readonly PersistentEntry[],
  loss: GraphValue,
  optimizers: readonly PartOptimizer[],
  learningRate: number | undefined,
): { hypers: Readonly<Record<string, number>>; derived: GraphValue } {
  const { context } = env.session;
  const gradients = params.map(({ path, leaf }) =>
    context.leaf("gradient", path, leaf.dtype, leaf.shape),
  );
  const lowerings = optimizers.map((use) => new OptimizerLowering(env, use, learningRate));
  const factors = lowerings.map((lowering) => lowering.scale());
  // Several optimizers may scale differently: then the gradients are, instead of the one loss.
  const [only] = factors;
  const isScaled = lowerings.length === 1 && only !== undefined;
  const scaled = isScaled ? scaleDerivatives(env, loss, only) : loss;
  const updateAll = (used: readonly GraphValue[]): void => {
    const groups: Trained[][] = optimizers.map(() => []);
    params.forEach((param, i) => {
      const own = optimizers.findLastIndex(({ isFor }) => isFor(param.path));
      const factor = isScaled ? undefined : factors[own];
      const gradient = factor === undefined ? used[i]! : multiplied(env, used[i]!, factor);
      groups[own]!.push({ param, gradient });
    });
    lowerings.forEach((lowering, i) => {
      if (groups[i]!.length > 0) lowering.update(groups[i]!);
    });
  };
  const hypers = () => Object.assign({}, ...lowerings.map((lowering) => lowering.hypers));
  if (precision !== "f16") {
    updateAll(gradients);
    return { hypers: hypers(), derived: scaled };
  }
  const { span } = optimizers[0]!;
  const origin = { span, label: "loss_scale", path: "", backward: false };
  return context.from(origin, () => {
    const scaling = declareLossScale(env, span, update.part?.name ?? "");
    const divided = gradients.map((gradient) => unscaled(env, gradient, scaling));
    updateWhereFinite(env, gradients, scaling, () => updateAll(divided));
    return { hypers: hypers(), derived: scaleDerivatives(env, scaled, scaling.scale) };
  });
}

function multiplied(env: Environment, gradient: GraphValue, factor: GraphValue): GraphValue {
  const { context } = env.session;
  const index = gradient.shape.map((_, axis) => axisAffine(axis));
  const body = context.call("multiply", context.load(gradient, index), context.load(factor, []));
  return context.compute({ parallel: gradient.shape, body }).values[0]!;
}

/** An optimizer with its arguments, wherever the loss may have failed. */
function optimizerOf(argument: Argument, parts: StepParts): GivenOptimizer | undefined {
  const { env, update } = parts;
  const { value: expression, name } = argument;
  const { span } = expression;
  let value = evaluate(expression, env);
  if (value.kind === "string" || (value.kind === "template" && value.config === null)) {
    value = callValue(value, [], span, env);
  }
  if (value.kind === "error") return undefined;
  const isOptimizer = value.kind === "template" && value.declaration.kind === "optimizer";
  if (!isOptimizer && value.kind !== "function") {
    const found = describe(value);
    const expected = "an optimizer, or a function that gives one for a param's path";
    report(env, diagnostics.wrongType(span, { what: "`optimizer`", expected, found }));
    return undefined;
  }
  const prefix = joinPath(update.part?.name ?? "", name?.name ?? "").replace(/\/$/, "");
  const isFor = name === null ? () => true : partOf(name, parts);
  if (isFor === undefined) return undefined;
  return value.kind === "function"
    ? { choose: value, span, prefix, isFor }
    : { template: value as TemplateValue, span, prefix, isFor };
}

/** The path of a part of a model: a layer, a model in it, a param, or itself. Nothing, with an error, if it has no param. */
export function partNamed(
  { name, span }: Identifier,
  model: string,
  env: Environment,
): string | undefined {
  const params = env.session.persistent.entries.filter(({ role }) => role === "param");
  // A model used by its bare name is a part beside this one.
  const found = [joinPath(model, name), name].find((path) =>
    params.some((param) => isWithin(path, param.path)),
  );
  if (found !== undefined) return found;
  const names = params.map(({ path }) => {
    const [first, second] = path.split("/") as [string, string | undefined];
    return first === model ? (second ?? first) : first;
  });
  const known = [...new Set(names)];
  const values = { name, nearest: nearest(name, known), known: known.join(", ") };
  report(env, diagnostics.unknownPart(span, values));
  return undefined;
}

function isWithin(whole: string, path: string): boolean {
  return path === whole || path.startsWith(`${whole}/`);
}

/** Which paths belong to a part. */
function partOf(
  name: Identifier,
  { env, model }: StepParts,
): ((path: string) => boolean) | undefined {
  const whole = partNamed(name, model, env);
  return whole === undefined ? undefined : (path) => isWithin(whole, path);
}

/** The trainable params of the part that the loss reads; warns of those that it does not. */
function trainedParams(parts: StepParts, loss: GraphValue): PersistentEntry[] {
  const { env, update, outputs, isOneOfSeveral } = parts;
  const { span } = parts.loss;
  const isPart = update.part === null ? () => true : partOf(update.part, parts);
  if (isPart === undefined) return [];
  const reached = new Set(reachableNodes([loss]));
  const params = env.session.persistent.entries.filter(
    ({ role, path }) => role === "param" && isPart(path),
  );
  const trained = params.filter(({ leaf, trainable }) => trainable && reached.has(leaf.node));
  if (trained.length === 0) {
    const labels = [{ span: update.header, text: "nothing to train" }];
    report(env, diagnostics.lossWithoutParameters(span, {}, { labels }));
    return [];
  }
  if (isOneOfSeveral) return trained;
  reportUntrained(
    params.filter(({ leaf, trainable }) => trainable && !reached.has(leaf.node)),
    span,
    outputs,
    env,
  );
  return trained;
}

/** Warns of params that outputs read, but the loss does not; those that nothing reads were warned of as bindings. */
function reportUntrained(
  params: readonly PersistentEntry[],
  span: Span,
  outputs: ModelRun["outputs"],
  env: Environment,
): void {
  for (const { value, span: place } of outputs.values()) {
    if (value.kind !== "tensor") continue;
    const read = new Set(reachableNodes([value.value]));
    const paths = params.filter(({ leaf }) => read.has(leaf.node)).map(({ path }) => `\`${path}\``);
    if (paths.length === 0) continue;
    const shown = paths.length > 4 ? [...paths.slice(0, 3), `${paths.length - 3} more`] : paths;
    const labels = [{ span: place, text: "this output reads them" }];
    const values = { paths: shown.join(", ") };
    report(env, diagnostics.untrainedParameter(span, values, { labels }));
  }
}
