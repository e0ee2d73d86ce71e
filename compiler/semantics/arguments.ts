/** Arguments met with parameters: by position, then by name, then by default; each checked against its type. */

import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { Label, Span } from "../diagnostics/diagnostic.ts";
import { nearest } from "../diagnostics/nearest.ts";
import type { CallExpression, Identifier, Parameter } from "../syntax/ast.ts";
import type { Operand } from "./arithmetic.ts";
import { evaluate, findName, unknownName } from "./evaluate.ts";
import type { Module } from "./modules.ts";
import { Scope } from "./scope.ts";
import { type Environment, report } from "./session.ts";
import { conform } from "./types.ts";
import { describe, errorValue, type Value } from "./values.ts";

export interface EvaluatedArgument extends Operand {
  /** null for a positional argument. */
  readonly name: Identifier | null;
}

export function evaluateArguments(call: CallExpression, env: Environment): EvaluatedArgument[] {
  return call.arguments.map(({ name, value }) => ({
    name,
    value: evaluate(value, { ...env, floors: false }),
    span: value.span,
  }));
}

/** What is called, for errors. */
export interface Callee {
  readonly name: string;
  readonly span: Span;
  /** Where it is declared, unless it is built in. */
  readonly declaredAt: Span | null;
  /** Whether it could be meant as a value, without the call. */
  readonly isFunction?: boolean;
  /** Whether it is made with these arguments, to be applied to others. */
  readonly isMade?: boolean;
}

/** A parameter as far as matching goes. */
export interface Slot {
  readonly name: string;
  readonly isRequired: boolean;
}

/** Arguments by parameter name; nothing after an error. */
export function matchArguments(
  env: Environment,
  callee: Callee,
  slots: readonly Slot[],
  given: readonly EvaluatedArgument[],
): ReadonlyMap<string, EvaluatedArgument> | undefined {
  const matched = new Map<string, EvaluatedArgument>();
  const labels: Label[] =
    callee.declaredAt === null ? [] : [{ span: callee.declaredAt, text: "declared here" }];
  let isSound = true;
  given.forEach((argument, i) => {
    if (argument.name === null) {
      const slot = slots[i];
      if (slot !== undefined) {
        matched.set(slot.name, argument);
      } else if (isSound) {
        report(
          env,
          diagnostics.tooManyArguments(
            argument.span,
            { name: callee.name, count: countArguments(slots.length) },
            { labels },
          ),
        );
        isSound = false;
      }
      return;
    }
    const { name, span } = argument.name;
    const before = matched.get(name);
    if (before !== undefined) {
      const first = [{ span: before.span, text: "given here already" }];
      report(env, diagnostics.repeatedArgument(span, { name }, { labels: first }));
      isSound = false;
    } else if (slots.some((slot) => slot.name === name)) {
      matched.set(name, argument);
    } else {
      const known = slots.map((slot) => slot.name);
      report(
        env,
        diagnostics.unknownArgument(
          span,
          {
            name,
            callee: callee.name,
            nearest: nearest(name, known),
            known: known.length === 0 ? undefined : known.join(", "),
          },
          { labels },
        ),
      );
      isSound = false;
    }
  });
  if (!isSound) return undefined;
  const missing = slots.filter(({ name, isRequired }) => isRequired && !matched.has(name));
  if (missing.length === 0) return matched;
  const names = missing.map(({ name }) => name);
  const isEmpty = given.length === 0;
  report(
    env,
    diagnostics.missingArgument(
      callee.span,
      {
        names: names.map((name) => `\`${name}\``).join(", "),
        callee: callee.name,
        value: isEmpty && callee.isFunction ? callee.name : undefined,
        made:
          isEmpty && callee.isMade
            ? `${callee.name}(${names.map((name) => `${name} = …`).join(", ")})`
            : undefined,
      },
      { labels },
    ),
  );
  return undefined;
}

function countArguments(count: number): string {
  return count === 1 ? "1 argument" : `${count} arguments`;
}

