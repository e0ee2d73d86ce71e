/**
 * Optimizers: `prepare` sees all gradients at once, `update` runs for each param with its gradient, its own
 * slots and the step t, counted from 1.
 *
 * `learning_rate` is a run-time number wherever an optimizer has it, so that callbacks and the command line may
 * change it; given as a function, it is a schedule of the updates made so far, t − 1.
 */

import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import { sameShape } from "../graph/extent.ts";
import type { Value as GraphValue } from "../graph/node.ts";
import type { OptimizerDeclaration, Parameter, Procedure } from "../syntax/ast.ts";
import { callValue } from "./calls.ts";
import { convertTensor } from "./conversions.ts";
import { joinPath } from "./paths.ts";
import type { PersistentEntry } from "./persistent.ts";
import { Scope } from "./scope.ts";
import { type Environment, newOwner, report } from "./session.ts";
import { runBody } from "./statements.ts";
import {
  describe,
  errorValue,
  listValue,
  type TemplateValue,
  tensorValue,
  type Value,
} from "./values.ts";

/** The run-time number among an optimizer's arguments. */
const rate = "learning_rate";

/** A param and the derivative of the loss by it. */
export interface Trained {
  readonly param: PersistentEntry;
  readonly gradient: GraphValue;
}

/** Adds every update to the pass; the initial values of the run-time numbers, by name. */
export function lowerUpdates(
  env: Environment,
  optimizer: TemplateValue,
  trained: readonly Trained[],
  span: Span,
  override: number | undefined,
): Readonly<Record<string, number>> {
  const { declaration } = optimizer;
  if (declaration.kind !== "optimizer" || declaration.update === null) return {};
  const { context } = env.session;
  const t = tensorValue(context.leaf("counter", "t", "f32", []));
  const hypers: Record<string, number> = {};
  const config = new Map(optimizer.config ?? []);
  const given = config.get(rate);
  if (given?.kind === "int" || given?.kind === "float") {
    hypers[rate] = override ?? given.value;
    config.set(rate, tensorValue(context.leaf("hyper", rate, "f32", [])));
  } else if (given !== undefined) {
    config.set(rate, scheduled(env, given, t.value, span));
  }
  const name = declaration.name.name.toLowerCase();
  const update = declaration.update;
  env.session.called(span, declaration.name.name, env.module, name, () => {
    const place = { env, optimizer, config };
    const gradients = prepareGradients(place, trained, t, declaration);
    trained.forEach(({ param }, i) => {
      updateParam(place, update, param, gradients[i]!, t, joinPath(name, param.path));
    });
    return errorValue;
  });
  return hypers;
}

interface OptimizerPlace {
  readonly env: Environment;
  readonly optimizer: TemplateValue;
  readonly config: ReadonlyMap<string, Value>;
}

/** The schedule's value after t − 1 updates. */
function scheduled(env: Environment, schedule: Value, t: GraphValue, span: Span): Value {
  const { context } = env.session;
  const body = context.call("subtract", context.load(t, []), context.constant(1, "f32"));
  const step = tensorValue(context.compute({ parallel: [], body }).values[0]!);
  const value =
    schedule.kind === "tensor"
      ? schedule
      : callValue(schedule, [{ name: null, value: step, span }], span, env);
  if (value.kind === "error" || value.kind === "int" || value.kind === "float") return value;
  if (value.kind === "tensor" && value.value.shape.length === 0)
    return convertTensor(env, value, "f32");
  const values = { what: "the learning rate", found: describe(value), advice: undefined };
  return report(env, diagnostics.notAScalar(span, values));
}

function procedureEnvironment(
  { env, optimizer, config }: OptimizerPlace,
  body: "optimizer" | "prepare",
  path: string,
): Environment {
  const scope = new Scope();
  const { declaration, module } = optimizer;
  for (const [key, value] of config) scope.set(key, { value, span: declaration.name.span });
  const inner: Environment = {
    ...env,
    module,
    scope,
    owner: newOwner(path),
    body,
    stateRole: "slot",
    floors: false,
    indexed: null,
  };
  runBody((declaration as OptimizerDeclaration).body, inner);
  return inner;
}

/** Binds a procedure's parameters by position; false if their number is wrong. */
function bind(
  env: Environment,
  { parameters, name, span }: Procedure,
  values: readonly { readonly value: Value; readonly cell?: GraphValue }[],
  signature: string,
): boolean {
  if (parameters.length > values.length || parameters.length === 0) {
    report(env, diagnostics.procedureParameters(span, { name: name.name, signature }));
    return false;
  }
  parameters.forEach(({ name: parameter }: Parameter, i) => {
    env.scope.set(parameter.name, { ...values[i]!, span: parameter.span });
  });
  return true;
}

function prepareGradients(
  place: OptimizerPlace,
  trained: readonly Trained[],
  t: Value,
  { prepare, name }: OptimizerDeclaration,
): readonly Value[] {
  const raw = trained.map(({ gradient }) => tensorValue(gradient));
  if (prepare === null) return raw;
  const env = procedureEnvironment(place, "prepare", name.name.toLowerCase());
  const failed = raw.map(() => errorValue);
  if (!bind(env, prepare, [{ value: listValue(raw) }, { value: t }], "prepare(gs, t)"))
    return failed;
  const result = runBody(prepare.body, env);
  if (result?.kind === "error") return failed;
  const items = result?.kind === "list" ? result.items : [];
  const fits =
    items.length === raw.length &&
    items.every(
      (item, i) =>
        item.kind === "error" ||
        (item.kind === "tensor" && sameShape(item.value.shape, raw[i]!.value.shape)),
    );
  if (fits) return items;
  const found = result === null ? "nothing" : describe(result);
  report(env, diagnostics.preparedGradients(prepare.span, { found }));
  return failed;
}

function updateParam(
  place: OptimizerPlace,
  update: Procedure,
  param: PersistentEntry,
  gradient: Value,
  t: Value,
  path: string,
): void {
  const inner = procedureEnvironment(place, "optimizer", path);
  const env: Environment = { ...inner, stateShape: param.leaf };
  const values = [
    { value: tensorValue(param.leaf), cell: param.leaf },
    { value: gradient },
    { value: t },
  ];
  if (!bind(env, update, values, "update(w, g, t)")) return;
  runBody(update.body, env);
  if (!env.pass.assigned.has(param.leaf) && !env.session.sink.hasErrors) {
    const name = update.parameters[0]!.name.name;
    report(env, diagnostics.updateNeverAssigns(update.span, { name }));
  }
}
