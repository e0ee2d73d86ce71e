/** The graphs of a train declaration: the training step, evaluation, and what is read out after an epoch. */

import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import { extentAffine } from "../graph/affine.ts";
import { reachableNodes } from "../graph/context.ts";
import { batchExtent } from "../graph/extent.ts";
import type { Assignment, Graph, Value as GraphValue } from "../graph/node.ts";
import type { Argument, TrainDeclaration } from "../syntax/ast.ts";
import { applyScalarFunction } from "./arithmetic.ts";
import { callValue } from "./calls.ts";
import { evaluate } from "./evaluate.ts";
import { declareLossScale, scaleDerivatives, unscaled, updateWhereFinite } from "./loss-scale.ts";
import { lowerMetric, metricState, numbersOf } from "./metrics.ts";
import type { ModelRun } from "./model-run.ts";
import { OptimizerLowering } from "./optimizer.ts";
import { snakeCase } from "./paths.ts";
import type { PersistentEntry } from "./persistent.ts";
import type { Precision } from "./precision.ts";
import { weighSamples } from "./sample-means.ts";
import { type Environment, newOwner, report } from "./session.ts";
import { singleNumber } from "./single-number.ts";
import { metricName, type TrainEntries, type TrainOverrides } from "./train.ts";
import { describe, type TemplateValue, tensorValue, type Value } from "./values.ts";

/** What one pass over loss and metrics gives. */
export interface LoweredLosses {
  /** Rank 0, f32; undefined after an error. */
  readonly loss: GraphValue | undefined;
  readonly span: Span;
  /** Totals of the loss and of every metric. */
  readonly assignments: readonly Assignment[];
  /** `loss` first. */
  readonly readout: readonly { readonly name: string; readonly value: GraphValue }[];
}

/** Lowers loss and metrics where `env`'s scope has inputs, outputs and columns. */
export function lowerLosses(
  entries: TrainEntries,
  env: Environment,
  weight: GraphValue | null,
): LoweredLosses | undefined {
  const entry = entries.get("loss")?.values[0];
  if (entry === undefined) return undefined;
  const { span } = entry.value;
  const loss = lowerLoss(entry, env, weight);
  const assignments: Assignment[] = [];
  const readout: { name: string; value: GraphValue }[] = [];
  if (loss !== undefined) {
    const origin = { span, label: "loss", path: "", backward: false };
    const epoch = env.session.context.from(origin, () => epochLoss(loss, span, env));
    assignments.push(...epoch.assignments);
    readout.push({ name: "loss", value: epoch.readout });
  }
  const names = new Set(["loss"]);
  for (const argument of entries.get("metrics")?.values ?? []) {
    const base = metricName(argument);
    let name = argument.name === null ? snakeCase(base) : base;
    for (let k = 1; names.has(name); k++) name = `${base}_${k}`;
    names.add(name);
    const inner = { ...env, measuring: true, owner: newOwner(`metrics/${name}`) };
    const origin = { span: argument.span, label: name, path: "", backward: false };
    env.session.context.from(origin, () => {
      for (const number of numbersOf(inner, name, evaluate(argument.value, inner))) {
        const part = { ...inner, owner: newOwner(`metrics/${number.name}`) };
        const { span } = argument.value;
        const metric = lowerMetric(part, number.value, span, number.name, weight);
        if (metric === undefined) continue;
        names.add(number.name);
        assignments.push(...metric.assignments);
        readout.push({ name: number.name, value: metric.readout });
      }
    });
  }
  return { loss, span, assignments: distinct(assignments), readout };
}

function distinct(assignments: readonly Assignment[]): Assignment[] {
  return [...new Map(assignments.map((assignment) => [assignment.target, assignment])).values()];
}

function lowerLoss(
  { value: expression }: Argument,
  env: Environment,
  weight: GraphValue | null,
): GraphValue | undefined {
  const { context } = env.session;
  const { span } = expression;
  const origin = { span, label: "loss", path: "", backward: false };
  return context.from(origin, () => {
    const value = evaluate(expression, env);
    const whole = singleNumber(env, value, { what: "the loss", span });
    if (whole === undefined) return undefined;
    const weighed = weight === null ? whole : weigh(whole, weight, span, env);
    return withPenalties(weighed, env, span);
  });
}

function weigh(loss: GraphValue, weight: GraphValue, span: Span, env: Environment): GraphValue {
  const { context } = env.session;
  const attempt = weighSamples(context, loss, weight);
  if (attempt.kind === "done") return attempt.result;
  const [origin] = context.origins(attempt.at);
  const labels = origin ? [{ span: origin.span, text: "not linear in means over the batch" }] : [];
  report(env, diagnostics.lossNotWeightable(span, {}, { labels }));
  return loss;
}

function withPenalties(loss: GraphValue, env: Environment, span: Span): GraphValue {
  let sum: Value = tensorValue(loss);
  for (const penalty of env.pass.penalties) {
    sum = applyScalarFunction(env, { fn: "add", name: "penalty", span }, [
      { value: sum, span },
      { value: tensorValue(penalty.value), span: penalty.span },
    ]);
  }
  return sum.kind === "tensor" ? sum.value : loss;
}