/**
 * Binds parameters in the scope of `inner`, in order, so that types and defaults may use those before; `moduleOf` has
 * those that another file declares. False after an error.
 */
export function bindParameters(
  caller: Environment,
  inner: Environment,
  callee: Callee,
  parameters: readonly Parameter[],
  given: readonly EvaluatedArgument[],
  moduleOf: ReadonlyMap<Parameter, Module> = new Map(),
): boolean {
  const slots = parameters.map((parameter) => ({
    name: parameter.name.name,
    isRequired: parameter.default === null,
  }));
  const matched = matchArguments(caller, callee, slots, given);
  if (matched === undefined) return false;
  let isSound = true;
  for (const parameter of parameters) {
    const { name, span } = parameter.name;
    const argument = matched.get(name);
    const place = { ...inner, module: moduleOf.get(parameter) ?? inner.module };
    const value = bindOne(caller, place, parameter, argument);
    if (value.kind === "error") isSound = false;
    inner.scope.set(name, { value, span });
  }
  return isSound;
}

export function bindOne(
  caller: Environment,
  inner: Environment,
  parameter: Parameter,
  argument: EvaluatedArgument | undefined,
): Value {
  const what = `the argument \`${parameter.name.name}\``;
  const usual = parameter.default === null ? null : evaluate(parameter.default, inner);
  if (argument === undefined) {
    if (usual === null || parameter.type === null || usual.kind === "none")
      return usual ?? errorValue;
    return conform(inner, usual, parameter.type, { span: parameter.span, what });
  }
  const { span } = argument;
  const takesFunction = usual?.kind === "function" || usual?.kind === "builtin";
  const value = takesFunction ? resolveString(argument.value, span, caller) : argument.value;
  if (value.kind === "error") return value;
  // `none` stands for "not given" wherever that is the default.
  if (value.kind === "none" && usual?.kind === "none") return value;
  if (parameter.type !== null) return conform(inner, value, parameter.type, { span, what });
  const expected = usual === null ? null : expectedLike(usual, value);
  if (expected === null) return value;
  return report(
    inner,
    diagnostics.wrongType(
      span,
      { what, expected, found: describe(value) },
      { labels: [{ span: parameter.span, text: "its default says what it takes" }] },
    ),
  );
}

/** A function may be given by its name in a string, as in Keras. */
export function resolveString(value: Value, span: Span, env: Environment): Value {
  if (value.kind !== "string") return value;
  const found = findName(value.value, { ...env, scope: new Scope() });
  if (found !== undefined) return found;
  const name: Identifier = { kind: "identifier", name: value.value, span };
  return report(env, unknownName(name, env.session.modules.visibleNames(env.module), false));
}

/** What a parameter without a type takes, judged by its default; null if the value will do. */
function expectedLike(usual: Value, value: Value): string | null {
  const isFunction =
    value.kind === "function" ||
    value.kind === "builtin" ||
    value.kind === "layer" ||
    value.kind === "instance" ||
    value.kind === "string" ||
    value.kind === "none";
  switch (usual.kind) {
    case "int":
    case "float": {
      const isNumber =
        value.kind === "int" ||
        value.kind === "float" ||
        value.kind === "extent" ||
        value.kind === "tensor" ||
        value.kind === "element" ||
        // A list of numbers, one a dimension; a schedule in place of a rate.
        value.kind === "list" ||
        value.kind === "function" ||
        value.kind === "none" ||
        value.kind === "error";
      return isNumber ? null : "a number";
    }
    case "bool":
      return value.kind === "bool" || value.kind === "error" ? null : "true or false";
    case "string":
      return isFunction || value.kind === "error" ? null : "a string";
    case "function":
    case "builtin":
      return isFunction || value.kind === "error" || isInitialValue(value) ? null : "a function";
    default:
      return null;
  }
}

/** A number may stand for the initializer that gives it. */
function isInitialValue({ kind }: Value): boolean {
  return kind === "tensor" || kind === "element" || kind === "float";
}
