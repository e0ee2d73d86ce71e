/** Walks over kernel IR and rebuilds it; what does not change stays the same object. */

import type { Argument, Expression, Place, Statement } from "./ir.ts";

/** The expressions directly below one. */
export function expressionChildren(e: Expression): readonly Expression[] {
  switch (e.kind) {
    case "load":
      return [...placeChildren(e.place), ...(e.mask === null ? [] : [e.mask])];
    case "operation":
    case "call":
    case "invoke":
      return e.args;
    case "convert":
    case "bitcast":
    case "broadcast":
    case "lane":
    case "reduce":
    case "shuffleDown":
    case "shuffleFirst":
      return [e.of];
    case "join":
      return e.of;
    case "shuffle":
      return [e.a, e.b];
    case "random":
      return [e.index];
    default:
      return [];
  }
}

function placeChildren({ index, row }: Place): readonly Expression[] {
  return row === null ? [index] : [index, row];
}

/** The expressions of a statement itself, without those of the statements inside it. */
export function statementExpressions(s: Statement): readonly Expression[] {
  switch (s.kind) {
    case "let":
    case "mutable":
    case "assign":
      return [s.value];
    case "store":
      return [...placeChildren(s.place), s.value, ...(s.mask === null ? [] : [s.mask])];
    case "loop":
      return [s.from, s.to];
    case "if":
      return [s.condition];
    case "invoke":
      return s.args.flatMap((arg) => (arg.kind === "address" ? placeChildren(arg.place) : [arg]));
    default:
      return [];
  }
}

export function statementChildren(s: Statement): readonly Statement[] {
  if (s.kind === "loop") return s.body;
  return s.kind === "if" ? [...s.whenTrue, ...s.whenFalse] : [];
}

/** An expression and every one below it. */
export function walkExpressions(e: Expression, visit: (expression: Expression) => void): void {
  visit(e);
  for (const child of expressionChildren(e)) walkExpressions(child, visit);
}

/** Every statement, outer before inner, and every expression below each. */
export function walkStatements(
  statements: readonly Statement[],
  visit: (statement: Statement) => void,
  visitExpression?: (expression: Expression) => void,
): void {
  for (const statement of statements) {
    visit(statement);
    if (visitExpression !== undefined) {
      for (const e of statementExpressions(statement)) walkExpressions(e, visitExpression);
    }
    walkStatements(statementChildren(statement), visit, visitExpression);
  }
}

export type RewriteExpression = (e: Expression) => Expression;

/** Rebuilds an expression from its leaves up; `rewrite` sees each with its children done. */
export function mapExpression(e: Expression, rewrite: RewriteExpression): Expression {
  const known = new Map<Expression, Expression>();
  const visit = (before: Expression): Expression => {
    const done = known.get(before);
    if (done !== undefined) return done;
    const after = rewrite(mapChildren(before, visit));
    known.set(before, after);
    return after;
  };
  return visit(e);
}

/** Rebuilds an expression with those directly below it rewritten. */
export function mapChildren(e: Expression, map: RewriteExpression): Expression {
  switch (e.kind) {
    case "load": {
      const place = mapPlace(e.place, map);
      const mask = e.mask && map(e.mask);
      return place === e.place && mask === e.mask ? e : { ...e, place, mask };
    }
    case "operation":
    case "call":
    case "invoke": {
      const args = e.args.map(map);
      return args.every((arg, i) => arg === e.args[i]) ? e : { ...e, args };
    }
    case "convert":
    case "bitcast":
    case "broadcast":
    case "lane":
    case "reduce":
    case "shuffleDown":
    case "shuffleFirst": {
      const of = map(e.of);
      return of === e.of ? e : { ...e, of };
    }
    case "join": {
      const of = e.of.map(map);
      return of.every((part, i) => part === e.of[i]) ? e : { ...e, of };
    }
    case "shuffle": {
      const a = map(e.a);
      const b = map(e.b);
      return a === e.a && b === e.b ? e : { ...e, a, b };
    }
    case "random": {
      const index = map(e.index);
      return index === e.index ? e : { ...e, index };
    }
    default:
      return e;
  }
}

function mapPlace(place: Place, map: RewriteExpression): Place {
  const index = map(place.index);
  const row = place.row && map(place.row);
  return index === place.index && row === place.row ? place : { ...place, index, row };
}

/**
 * Rebuilds statements with every expression rewritten, then each statement by `rewriteStatement`, which may make
 * several of one, or none.
 */
export function mapStatements(
  statements: readonly Statement[],
  rewrite: RewriteExpression,
  rewriteStatement: (statement: Statement) => Statement | readonly Statement[] = (s) => s,
): Statement[] {
  return rebuildStatements(statements, (e) => mapExpression(e, rewrite), rewriteStatement);
}

/** The same, where `expression` rewrites whole expressions. */
export function rebuildStatements(
  statements: readonly Statement[],
  expression: RewriteExpression,
  rewriteStatement: (statement: Statement) => Statement | readonly Statement[] = (s) => s,
): Statement[] {
  const block = (inner: readonly Statement[]): Statement[] =>
    rebuildStatements(inner, expression, rewriteStatement);
  const argument = (arg: Argument): Argument =>
    arg.kind === "address" ? { ...arg, place: mapPlace(arg.place, expression) } : expression(arg);
  return statements.flatMap((s): Statement | readonly Statement[] => {
    switch (s.kind) {
      case "let":
      case "mutable":
      case "assign":
        return rewriteStatement({ ...s, value: expression(s.value) });
      case "store":
        return rewriteStatement({
          ...s,
          place: mapPlace(s.place, expression),
          value: expression(s.value),
          mask: s.mask && expression(s.mask),
        });
      case "loop":
        return rewriteStatement({
          ...s,
          from: expression(s.from),
          to: expression(s.to),
          body: block(s.body),
        });
      case "if":
        return rewriteStatement({
          ...s,
          condition: expression(s.condition),
          whenTrue: block(s.whenTrue),
          whenFalse: block(s.whenFalse),
        });
      case "invoke":
        return rewriteStatement({ ...s, args: s.args.map(argument) });
      default:
        return rewriteStatement(s);
    }
  });
}
