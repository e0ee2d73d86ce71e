/** Calls and pipes: functions, builtins, layers being made, layers being applied, each by its kind. */

import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import type { CallExpression, Expression, PipeExpression } from "../syntax/ast.ts";
import {
  bindParameters,
  type Callee,
  type EvaluatedArgument,
  evaluateArguments,
  matchArguments,
  resolveString,
} from "./arguments.ts";
import type { Builtin } from "./builtins/builtin.ts";
import { evaluate, findName } from "./evaluate.ts";
import { applyInstance, makeInstance, sharedModel } from "./instances.ts";
import { applyMetric } from "./metrics.ts";
import { optimizerParameters } from "./optimizer-levels.ts";
import { withOwnDerivative } from "./own-derivative.ts";
import { Scope } from "./scope.ts";
import { type Environment, report } from "./session.ts";
import { runBody } from "./statements.ts";
import { conform } from "./types.ts";
import {
  describe,
  errorValue,
  type FunctionValue,
  type LayerValue,
  type TemplateValue,
  type Value,
} from "./values.ts";

export function evaluateCall(call: CallExpression, env: Environment): Value {
  const callee = evaluateCallee(call.callee, env);
  const given = evaluateArguments(call, env);
  return callValue(callee, given, call.span, env);
}

const uncallable: ReadonlySet<Value["kind"]> = new Set([
  "tensor",
  "element",
  "int",
  "float",
  "bool",
  "none",
  "list",
]);

/** What is called. A value bound to a function's name does not hide the function from calls: `mean(mean)`. */
function evaluateCallee(callee: Expression, env: Environment): Value {
  if (callee.kind === "identifier") {
    const bound = env.scope.get(callee.name)?.value.kind;
    if (bound !== undefined && uncallable.has(bound)) {
      const found = findName(callee.name, { ...env, scope: new Scope() });
      if (found !== undefined) return found;
    }
  }
  return evaluate(callee, env);
}

/** `x |> g(a)` is `g(a)(x)` for what is made before it is applied, `g(x, a)` for a function. */
export function evaluatePipe({ value, target, span }: PipeExpression, env: Environment): Value {
  const piped: EvaluatedArgument = { name: null, value: evaluate(value, env), span: value.span };
  if (target.kind !== "call") {
    const callee = evaluate(target, env);
    if (callee.kind === "layer") return applyLayer(callee, [piped], target.span, env);
    return callValue(callee, [piped], span, env);
  }
  const callee = resolveString(evaluateCallee(target.callee, env), target.callee.span, env);
  const given = evaluateArguments(target, env);
  const isMade =
    callee.kind === "layer" ||
    callee.kind === "template" ||
    (callee.kind === "function" && callee.config === null);
  if (!isMade) return callValue(callee, [piped, ...given], span, env);
  const made =
    callee.kind === "layer"
      ? makeInstance(callee, given, target.span, env)
      : callValue(callee, given, target.span, env);
  return callValue(made, [piped], target.span, env);
}

export function callValue(
  given: Value,
  args: readonly EvaluatedArgument[],
  span: Span,
  env: Environment,
): Value {
  const callee = resolveString(given, span, env);
  if (callee.kind === "error" || args.some(({ value }) => value.kind === "error")) {
    return errorValue;
  }
  switch (callee.kind) {
    case "function":
      return callFunction(callee, args, span, env);
    case "builtin":
      return callBuiltin(callee.builtin, args, span, env);
    case "layer":
      return args.some(({ value }) => isData(value))
        ? applyLayer(callee, args, span, env)
        : makeInstance(callee, args, span, env);
    case "instance":
      return applyInstance(callee.instance, args, span, env);
    case "template":
      return callTemplate(callee, args, span, env);
    default:
      return report(env, diagnostics.notCallable(span, { found: describe(callee) }));
  }
}

function isData(value: Value): boolean {
  if (value.kind === "list") return value.items.some(isData);
  return value.kind === "tensor" || value.kind === "element";
}

/** Applies a layer that was not made yet: a model's one shared instance, or a new instance without arguments. */
function applyLayer(
  layer: LayerValue,
  args: readonly EvaluatedArgument[],
  span: Span,
  env: Environment,
): Value {
  const made =
    layer.declaration.kind === "model" && layer.declaration.config.length === 0
      ? sharedModel(layer, env)
      : makeInstance(layer, [], span, env);
  return made.kind === "instance" ? applyInstance(made.instance, args, span, env) : made;
}

