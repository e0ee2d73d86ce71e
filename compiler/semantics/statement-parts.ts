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
    case "input":
      return [];
  }
}

export function blocksOf(statement: Statement): readonly (readonly Statement[])[] {
  if (statement.kind === "for") return [statement.body];
  if (statement.kind !== "if") return [];
  const blocks = statement.branches.map(({ body }) => body);
  return statement.otherwise === null ? blocks : [...blocks, statement.otherwise];
}

function patternNames(pattern: Pattern): Identifier[] {
  return pattern.kind === "identifier" ? [pattern] : pattern.elements.flatMap(patternNames);
}

/** Names that the statement itself binds, outputs aside. */
export function namesBoundBy(statement: Statement): Identifier[] {
  switch (statement.kind) {
    case "bind":
    case "for":
      return patternNames(statement.pattern);
    case "indexed-bind":
    case "declare":
    case "input":
      return [statement.name];
    default:
      return [];
  }
}
