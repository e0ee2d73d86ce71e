/**
 * What every layer and model takes beside its own arguments, as Keras' layers do: `trainable = false` keeps its params,
 * and those of the layers in it, as they are; `learning_rate = 0.1` is a factor on their learning rates.
 */

import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import type { LayerDeclaration, ModelDeclaration } from "../syntax/ast.ts";
import type { EvaluatedArgument } from "./arguments.ts";
import { type Environment, report } from "./session.ts";
import { describe, type Value } from "./values.ts";

/** How the params of a place are trained. */
export interface Tuning {
  readonly isTrained: boolean;
  /** By what learning rates are multiplied. */
  readonly rate: number;
}

export const usualTuning: Tuning = { isTrained: true, rate: 1 };

/** Splits the options off the arguments; what a layer declares under these names is its own. */
export function layerOptions(
  { config }: LayerDeclaration | ModelDeclaration,
  args: readonly EvaluatedArgument[],
  env: Environment,
): { readonly args: readonly EvaluatedArgument[]; readonly tuning: Tuning } {
  const declared = new Set(config.map((parameter) => parameter.name.name));
  const isOption = ({ name }: EvaluatedArgument): boolean =>
    name !== null && Object.hasOwn(usualOptions, name.name) && !declared.has(name.name);
  let tuning = usualTuning;
  for (const { name, value, span } of args.filter(isOption)) {
    tuning = usualOptions[name!.name as keyof typeof usualOptions](tuning, value, span, env);
  }
  return { args: args.filter((argument) => !isOption(argument)), tuning };
}

/** The options of a layer within those of the layers around it. */
export function innerTuning(outer: Tuning, own: Tuning): Tuning {
  return { isTrained: outer.isTrained && own.isTrained, rate: outer.rate * own.rate };
}

type Option = (tuning: Tuning, value: Value, span: Span, env: Environment) => Tuning;

const usualOptions = {
  trainable: (tuning, value, span, env) => {
    if (value.kind === "bool") return { ...tuning, isTrained: value.value };
    const expected = "true or false";
    const what = "the option `trainable`";
    if (value.kind !== "error")
      report(env, diagnostics.wrongType(span, { what, expected, found: describe(value) }));
    return tuning;
  },
  learning_rate: (tuning, value, span, env) => ({ ...tuning, rate: rateFactor(value, span, env) }),
} satisfies Record<string, Option>;

/** A factor on learning rates: a static number of at least 0. */
export function rateFactor(value: Value, span: Span, env: Environment): number {
  const isNumber = value.kind === "int" || value.kind === "float";
  if (isNumber && value.value >= 0) return value.value;
  const values = {
    what: "the option `learning_rate`",
    expected: "a factor on the learning rate, a number of at least 0",
    found: describe(value),
  };
  if (value.kind !== "error") report(env, diagnostics.wrongType(span, values));
  return 1;
}
