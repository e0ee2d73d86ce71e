/**
 * The expression half of the syntax tree; `ast.ts` holds the rest and exports this too.
 */

import type { Span } from "../diagnostics/diagnostic.ts";

/** A name where it stands: `c`, `c'`. */
export interface Identifier {
  readonly kind: "identifier";
  readonly name: string;
  readonly span: Span;
}

export type Expression =
  | NumberLiteral
  | StringLiteral
  | BooleanLiteral
  | NoneLiteral
  | Identifier
  | ListExpression
  | TupleExpression
  | CallExpression
  | IndexExpression
  | MemberExpression
  | UnaryExpression
  | BinaryExpression
  | RangeExpression
  | PipeExpression
  | ConditionalExpression
  | ReduceExpression;

export interface NumberLiteral {
  readonly kind: "number";
  readonly value: number;
  /** True without point and exponent: `60_000` is an int, `6e4` a float. */
  readonly isInteger: boolean;
  readonly span: Span;
}

export interface StringLiteral {
  readonly kind: "string";
  /** Escapes resolved. */
  readonly value: string;
  readonly span: Span;
}

export interface BooleanLiteral {
  readonly kind: "boolean";
  readonly value: boolean;
  readonly span: Span;
}

export interface NoneLiteral {
  readonly kind: "none";
  readonly span: Span;
}

/** `[a, b]` */
export interface ListExpression {
  readonly kind: "list";
  readonly elements: readonly Expression[];
  readonly span: Span;
}

/** `(a, b)`, `(a,)`, `()`; parentheses around one expression leave no node. */
export interface TupleExpression {
  readonly kind: "tuple";
  readonly elements: readonly Expression[];
  readonly span: Span;
}

/** `f(a, axis = 0)`; the callee is any expression: `Block(3)(x)`. */
export interface CallExpression {
  readonly kind: "call";
  readonly callee: Expression;
  /** Named arguments follow positional ones. */
  readonly arguments: readonly Argument[];
  readonly span: Span;
}

export interface Argument {
  readonly kind: "argument";
  /** null for a positional argument. */
  readonly name: Identifier | null;
  readonly value: Expression;
  readonly span: Span;
}

/** `x[n, h*S + i - P]`, `x[:, 1:3, -1]`, `x[..., 0]`: slices and index notation look alike. */
export interface IndexExpression {
  readonly kind: "index";
  readonly object: Expression;
  readonly items: readonly IndexItem[];
  readonly span: Span;
}

/** `h.all`: of a name that a loop bound. */
export interface MemberExpression {
  readonly kind: "member";
  readonly object: Identifier;
  readonly member: Identifier;
  readonly span: Span;
}

export type IndexItem = Expression | Slice | Ellipsis | Spread;

/** `1:3`, `:`, `::2` */
export interface Slice {
  readonly kind: "slice";
  readonly start: Expression | null;
  readonly stop: Expression | null;
  readonly step: Expression | null;
  readonly span: Span;
}

export type UnaryOperator = "-" | "not";

export interface UnaryExpression {
  readonly kind: "unary";
  readonly operator: UnaryOperator;
  readonly operand: Expression;
  readonly span: Span;
}

export type BinaryOperator =
  | "or"
  | "and"
  | "=="
  | "!="
  | "<"
  | "<="
  | ">"
  | ">="
  | "+"
  | "-"
  | "*"
  | "/"
  | "%"
  | "@"
  | "^";

export interface BinaryExpression {
  readonly kind: "binary";
  readonly operator: BinaryOperator;
  /** Where the operator itself stands. */
  readonly operatorSpan: Span;
  readonly left: Expression;
  readonly right: Expression;
  readonly span: Span;
}

/** `0..-1`: the integers from the first up to, not including, the second. */
export interface RangeExpression {
  readonly kind: "range";
  readonly start: Expression;
  readonly stop: Expression;
  readonly span: Span;
}

/** `x |> f`; the target is not yet applied: `x |> g(a)` holds the call `g(a)`. */
export interface PipeExpression {
  readonly kind: "pipe";
  readonly value: Expression;
  readonly target: Expression;
  readonly span: Span;
}

/** `if c then a else b` */
export interface ConditionalExpression {
  readonly kind: "conditional";
  readonly condition: Expression;
  readonly then: Expression;
  readonly otherwise: Expression;
  readonly span: Span;
}

/** The names that are reducers where `[` follows; elsewhere (`max(x)`) they are ordinary names. */
export const reducerNames = [
  "sum",
  "prod",
  "max",
  "min",
  "mean",
  "any",
  "all",
  "argmax",
  "argmin",
  "logsumexp",
  "moments",
] as const;

export type ReducerKeyword = (typeof reducerNames)[number];

/** `sum[i < K, j] x[n, i] * k[i, j]`: a reducer over its axes, applied to one multiplicative term. */
export interface ReduceExpression {
  readonly kind: "reduce";
  readonly reducer: ReducerKeyword;
  /** Where the reducer's name stands. */
  readonly reducerSpan: Span;
  readonly axes: readonly AxisBinder[];
  readonly term: Expression;
  readonly span: Span;
}

/**
 * `n` or `h < OH`, on the left of an index-notation binding or after a reducer; `p...` or `p... < sizes` is a
 * list of axes.
 */
export interface AxisBinder {
  readonly kind: "axis";
  readonly name: Identifier;
  readonly isList: boolean;
  readonly extent: Expression | null;
  readonly span: Span;
}

/** `sizes...` in a type or an index: the items of a list, one after the other. */
export interface Spread {
  readonly kind: "spread";
  readonly list: Expression;
  readonly span: Span;
}

/** `...` in a type or an index. */
export interface Ellipsis {
  readonly kind: "ellipsis";
  readonly span: Span;
}
