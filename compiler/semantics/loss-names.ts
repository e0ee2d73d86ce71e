/** Names in losses and metrics: those of the model's inputs and outputs and of the data's columns. */

import type { Argument, Expression, Identifier, Statement } from "../syntax/ast.ts";
import type { LoweredData } from "./data.ts";
import { findName, unknownName } from "./evaluate.ts";
import { childExpressions } from "./expression-children.ts";
import type { ModelRun } from "./model-run.ts";
import { type Environment, report } from "./session.ts";
import { blocksOf, namesBoundBy } from "./statement-parts.ts";
import type { TrainEntries } from "./train.ts";

/** Reports unknown names with what there is to name; evaluating them afterwards adds nothing. */
export function checkLossNames(
  entries: TrainEntries,
  losses: readonly Argument[],
  { declaration, inputs, outputs }: ModelRun,
  data: LoweredData,
  env: Environment,
): void {
  const inside = new Set(declaration.body.flatMap(namesBoundIn));
  const model = declaration.name.name;
  const known = [
    `the model \`${model}\` has ${[...inputs.keys(), ...outputs.keys()].join(", ")}`,
    `the data \`${data.declaration.name.name}\` ${[...data.columns.keys()].join(", ")}`,
  ].join("; ");
  const given = [...losses, ...(entries.get("metrics")?.values ?? [])];
  for (const { identifier, member } of given.flatMap(({ value }) => namesIn(value))) {
    const { name } = identifier;
    if (findName(name, env) !== undefined) continue;
    const names = [...env.scope.names(), ...env.session.modules.visibleNames(env.module)];
    const diagnostic = unknownName(identifier, names, false, member);
    const hint = inside.has(name)
      ? `it is bound inside the model; write \`output ${name} = …\` there to use it here`
      : (diagnostic.hint ?? known);
    report(env, { ...diagnostic, hint });
  }
}

interface NameUse {
  readonly identifier: Identifier;
  /** What stands behind it and a dot. */
  readonly member?: string;
}

function namesIn(expression: Expression): NameUse[] {
  if (expression.kind === "identifier") return [{ identifier: expression }];
  if (expression.kind === "member") {
    return [{ identifier: expression.object, member: expression.member.name }];
  }
  return childExpressions(expression).flatMap(namesIn);
}

function namesBoundIn(statement: Statement): string[] {
  const own = namesBoundBy(statement).map(({ name }) => name);
  return [...own, ...blocksOf(statement).flatMap((block) => block.flatMap(namesBoundIn))];
}
