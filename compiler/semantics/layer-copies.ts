/**
 * Layers looked at and made again: what arguments a layer was made with, and fresh copies of it with some of them
 * changed. A copy has params of its own; layers among its arguments are copied too, as they are parts of it.
 */

import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import { nearest } from "../diagnostics/nearest.ts";
import type { Identifier } from "../syntax/ast.ts";
import { bindOne, type EvaluatedArgument, matchArguments } from "./arguments.ts";
import { Instance } from "./instances.ts";
import { snakeCase } from "./paths.ts";
import { Scope } from "./scope.ts";
import { type Environment, report } from "./session.ts";
import { errorValue, type LayerValue, type Value } from "./values.ts";

/** `layer.units`: the argument that it was made with, or its default. */
export function argumentOf(instance: Instance, member: Identifier, env: Environment): Value {
  const found = instance.config.get(member.name);
  if (found !== undefined) return found;
  const known = [...instance.config.keys()];
  const values = {
    name: member.name,
    callee: instance.declaration.name.name,
    nearest: nearest(member.name, known),
    known: known.length === 0 ? undefined : known.join(", "),
  };
  return report(env, diagnostics.unknownArgument(member.span, values));
}

/** What the layer is called, or would be: the last part of its path. */
export function nameOf({ path, declaration }: Instance): string {
  return path?.split("/").at(-1) ?? snakeCase(declaration.name.name);
}

/** A layer like that one, with params of its own under `name`. */
export function copyInstance(
  instance: Instance,
  name: string | null,
  changes: readonly EvaluatedArgument[],
  span: Span,
  env: Environment,
): Value {
  const { declaration, module } = instance;
  const slots = declaration.config.map((parameter) => ({
    name: parameter.name.name,
    isRequired: false,
  }));
  const callee = { name: declaration.name.name, span, declaredAt: declaration.header };
  const matched = matchArguments(env, callee, slots, changes);
  if (matched === undefined) return errorValue;
  const place = `${span.file}:${span.start}`;
  const count = env.owner.made.get(place) ?? 0;
  env.owner.made.set(place, count + 1);
  const site = `${env.owner.path}@${place}#${count}`;
  const config = new Map(copyOf(instance, site).config);
  const scope = new Scope();
  const inner: Environment = { ...env, module, scope, floors: false, indexed: null };
  for (const [key, value] of config) scope.set(key, { value, span });
  for (const parameter of declaration.config) {
    const argument = matched.get(parameter.name.name);
    if (argument === undefined) continue;
    const value = bindOne(env, inner, parameter, argument);
    if (value.kind === "error") return errorValue;
    scope.set(parameter.name.name, { value, span });
    config.set(parameter.name.name, value);
  }
  const made = new Instance(layerOf(instance), config, site, null, instance.tuning);
  if (name !== null) made.pathIn(env, name);
  return { kind: "instance", instance: made };
}

const layerOf = ({ declaration, module }: Instance): LayerValue => ({
  kind: "layer",
  declaration,
  module,
});

/** The same layer again, and the layers it is made of. */
function copyOf(instance: Instance, site: string): Instance {
  const config = [...instance.config].map(([key, value]) => [
    key,
    copyParts(value, `${site}/${key}`),
  ]) satisfies [string, Value][];
  return new Instance(layerOf(instance), new Map(config), site, null, instance.tuning);
}

function copyParts(value: Value, site: string): Value {
  if (value.kind === "instance") return { ...value, instance: copyOf(value.instance, site) };
  if (value.kind !== "list") return value;
  return { ...value, items: value.items.map((item, i) => copyParts(item, `${site}/${i}`)) };
}

/** The same layer with the same params, of which its body reads one through a function. */
export function readingThrough(instance: Instance, param: string, by: Value): Value {
  const { declaration, module, config, site, tuning, readings } = instance;
  const all = new Map([...readings, [param, by]]);
  const made = { kind: "layer", declaration, module } as const;
  return {
    kind: "instance",
    instance: new Instance(made, config, site, instance.path, tuning, all),
  };
}
