/** `layer Plane = Space(dimensions = 2)`: a layer like another, some of whose arguments are given for good. */

import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { DerivedLayerDeclaration } from "../syntax/ast.ts";
import { bindOne, evaluateArguments, matchArguments } from "./arguments.ts";
import { evaluate } from "./evaluate.ts";
import { Scope } from "./scope.ts";
import { type Environment, report } from "./session.ts";
import { describe, errorValue, type Value } from "./values.ts";

export function deriveLayer(derived: DerivedLayerDeclaration, env: Environment): Value {
  const { base, name, header, span, doc } = derived;
  const callee = base.kind === "call" ? base.callee : base;
  const layer = evaluate(callee, env);
  if (layer.kind === "error") return errorValue;
  if (layer.kind !== "layer" || layer.declaration.kind !== "layer") {
    const [what, found] = [`what \`${name.name}\` derives from`, describe(layer)];
    return report(env, diagnostics.wrongType(callee.span, { what, expected: "a layer", found }));
  }
  const { declaration, module } = layer;
  const given = new Map(layer.given ?? []);
  const arguments_ = base.kind === "call" ? evaluateArguments(base, env) : [];
  if (arguments_.some(({ value }) => value.kind === "error")) return errorValue;
  const matched = matchArguments(
    env,
    { name: declaration.name.name, span: base.span, declaredAt: declaration.header },
    declaration.config.map((parameter) => ({ name: parameter.name.name, isRequired: false })),
    arguments_,
  );
  if (matched === undefined) return errorValue;
  const inner: Environment = { ...env, module, scope: new Scope() };
  for (const [key, value] of given) inner.scope.set(key, { value, span: base.span });
  for (const parameter of declaration.config) {
    const argument = matched.get(parameter.name.name);
    if (argument === undefined) continue;
    const value = bindOne(env, inner, parameter, argument);
    if (value.kind === "error") return errorValue;
    given.set(parameter.name.name, value);
  }
  const config = declaration.config.filter((parameter) => !given.has(parameter.name.name));
  return {
    kind: "layer",
    declaration: { ...declaration, name, header, span, doc: doc ?? declaration.doc, config },
    module,
    given,
  };
}
