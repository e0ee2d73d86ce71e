/** Losses and metrics of a train declaration in one pass: what they are, and what they leave for the epoch. */

import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import { extentAffine } from "../graph/affine.ts";
import { batchExtent } from "../graph/extent.ts";
import type { Assignment, Value as GraphValue, Scalar } from "../graph/node.ts";
import type { Argument } from "../syntax/ast.ts";
import { applyScalarFunction } from "./arithmetic.ts";
import { evaluate } from "./evaluate.ts";
import { lowerMetric, metricState, numbersOf } from "./metrics.ts";
import { snakeCase } from "./paths.ts";
import { weighSamples } from "./sample-means.ts";
import { type Environment, newOwner, report } from "./session.ts";
import { singleNumber } from "./single-number.ts";
import { metricName } from "./train.ts";
import { tensorValue, type Value } from "./values.ts";

/** A number shown for each epoch, from totals. */
export interface Readout {
  readonly name: string;
  readonly value: GraphValue;
}

/** Totals over the batches of an epoch and what is read from them. */
export interface Totals {
  readonly assignments: readonly Assignment[];
  readonly readout: readonly Readout[];
}

export interface LoweredLoss extends Totals {
  /** Rank 0, f32; undefined after an error. */
  readonly loss: GraphValue | undefined;
  readonly span: Span;
}

/** Lowers a loss where `env`'s scope has inputs, outputs and columns; `name` is what it is shown as. */
export function lowerLoss(
  { value: expression }: Argument,
  name: string,
  env: Environment,
  weight: GraphValue | null,
): LoweredLoss {
  const { span } = expression;
  const origin = { span, label: "loss", path: "", backward: false };
  return env.session.context.from(origin, () => {
    const loss = lossValue(expression, span, env, weight);
    if (loss === undefined) return { loss, span, assignments: [], readout: [] };
    const { assignments, readout } = epochLoss(loss, name, span, env);
    return { loss, span, assignments, readout: [{ name, value: readout }] };
  });
}

/** Metrics in the same scope; `taken` are the names of the losses, which theirs are added to. */
export function lowerMetrics(
  given: readonly Argument[],
  taken: Set<string>,
  env: Environment,
  weight: GraphValue | null,
): Totals {
  const assignments: Assignment[] = [];
  const readout: Readout[] = [];
  for (const argument of given) {
    const base = metricName(argument);
    let name = argument.name === null ? snakeCase(base) : base;
    for (let k = 1; taken.has(name); k++) name = `${base}_${k}`;
    taken.add(name);
    const inner = { ...env, measuring: true, owner: newOwner(`metrics/${name}`) };
    const origin = { span: argument.span, label: name, path: "", backward: false };
    env.session.context.from(origin, () => {
      for (const number of numbersOf(inner, name, evaluate(argument.value, inner))) {
        const part = { ...inner, owner: newOwner(`metrics/${number.name}`) };
        const { span } = argument.value;
        const metric = lowerMetric(part, number.value, span, number.name, weight);
        if (metric === undefined) continue;
        taken.add(number.name);
        assignments.push(...metric.assignments);
        readout.push({ name: number.name, value: metric.readout });
      }
    });
  }
  return { assignments, readout };
}

/** The sum of what is read out. */
export function sumOfReadouts(env: Environment, readouts: readonly Readout[]): GraphValue {
  const { context } = env.session;
  const body = readouts
    .map(({ value }): Scalar => context.load(value, []))
    .reduce((sum, value) => context.call("add", sum, value));
  return context.compute({ parallel: [], body }).values[0]!;
}

/** One assignment to each target: metrics may share totals. */
export function distinctAssignments(assignments: readonly Assignment[]): Assignment[] {
  return [...new Map(assignments.map((assignment) => [assignment.target, assignment])).values()];
}

function lossValue(
  expression: Argument["value"],
  span: Span,
  env: Environment,
  weight: GraphValue | null,
): GraphValue | undefined {
  const value = evaluate(expression, env);
  const whole = singleNumber(env, value, { what: "the loss", span });
  if (whole === undefined) return undefined;
  const weighed = weight === null ? whole : weigh(whole, weight, span, env);
  return withPenalties(weighed, env, span);
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
  name: string,
  span: Span,
  env: Environment,
): { assignments: Assignment[]; readout: GraphValue } {
  const { context } = env.session;
  const total = metricState(env, `metrics/${name}/total`, [], span);
  const weight = metricState(env, `metrics/${name}/weight`, [], span);
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
