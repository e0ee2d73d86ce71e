/** Expressions: one function from syntax to values, which hands each kind to the file that knows it. */

import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import { assertExhaustive, type Diagnostic } from "../diagnostics/diagnostic.ts";
import { insteadOfName } from "../diagnostics/habits.ts";
import { nearest } from "../diagnostics/nearest.ts";
import { batchExtent } from "../graph/extent.ts";
import type { Expression, Identifier, ListExpression, RangeExpression } from "../syntax/ast.ts";
import { builtinNames, findBuiltin } from "./builtins/index.ts";
import { evaluateCall, evaluatePipe } from "./calls.ts";
import { evaluateConditional } from "./conditional.ts";
import { evaluateConstant } from "./constants.ts";
import { evaluateIndex } from "./indexing.ts";
import type { Module, ModuleLoader } from "./modules.ts";
import { evaluateReduce } from "./notation.ts";
import { evaluateBinary, evaluateUnary } from "./operators.ts";
import { evaluateMember } from "./scan-names.ts";
import { type Environment, report } from "./session.ts";
import {
  asExtent,
  boolValue,
  describe,
  errorValue,
  extentValue,
  floatValue,
  intValue,
  listValue,
  noneValue,
  type Value,
} from "./values.ts";

export function evaluate(expression: Expression, env: Environment): Value {
  env.session.step(expression.span);
  switch (expression.kind) {
    case "number":
      return expression.isInteger ? intValue(expression.value) : floatValue(expression.value);
    case "string":
      return { kind: "string", value: expression.value };
    case "boolean":
      return boolValue(expression.value);
    case "none":
      return noneValue;
    case "identifier":
      return lookUp(expression, env);
    case "list":
    case "tuple":
      return evaluateList(expression, env);
    case "range":
      return evaluateRange(expression, env);
    case "call":
      return evaluateCall(expression, env);
    case "pipe":
      return evaluatePipe(expression, env);
    case "index":
      return evaluateIndex(expression, env);
    case "member":
      return evaluateMember(expression, env);
    case "unary":
      return evaluateUnary(expression, env);
    case "binary":
      return evaluateBinary(expression, env);
    case "conditional":
      return evaluateConditional(expression, env);
    case "reduce":
      return evaluateReduce(expression, env);
    default:
      return assertExhaustive(expression);
  }
}

/**
 * What a name means: bound in the body, declared in the file, imported, built in, or of the library. `member` is what is
 * asked of it, for the message.
 */
export function lookUp(identifier: Identifier, env: Environment, member?: string): Value {
  return findName(identifier.name, env) ?? reportUnknown(identifier, env, member);
}

export function findName(name: string, env: Environment): Value | undefined {
  const bound = env.scope.get(name);
  if (bound !== undefined) return bound.value;
  if (name === "training") return boolValue(env.pass.training);
  if (name === "trainable") return boolValue(env.tuning.isTrained);
  if (name === "measuring") return boolValue(env.measuring);
  if (name === "batch_weight") return env.batchWeight;
  const { modules } = env.session;
  const builtin = findBuiltin(name);
  // The library may be built on a function of the same name, but a user's own hides it.
  const own = env.module.declarations.get(name) ?? env.module.imports.get(name);
  if (own === undefined && builtin !== undefined) return { kind: "builtin", builtin };
  const resolved = modules.resolve(env.module, name);
  if (resolved === undefined) {
    return name === "N" ? extentValue(batchExtent) : undefined;
  }
  const { module, declaration } = resolved;
  switch (declaration.kind) {
    case "const":
    case "derived-layer":
      return evaluateConstant(env.session, resolved);
    case "fn":
      return {
        kind: "function",
        declaration,
        module,
        config: declaration.config ? null : new Map(),
      };
    case "layer":
    case "model":
      return { kind: "layer", declaration, module };
    case "optimizer":
    case "metric":
      return { kind: "template", declaration, module, config: null };
    case "data":
      return undefined;
  }
}

function reportUnknown(
  identifier: Identifier,
  env: Environment,
  member: string | undefined,
): Value {
  if (env.scope.loopName(identifier.name) !== undefined) {
    const { name, span } = identifier;
    return report(env, diagnostics.nameOfLoop(span, { name }));
  }
  const around = visibleNames(env.session.modules, env.module, env.floors);
  const names = [...env.scope.names(), ...around];
  return report(env, unknownName(identifier, names, env.floors, member));
}

/** Names of the top level that may have been meant; nothing of the library is a size. */
export function visibleNames(
  modules: ModuleLoader,
  module: Module,
  isDimension: boolean,
): readonly string[] {
  if (!isDimension) return modules.visibleNames(module);
  return [...module.declarations.keys(), ...module.imports.keys()];
}

/** Words that are values. */
const words = [
  "training",
  "trainable",
  "measuring",
  "batch_weight",
  "true",
  "false",
  "none",
] as const;

/** A name that is none of those in sight, nor of the language's own; `member` is what stands behind it and a dot. */
export function unknownName(
  { name, span }: Identifier,
  visible: readonly string[],
  isDimension: boolean,
  member?: string,
): Diagnostic {
  const known = isDimension ? visible : [...visible, ...builtinNames, ...words];
  return diagnostics.unknownName(span, {
    name,
    member: member !== undefined && known.includes(member) ? member : undefined,
    instead: isDimension ? undefined : (insteadOfName(member ?? name) ?? insteadOfName(name)),
    nearest: nearest(name, known),
    dimension: isDimension ? "the batch size is called `N`" : undefined,
  });
}

function evaluateList(
  expression: ListExpression | Extract<Expression, { kind: "tuple" }>,
  env: Environment,
): Value {
  const items = expression.elements.map((element) => evaluate(element, env));
  if (items.some(({ kind }) => kind === "error")) return errorValue;
  return listValue(items, expression.kind === "tuple");
}

/** Longest list that a range may make. */
const maximumRange = 100_000;

function evaluateRange(expression: RangeExpression, env: Environment): Value {
  const start = evaluate(expression.start, env);
  const stop = evaluate(expression.stop, env);
  if (start.kind === "error" || stop.kind === "error") return errorValue;
  for (const [value, { span }] of [
    [start, expression.start],
    [stop, expression.stop],
  ] as const) {
    if (value.kind === "int") continue;
    const found = asExtent(value) === undefined ? describe(value) : "a size that depends on N";
    return report(
      env,
      diagnostics.wrongType(span, { what: "the end of a range", expected: "an int", found }),
    );
  }
  if (start.kind !== "int" || stop.kind !== "int") return errorValue;
  if (stop.value < 0 && start.value >= 0) {
    return { kind: "range", start: start.value, stop: stop.value };
  }
  const length = Math.max(0, stop.value - start.value);
  if (length > maximumRange) {
    return report(env, diagnostics.rangeTooLong(expression.span, { length, limit: maximumRange }));
  }
  return listValue(Array.from({ length }, (_, i) => intValue(start.value + i)));
}