/** The epoch's loss: batches weighed by their sizes. */
function epochLoss(
  loss: GraphValue,
  span: Span,
  env: Environment,
): { assignments: Assignment[]; readout: GraphValue } {
  const { context } = env.session;
  const total = metricState(env, "metrics/loss/total", [], span);
  const weight = metricState(env, "metrics/loss/weight", [], span);
  const size = context.cast(context.index(extentAffine(batchExtent)), "f32");
  const scalar = (body: Parameters<typeof context.cast>[0]) =>
    context.compute({ parallel: [], body }).values[0]!;
  const load = (value: GraphValue) => context.load(value, []);
  const share = context.call("multiply", load(loss), size);
  return {
    assignments: [
      { target: total, value: scalar(context.call("add", load(total), share)) },
      { target: weight, value: scalar(context.call("add", load(weight), size)) },
    ],
    readout: scalar(context.call("divide", load(total), load(weight))),
  };
}

/** The training step: updates of the params that the loss depends on, states, totals. */
export function trainingGraph(
  declaration: TrainDeclaration,
  entries: TrainEntries,
  env: Environment,
  losses: LoweredLosses,
  outputs: ModelRun["outputs"],
  { learningRate }: TrainOverrides,
  precision: Precision,
): { graph: Graph; hypers: Readonly<Record<string, number>> } | undefined {
  const optimizer = optimizerOf(entries, env);
  const { loss, span } = losses;
  if (loss === undefined) return undefined;
  const params = trainedParams(loss, span, declaration, outputs, env);
  if (optimizer === undefined || params.length === 0) return undefined;
  const { session, pass } = env;
  // Totals are assigned after what they read, states of layers as the model ran.
  const { hypers, derived } = updates(env, params, loss, optimizer, learningRate, precision);
  const metrics = new Set(losses.assignments.map(({ target }) => target));
  const states = [...pass.assigned]
    .filter(([target]) => !metrics.has(target))
    .map(([target, value]) => ({ target, value }));
  const graph: Graph = {
    name: "train",
    batchMax: session.batchMax,
    results: [{ name: "loss", value: derived }],
    assignments: [...states, ...losses.assignments],
  };
  return { graph, hypers };
}

/** Adds the updates of params to the pass. `derived` is the loss as the one that their gradients are derivatives of. */
function updates(
  env: Environment,
  params: readonly PersistentEntry[],
  loss: GraphValue,
  { template, span }: { readonly template: TemplateValue; readonly span: Span },
  learningRate: number | undefined,
  precision: Precision,
): { hypers: Readonly<Record<string, number>>; derived: GraphValue } {
  const { context } = env.session;
  const gradients = params.map(({ path, leaf }) =>
    context.leaf("gradient", path, leaf.dtype, leaf.shape),
  );
  const optimizer = new OptimizerLowering(env, { template, span, prefix: "" }, learningRate);
  const update = (used: readonly GraphValue[]): Readonly<Record<string, number>> => {
    optimizer.update(params.map((param, i) => ({ param, gradient: used[i]! })));
    return optimizer.hypers;
  };
  if (precision !== "f16") {
    const factor = optimizer.scale();
    const scale = factor === undefined ? loss : scaleDerivatives(env, loss, factor);
    return { hypers: update(gradients), derived: scale };
  }
  const origin = { span, label: "loss_scale", path: "", backward: false };
  return context.from(origin, () => {
    const scaling = declareLossScale(env, span);
    const divided = gradients.map((gradient) => unscaled(env, gradient, scaling));
    let hypers = {};
    updateWhereFinite(env, gradients, scaling, () => {
      hypers = update(divided);
    });
    return { hypers, derived: scaleDerivatives(env, loss, scaling.scale) };
  });
}

/** The optimizer with its arguments, wherever the loss may have failed. */
function optimizerOf(
  entries: TrainEntries,
  env: Environment,
): { template: TemplateValue; span: Span } | undefined {
  const expression = entries.get("optimizer")?.values[0]?.value;
  if (expression === undefined) return undefined;
  const { span } = expression;
  let value = evaluate(expression, env);
  if (value.kind === "string" || (value.kind === "template" && value.config === null)) {
    value = callValue(value, [], span, env);
  }
  if (value.kind === "error") return undefined;
  if (value.kind === "template" && value.declaration.kind === "optimizer") {
    return { template: value, span };
  }
  const found = describe(value);
  const expected = "an optimizer";
  report(env, diagnostics.wrongType(span, { what: "`optimizer`", expected, found }));
  return undefined;
}

/** The trainable params that the loss reads; warns of those that it does not. */
function trainedParams(
  loss: GraphValue,
  span: Span,
  { header }: TrainDeclaration,
  outputs: ModelRun["outputs"],
  env: Environment,
): PersistentEntry[] {
  const reached = new Set(reachableNodes([loss]));
  const params = env.session.persistent.entries.filter(({ role }) => role === "param");
  const trained = params.filter(({ leaf, trainable }) => trainable && reached.has(leaf.node));
  if (trained.length === 0) {
    const labels = [{ span: header, text: "nothing to train" }];
    report(env, diagnostics.lossWithoutParameters(span, {}, { labels }));
    return [];
  }
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
