/**
 * Which optimizer trains which param: one that is named, or what a function of the param's path gives for it, as a
 * learning rate is a number or a function of the step. Params for which it gives the same optimizer with the same
 * arguments are trained by one, so that what is over all gradients, such as a norm, is over those of all of them.
 */

import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import { callValue } from "./calls.ts";
import type { OptimizerUse } from "./optimizer.ts";
import { joinPath, snakeCase } from "./paths.ts";
import { type Environment, report } from "./session.ts";
import { describe, type FunctionValue, type TemplateValue, type Value } from "./values.ts";

export interface PartOptimizer extends OptimizerUse {
  /** Whether it is for the param of a path; the first optimizer is for all that are left. */
  readonly isFor: (path: string) => boolean;
}

/** A function from paths to optimizers, before the params are known. */
export interface OptimizerChoice {
  readonly choose: FunctionValue;
  readonly span: Span;
  readonly prefix: string;
  readonly isFor: (path: string) => boolean;
}

export type GivenOptimizer = PartOptimizer | OptimizerChoice;

interface ParamsOfModel {
  readonly paths: readonly string[];
  /** The path of the model, which its params' paths begin with and functions are not given. */
  readonly model: string;
}

/** The optimizers of all params; undefined, with an error, where a function gives something else. */
export function chosenOptimizers(
  given: readonly GivenOptimizer[],
  params: ParamsOfModel,
  env: Environment,
): readonly PartOptimizer[] | undefined {
  const ownOf = (path: string) => given.findLastIndex(({ isFor }) => isFor(path));
  const expanded = given.map((optimizer, i) => {
    if (!("choose" in optimizer)) return [optimizer];
    return chosenBy(
      optimizer,
      { ...params, paths: params.paths.filter((path) => ownOf(path) === i) },
      env,
    );
  });
  return expanded.includes(undefined)
    ? undefined
    : expanded.flatMap((optimizers) => optimizers ?? []);
}

function chosenBy(
  { choose, span, prefix }: OptimizerChoice,
  { paths, model }: ParamsOfModel,
  env: Environment,
): PartOptimizer[] | undefined {
  const groups: { readonly template: TemplateValue; readonly paths: Set<string> }[] = [];
  for (const path of paths) {
    const name = path.startsWith(`${model}/`) ? path.slice(model.length + 1) : path;
    const argument = { name: null, value: { kind: "string", value: name } as const, span };
    let value = callValue(choose, [argument], span, env);
    if (value.kind === "template" && value.config === null) value = callValue(value, [], span, env);
    if (value.kind === "error") return undefined;
    if (value.kind !== "template" || value.declaration.kind !== "optimizer") {
      const what = `what the function gives for \`${name}\``;
      const found = describe(value);
      report(env, diagnostics.wrongType(span, { what, expected: "an optimizer", found }));
      return undefined;
    }
    const chosen = value;
    const group = groups.find(({ template }) => isSame(template, chosen));
    if (group === undefined) groups.push({ template: chosen, paths: new Set([path]) });
    else group.paths.add(path);
  }
  const names = groups.map(({ template }) => snakeCase(template.declaration.name.name));
  return groups.map(({ template, paths: own }, i) => {
    const before = names.slice(0, i).filter((name) => name === names[i]).length;
    const name = before === 0 ? names[i]! : `${names[i]}_${before}`;
    return { template, span, prefix: joinPath(prefix, name), isFor: (path) => own.has(path) };
  });
}

/** Whether values are written alike, whatever made them. */
function isSame(a: Value, b: Value): boolean {
  if (a === b) return true;
  if (a.kind === "none" || b.kind === "none") return a.kind === b.kind;
  if (a.kind === "list" && b.kind === "list") {
    return (
      a.items.length === b.items.length && a.items.every((item, i) => isSame(item, b.items[i]!))
    );
  }
  if (
    (a.kind === "template" && b.kind === "template") ||
    (a.kind === "function" && b.kind === "function")
  ) {
    return a.declaration === b.declaration && isSameConfig(a.config, b.config);
  }
  if (a.kind === "tensor" || b.kind === "tensor" || a.kind !== b.kind) return false;
  return "value" in a && "value" in b && a.value === b.value;
}

type Config = ReadonlyMap<string, Value> | null;

function isSameConfig(a: Config, b: Config): boolean {
  const [first, second] = [a ?? new Map<string, Value>(), b ?? new Map<string, Value>()];
  return (
    first.size === second.size &&
    [...first].every(([name, value]) => {
      const other = second.get(name);
      return other !== undefined && isSame(value, other);
    })
  );
}
