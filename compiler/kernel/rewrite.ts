/** Walks over kernel IR and rebuilds it; what does not change stays the same object. */

import type { Argument, Expression, Place, Statement } from "./ir.ts";

/** Sees the expressions directly below one, in order. */
export function visitChildren(e: Expression, visit: (child: Expression) => void): void {
  switch (e.kind) {
    case "load":
      visitPlace(e.place, visit);
      if (e.mask !== null) visit(e.mask);
      return;
    case "operation":
    case "call":
    case "invoke":
      for (const arg of e.args) visit(arg);
      return;
    case "convert":
    case "bitcast":
    case "broadcast":
    case "lane":
    case "reduce":
    case "shuffleDown":
    case "shuffleFirst":
      visit(e.of);
      return;
    case "join":
      for (const part of e.of) visit(part);
      return;
    case "shuffle":
      visit(e.a);
      visit(e.b);
      return;
    case "random":
      visit(e.index);
  }
}

function visitPlace({ index, row }: Place, visit: (child: Expression) => void): void {
  visit(index);
  if (row !== null) visit(row);
}

/** Sees the expressions of a statement itself, without those of the statements inside it. */
export function visitOwnExpressions(s: Statement, visit: (own: Expression) => void): void {
  switch (s.kind) {
    case "let":
    case "mutable":
    case "assign":
      visit(s.value);
      return;
    case "store":
      visitPlace(s.place, visit);
      visit(s.value);
      if (s.mask !== null) visit(s.mask);
      return;
    case "loop":
      visit(s.from);
      visit(s.to);
      return;
    case "if":
      visit(s.condition);
      return;
    case "invoke":
      for (const arg of s.args) {
        if (arg.kind === "address") visitPlace(arg.place, visit);
        else visit(arg);
      }
  }
}

/** The expressions directly below one. */
export function expressionChildren(e: Expression): readonly Expression[] {
  const children: Expression[] = [];
  visitChildren(e, (child) => children.push(child));
  return children;
}

/** The expressions of a statement itself, without those of the statements inside it. */
export function statementExpressions(s: Statement): readonly Expression[] {
  const own: Expression[] = [];
  visitOwnExpressions(s, (e) => own.push(e));
  return own;
}

export function statementChildren(s: Statement): readonly Statement[] {
  if (s.kind === "loop") return s.body;
  return s.kind === "if" ? [...s.whenTrue, ...s.whenFalse] : [];
}

/** An expression and every one below it. */
export function walkExpressions(e: Expression, visit: (expression: Expression) => void): void {
  const walk = (each: Expression): void => {
    visit(each);
    visitChildren(each, walk);
  };
  walk(e);
}

/** Every statement, outer before inner, and every expression below each. */
export function walkStatements(
  statements: readonly Statement[],
  visit: (statement: Statement) => void,
  visitExpression?: (expression: Expression) => void,
): void {
  const walkExpression = (e: Expression): void => {
    visitExpression!(e);
    visitChildren(e, walkExpression);
  };
  const walk = (statement: Statement): void => {
    visit(statement);
    if (visitExpression !== undefined) visitOwnExpressions(statement, walkExpression);
    if (statement.kind === "loop") statement.body.forEach(walk);
    else if (statement.kind === "if") {
      statement.whenTrue.forEach(walk);
      statement.whenFalse.forEach(walk);
    }
  };
  statements.forEach(walk);
}

export type RewriteExpression = (e: Expression) => Expression;

/** Rebuilds an expression from its leaves up; `rewrite` sees each with its children done. */
export function mapExpression(e: Expression, rewrite: RewriteExpression): Expression {
  return expressionMapper(rewrite)(e);
}

/** `mapExpression` for several expressions that share parts, each rewritten once. */
export function expressionMapper(rewrite: RewriteExpression): RewriteExpression {
  const known = new Map<Expression, Expression>();
  const visit = (before: Expression): Expression => {
    const done = known.get(before);
    if (done !== undefined) return done;
    const after = rewrite(mapChildren(before, visit));
    known.set(before, after);
    return after;
  };
  return visit;
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

/** The same, where `expression` rewrites whole expressions, such as an `expressionMapper`. */
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
