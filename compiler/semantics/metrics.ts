/**
 * Metrics: a `metric` declaration has states of its own, a plain expression is turned into totals of its means
 * over the batch. Either way they accumulate over an epoch, and what is shown is computed from them alone.
 */

import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import { constantAffine } from "../graph/affine.ts";
import { reachableNodes } from "../graph/context.ts";
import { batchExtent, isFixed } from "../graph/extent.ts";
import type { Assignment, Value as GraphValue } from "../graph/node.ts";
import { replaceOperands } from "../graph/rewrite.ts";
import { bindParameters, type Callee, type EvaluatedArgument } from "./arguments.ts";
import { callValue } from "./calls.ts";
import { joinPath, snakeCase } from "./paths.ts";
import { accumulateMeans, dependsOnBatch } from "./sample-means.ts";
import { Scope } from "./scope.ts";
import { type Environment, newOwner, report } from "./session.ts";
import { singleNumber } from "./single-number.ts";
import { runBody } from "./statements.ts";
import { errorValue, type TemplateValue, tensorValue, type Value } from "./values.ts";

/** `AUC()(label, p)`: runs the declaration's body; a last parameter left out takes the sample weights. */
export function applyMetric(
  template: TemplateValue,
  args: readonly EvaluatedArgument[],
  span: Span,
  env: Environment,
): Value {
  const { declaration, module } = template;
  if (declaration.kind !== "metric") return errorValue;
  if (template.config === null) {
    const made = callValue(template, [], span, env);
    return made.kind === "template" ? applyMetric(made, args, span, env) : made;
  }
  const name = declaration.name.name;
  if (env.metricWeight === null) {
    return report(env, diagnostics.metricOutsideTraining(span, { name }));
  }
  const place = `${span.file}:${span.start}`;
  const label = env.session.names.assign(env.owner.path, place, snakeCase(name));
  const path = joinPath(env.owner.path, label);
  const scope = new Scope();
  const inner: Environment = {
    ...env,
    module,
    scope,
    owner: newOwner(path),
    body: "metric",
    stateRole: "metric",
    stateShape: null,
    floors: false,
    indexed: null,
  };
  for (const [key, value] of template.config) {
    scope.set(key, { value, span: declaration.name.span });
  }
  const callee: Callee = { name, span, declaredAt: declaration.header };
  const takesWeight = args.length === declaration.inputs.length - 1;
  const weight: EvaluatedArgument = { name: null, value: env.metricWeight, span };
  return env.session.called(span, name, env.module, path, () => {
    const given = takesWeight ? [...args, weight] : args;
    if (!bindParameters(env, inner, callee, declaration.inputs, given)) return errorValue;
    const result = runBody(declaration.body, inner);
    return result ?? report(inner, diagnostics.missingReturn(declaration.header, { name }));
  });
}

/** Weights where the batch has none. */
export function unitWeights(env: Environment): Value {
  const { context } = env.session;
  const body = context.constant(1, "f32");
  return tensorValue(context.compute({ parallel: [batchExtent], body }).values[0]!);
}

/** A metric of several numbers, f32[K], shows each under its place: `recall_0`, `recall_1`. */
export function numbersOf(
  env: Environment,
  name: string,
  value: Value,
): { readonly name: string; readonly value: Value }[] {
  const extent = value.kind === "tensor" ? value.value.shape[0] : undefined;
  if (value.kind !== "tensor" || value.value.shape.length !== 1 || !extent || !isFixed(extent)) {
    return [{ name, value }];
  }
  const { context } = env.session;
  return Array.from({ length: extent.constant }, (_, i) => {
    const body = context.load(value.value, [constantAffine(i)]);
    const number = context.compute({ parallel: [], body }).values[0]!;
    return { name: `${name}_${i}`, value: tensorValue(number) };
  });
}

export interface LoweredMetric {
  readonly assignments: readonly Assignment[];
  /** Rank 0, from metric states alone. */
  readonly readout: GraphValue;
}

/** A metric's value as totals and what is read from them; nothing after an error. */
export function lowerMetric(
  env: Environment,
  value: Value,
  span: Span,
  name: string,
  weight: GraphValue | null,
): LoweredMetric | undefined {
  const single = singleNumber(env, value, { what: `the metric \`${name}\``, span });
  if (single === undefined) return undefined;
  const { context } = env.session;
  // At read-out a state holds what the last batch assigned it.
  const current = new Map<GraphValue, GraphValue>();
  for (const [leaf, assigned] of env.pass.assigned) {
    if (isMetricState(env, leaf)) current.set(assigned, leaf);
  }
  const atReadout = replaceReachable(env, single, current);
  const own = [...env.pass.assigned].filter(([leaf]) => isMetricState(env, leaf));
  const assignments = own.map(([target, assigned]) => ({ target, value: assigned }));
  if (!dependsOnBatch(atReadout)) return { assignments, readout: atReadout };
  const totals = (index: number, mean: GraphValue) => {
    const suffix = index === 0 ? "" : `_${index}`;
    return {
      total: metricState(env, joinPath(env.owner.path, `total${suffix}`), mean.shape, span),
      weight: metricState(env, joinPath(env.owner.path, `weight${suffix}`), [], span),
    };
  };
  const masked = env.maskedMeans ?? undefined;
  const attempt = accumulateMeans(context, atReadout, weight, totals, masked);
  if (attempt.kind === "blocked") {
    const [origin] = context.origins(attempt.at);
    report(
      env,
      diagnostics.metricNotAMean(
        span,
        { name },
        origin
          ? { labels: [{ span: origin.span, text: "this is not a mean over the batch" }] }
          : {},
      ),
    );
    return undefined;
  }
  return {
    assignments: [...assignments, ...attempt.result.assignments],
    readout: attempt.result.readout,
  };
}

function isMetricState(env: Environment, leaf: GraphValue): boolean {
  return leaf.node.kind === "leaf" && env.session.persistent.get(leaf.node.path)?.role === "metric";
}

/** A state that starts each epoch at 0. */
export function metricState(
  env: Environment,
  path: string,
  shape: GraphValue["shape"],
  span: Span,
): GraphValue {
  const { context, persistent } = env.session;
  const leaf = context.leaf("state", path, "f32", shape);
  if (persistent.get(path) === undefined) {
    const body = context.constant(0, "f32");
    const initial = context.compute({ parallel: shape, body }).values[0]!;
    persistent.add({ path, leaf, role: "metric", trainable: false, span, initial });
  }
  return leaf;
}

/** The value with others in place of some that it is computed from. */
function replaceReachable(
  env: Environment,
  value: GraphValue,
  replacements: ReadonlyMap<GraphValue, GraphValue>,
): GraphValue {
  if (replacements.size === 0) return value;
  const done = new Map(replacements);
  const replacement = (of: GraphValue) => done.get(of) ?? of;
  for (const node of reachableNodes([value])) {
    if (node.kind !== "compute") continue;
    const rebuilt = replaceOperands(env.session.context, node, replacement);
    node.values.forEach((result, i) => {
      if (!done.has(result) && rebuilt !== node) done.set(result, rebuilt.values[i]!);
    });
  }
  return replacement(value);
}
