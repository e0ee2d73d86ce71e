/**
 * What an optimizer is made of. `extends Base` puts the procedures of Base around its own, and takes the parameters of
 * Base that it does not declare itself; `around p` puts its own around those of the optimizer given as p. Calling
 * `update(w, g, t)` in `update` runs what is inside; a procedure that does not call its own name is replaced by
 * what extends it. So the arguments that all optimizers share are written down once.
 */

import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type {
  Expression,
  OptimizerDeclaration,
  Parameter,
  Procedure,
  ProcedureName,
  Statement,
} from "../syntax/ast.ts";
import { childExpressions } from "./expression-children.ts";
import type { Module, Resolved } from "./modules.ts";
import { type Environment, report } from "./session.ts";
import { blocksOf, expressionsOf } from "./statement-parts.ts";
import { describe, type TemplateValue, type Value } from "./values.ts";

/** The arguments of one optimizer with its bases, which they all see. */
export interface OptimizerArguments {
  readonly template: TemplateValue;
  readonly values: ReadonlyMap<string, Value>;
}

/** One declaration of those that an optimizer is made of. */
export interface Level {
  readonly declaration: OptimizerDeclaration;
  readonly module: Module;
  readonly of: OptimizerArguments;
}

export interface LevelProcedure {
  readonly level: Level;
  readonly procedure: Procedure;
}

/** A parameter and the file that its default is written in. */
export interface OptimizerParameter {
  readonly parameter: Parameter;
  readonly module: Module;
}

/** Its own parameters, then those of its bases that it does not declare. */
export function optimizerParameters(
  declaration: OptimizerDeclaration,
  module: Module,
  env: Environment,
): OptimizerParameter[] {
  const found = new Map<string, OptimizerParameter>();
  for (const level of basesOf(declaration, module, env).reverse()) {
    for (const parameter of level.declaration.config) {
      const { name } = parameter.name;
      if (!found.has(name)) found.set(name, { parameter, module: level.module });
    }
  }
  return [...found.values()];
}

/** The declaration and what it extends, the outermost first. */
function basesOf(
  declaration: OptimizerDeclaration,
  module: Module,
  env: Environment,
): { readonly declaration: OptimizerDeclaration; readonly module: Module }[] {
  const chain = [{ declaration, module }];
  for (let { base } = declaration; base?.relation === "extends"; ) {
    const resolved: Resolved | undefined = env.session.modules.resolve(
      chain[0]!.module,
      base.name.name,
    );
    const next = resolved?.declaration;
    if (next?.kind !== "optimizer" || chain.some((level) => level.declaration === next)) {
      const isCircle = next?.kind === "optimizer";
      const found = isCircle ? "one that extends this one" : undefined;
      report(env, diagnostics.notAnOptimizer(base.name.span, { name: base.name.name, found }));
      break;
    }
    chain.unshift({ declaration: next, module: resolved!.module });
    base = next.base;
  }
  return chain;
}

/** All levels of an optimizer with its arguments, the outermost first. */
export function levelsOf(template: TemplateValue, env: Environment): Level[] {
  const { declaration, module, config } = template;
  if (declaration.kind !== "optimizer") return [];
  const of: OptimizerArguments = { template, values: config ?? new Map() };
  const levels = basesOf(declaration, module, env).map((level): Level => ({ ...level, of }));
  const around = levels
    .map((level) => level.declaration.base)
    .find((base) => base?.relation === "around");
  if (around == null) return levels;
  const { name, span } = around.name;
  const inner = of.values.get(name);
  if (inner?.kind === "template" && inner.declaration.kind === "optimizer") {
    return [...levels, ...levelsOf(inner, env)];
  }
  if (inner?.kind !== "error") {
    const found = inner && describe(inner);
    report(env, diagnostics.notAnOptimizer(span, { name, found }));
  }
  return levels;
}

/** The procedures of one name that run, each inside the one before. */
export function proceduresOf(levels: readonly Level[], name: ProcedureName): LevelProcedure[] {
  const chain: LevelProcedure[] = [];
  for (const level of [...levels].reverse()) {
    const procedure = level.declaration.procedures[name];
    if (procedure === null) continue;
    if (chain.length === 0 || calls(procedure.body, name)) chain.unshift({ level, procedure });
  }
  return chain;
}

function calls(statements: readonly Statement[], name: string): boolean {
  const inExpression = (expression: Expression): boolean =>
    (expression.kind === "call" &&
      expression.callee.kind === "identifier" &&
      expression.callee.name === name) ||
    childExpressions(expression).some(inExpression);
  return statements.some(
    (statement) =>
      expressionsOf(statement).some(inExpression) ||
      blocksOf(statement).some((block) => calls(block, name)),
  );
}
