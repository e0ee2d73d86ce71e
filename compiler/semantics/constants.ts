/** Constants and derived layers of files: evaluated where first needed, once; one that needs itself is an error. */

import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { ConstDeclaration, DerivedLayerDeclaration } from "../syntax/ast.ts";
import { deriveLayer } from "./derived-layers.ts";
import { evaluate } from "./evaluate.ts";
import { usualTuning } from "./layer-options.ts";
import type { Resolved } from "./modules.ts";
import { Scope } from "./scope.ts";
import { type Environment, newOwner, newPass, type Session } from "./session.ts";
import { conform } from "./types.ts";
import { errorValue, noneValue, type Value } from "./values.ts";

export class ConstantTable {
  /** null while a constant is being evaluated. */
  readonly values = new Map<ConstDeclaration | DerivedLayerDeclaration, Value | null>();
}

export function evaluateConstant(session: Session, { module, declaration }: Resolved): Value {
  if (declaration.kind !== "const" && declaration.kind !== "derived-layer") return errorValue;
  const { values } = session.constants;
  const known = values.get(declaration);
  if (known !== undefined && known !== null) return known;
  const { name, span } = declaration.name;
  if (known === null) {
    const open = [...values].filter(([, value]) => value === null).map(([constant]) => constant);
    const through = open.slice(open.indexOf(declaration) + 1);
    const labels = through.map((constant) => ({ span: constant.name.span, text: "through this" }));
    session.report(diagnostics.cyclicDefinition(span, { name }, { labels }));
    return errorValue;
  }
  values.set(declaration, null);
  const env = topEnvironment(session, module);
  if (declaration.kind === "derived-layer") {
    const layer = deriveLayer(declaration, env);
    values.set(declaration, layer);
    return layer;
  }
  let value = evaluate(declaration.value, env);
  if (declaration.type !== null) {
    value = conform(env, value, declaration.type, {
      span: declaration.value.span,
      what: `\`${name}\``,
    });
  }
  values.set(declaration, value);
  return value;
}

/** Outside every body: only what a module sees. */
export function topEnvironment(session: Session, module: Resolved["module"]): Environment {
  return {
    session,
    pass: newPass(false),
    module,
    scope: new Scope(),
    owner: newOwner(""),
    body: "top",
    model: null,
    stateRole: "state",
    tuning: usualTuning,
    stateShape: null,
    metricWeight: null,
    maskedMeans: null,
    batchWeight: noneValue,
    measuring: false,
    floors: false,
    loops: [],
    indexed: null,
  };
}
