/** What statements consist of: their own expressions, the names they bind, the blocks in them. */

import type { Expression, Identifier, Pattern, Statement } from "../syntax/ast.ts";

/** A statement's own expressions, without those of the statements in it. */
export function expressionsOf(statement: Statement): readonly Expression[] {
  switch (statement.kind) {
    case "bind":
    case "assign":
    case "penalty":
    case "return":
      return [statement.value];
    case "indexed-bind":
      return [
        ...statement.axes.flatMap(({ extent }) => (extent === null ? [] : [extent])),
        statement.value,
      ];
    case "declare":
      return [
        ...(statement.value === null ? [] : [statement.value]),
        ...statement.options.map(({ value }) => value),
      ];
    case "output":
      return statement.value === null ? [] : [statement.value];
    case "assert":
      return [statement.condition];
    case "if":
      return statement.branches.map(({ condition }) => condition);
    case "for":
      return [statement.list];
    case "scan": {
      const { length, from, checkpoint } = statement;
      return checkpoint === null ? [length, from] : [length, from, checkpoint];
    }
    case "input":
      return [];
  }
}

export function blocksOf(statement: Statement): readonly (readonly Statement[])[] {
  if (statement.kind === "for" || statement.kind === "scan") return [statement.body];
  if (statement.kind !== "if") return [];
  const blocks = statement.branches.map(({ body }) => body);
  return statement.otherwise === null ? blocks : [...blocks, statement.otherwise];
}

export function patternNames(pattern: Pattern): Identifier[] {
  return pattern.kind === "identifier" ? [pattern] : pattern.elements.flatMap(patternNames);
}

/** The statements of a body that share its scope: those in its static `if` and `for`, not those in its loops. */
export function statementsInScope(statements: readonly Statement[]): Statement[] {
  return statements.flatMap((statement) => [
    statement,
    ...(statement.kind === "scan" ? [] : blocksOf(statement).flatMap(statementsInScope)),
  ]);
}

/** What the body of a loop calls the next value of what it carries. */
export const nextName = (name: string): string => `${name}'`;

/** Names that the statement itself binds, outputs and the variables of loops aside. */
export function namesBoundBy(statement: Statement): Identifier[] {
  switch (statement.kind) {
    case "bind":
    case "for":
    case "scan":
      return patternNames(statement.pattern);
    case "indexed-bind":
    case "declare":
    case "input":
      return [statement.name];
    default:
      return [];
  }
}