function callFunction(
  fn: FunctionValue,
  args: readonly EvaluatedArgument[],
  span: Span,
  env: Environment,
): Value {
  const { declaration, module } = fn;
  const { name } = declaration;
  const callee: Callee = {
    name: name.name,
    span,
    declaredAt: declaration.header,
    isFunction: true,
  };
  const scope = new Scope();
  const inner: Environment = {
    ...env,
    module,
    scope,
    body: "fn",
    floors: false,
    indexed: null,
  };
  if (fn.config === null && declaration.config !== null) {
    // `L2(w)` is `L2()(w)`, as `Layer(x)` is `Layer()(x)`.
    const isApplied =
      args.some(({ value }) => isData(value)) &&
      declaration.config.every((parameter) => parameter.default !== null);
    if (isApplied) {
      const made = callFunction(fn, [], span, env);
      return made.kind === "function" ? callFunction(made, args, span, env) : made;
    }
    if (!bindParameters(env, inner, callee, declaration.config, args)) return errorValue;
    const config = new Map(
      declaration.config.map((parameter) => [
        parameter.name.name,
        scope.get(parameter.name.name)!.value,
      ]),
    );
    return { ...fn, config };
  }
  for (const [key, value] of fn.config ?? []) scope.set(key, { value, span: name.span });
  return env.session.called(span, name.name, env.module, env.owner.path, () => {
    if (!bindParameters(env, inner, callee, declaration.parameters, args)) return errorValue;
    // A body that rebinds a parameter leaves it to the derivative as it was.
    const { gradient } = declaration;
    const own = gradient === null ? inner : { ...inner, scope: new Scope(scope) };
    const result = runBody(declaration.body, own);
    if (result === null) {
      return report(inner, diagnostics.missingReturn(declaration.header, { name: name.name }));
    }
    const what = `the result of \`${name.name}\``;
    const checked =
      declaration.result === null
        ? result
        : conform(own, result, declaration.result, { span: declaration.result.span, what });
    return gradient === null ? checked : withOwnDerivative(fn, gradient, checked, span, inner);
  });
}

function callBuiltin(
  builtin: Builtin,
  args: readonly EvaluatedArgument[],
  span: Span,
  env: Environment,
): Value {
  const callee: Callee = { name: builtin.name, span, declaredAt: null, isFunction: true };
  const { name, parameters, takesOthers = false } = builtin;
  const isOther = (argument: EvaluatedArgument) =>
    takesOthers &&
    argument.name !== null &&
    !parameters.some((parameter) => parameter.name === argument.name?.name);
  const own = args.filter((argument) => !isOther(argument));
  const matched = matchArguments(env, callee, parameters, own);
  if (matched === undefined) return errorValue;
  return builtin.call({ env, span, name, arguments: matched, others: args.filter(isOther) });
}

function callTemplate(
  template: TemplateValue,
  args: readonly EvaluatedArgument[],
  span: Span,
  env: Environment,
): Value {
  const { declaration, module } = template;
  const name = declaration.name.name;
  const isApplied = template.config !== null || args.some(({ value }) => isData(value));
  if (isApplied && declaration.kind === "metric") return applyMetric(template, args, span, env);
  if (isApplied) return report(env, diagnostics.notCallable(span, { found: describe(template) }));
  const inner: Environment = { ...env, module, scope: new Scope(), floors: false, indexed: null };
  const callee: Callee = { name, span, declaredAt: declaration.header };
  const found =
    declaration.kind === "optimizer" ? optimizerParameters(declaration, module, env) : [];
  const parameters =
    declaration.kind === "optimizer" ? found.map(({ parameter }) => parameter) : declaration.config;
  const moduleOf = new Map(found.map((one) => [one.parameter, one.module]));
  if (!bindParameters(env, inner, callee, parameters, args, moduleOf)) return errorValue;
  const config = new Map(
    parameters.map((parameter) => [
      parameter.name.name,
      inner.scope.get(parameter.name.name)!.value,
    ]),
  );
  return { ...template, config };
}
