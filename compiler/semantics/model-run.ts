/** The model that a program trains or describes, and one run of its body for one graph. */

import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import type { Assignment, Value as GraphValue } from "../graph/node.ts";
import type { ModelDeclaration } from "../syntax/ast.ts";
import { type Instance, makeInstance, runModelBody, sharedModel } from "./instances.ts";
import { Scope } from "./scope.ts";
import { type Environment, newOwner, type Pass, report } from "./session.ts";
import { describe, type Value } from "./values.ts";

export interface ProgramModel {
  readonly instance: Instance;
  readonly declaration: ModelDeclaration;
}

/** The inputs and outputs of a model in one pass. */
export interface ModelRun {
  readonly declaration: ModelDeclaration;
  readonly env: Environment;
  readonly inputs: ReadonlyMap<string, { readonly leaf: GraphValue; readonly span: Span }>;
  readonly outputs: ReadonlyMap<string, { readonly value: Value; readonly span: Span }>;
}

/** A model by name, or made with arguments; its path is its name. */
export function programModel(value: Value, span: Span, top: Environment): ProgramModel | undefined {
  if (value.kind === "error") return undefined;
  const isBare = value.kind === "layer" && value.declaration.config.length === 0;
  const made =
    value.kind !== "layer" || value.declaration.kind !== "model"
      ? value
      : isBare
        ? sharedModel(value, top)
        : makeInstance(value, [], span, top);
  if (made.kind === "error") return undefined;
  if (made.kind === "instance" && made.instance.declaration.kind === "model") {
    const { instance } = made;
    const declaration = made.instance.declaration;
    instance.pathIn(top, declaration.name.name);
    return { instance, declaration };
  }
  const found = describe(value);
  report(top, diagnostics.wrongType(span, { what: "what is trained", expected: "a model", found }));
  return undefined;
}

/** What layers assigned to their states in a run. */
export function assignedStates({ env: { pass, session } }: ModelRun): Assignment[] {
  const isOfLayer = ({ node }: GraphValue) =>
    node.kind === "leaf" && session.persistent.get(node.path)?.role === "state";
  return [...pass.assigned]
    .filter(([target]) => isOfLayer(target))
    .map(([target, value]) => ({ target, value }));
}

export function runModel(
  { instance, declaration }: ProgramModel,
  pass: Pass,
  top: Environment,
): ModelRun {
  const scope = new Scope();
  const env: Environment = {
    ...top,
    pass,
    module: instance.module,
    scope,
    owner: newOwner(instance.path ?? ""),
    body: "model",
  };
  for (const [key, value] of instance.config) {
    scope.set(key, { value, span: declaration.name.span });
  }
  const { outputs, leaves } = runModelBody(declaration, env, null);
  return { declaration, env, inputs: leaves, outputs };
}
