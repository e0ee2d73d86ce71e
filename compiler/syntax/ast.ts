/**
 * The syntax tree: what a file says, before anything is known about names, types or shapes. Every node
 * carries the span of its source text. Node objects are never shared between two places of a tree, so
 * later stages may key their findings by node. The depth of an expression is bounded (`maximumDepth` in
 * parser.ts), so recursive visitors need no guard of their own.
 */

import type { Span } from "../diagnostics/diagnostic.ts";

export interface SourceFile {
  readonly name: string;
  readonly text: string;
}

/** A file after parsing. Broken declarations and statements are left out and reported instead. */
export interface ParsedFile {
  readonly file: SourceFile;
  readonly declarations: readonly Declaration[];
}

/** A name where it stands: `c`, `c'`. */
export interface Identifier {
  readonly kind: "identifier";
  readonly name: string;
  readonly span: Span;
}

// ---------------------------------------------------------------------------------- declarations

export type Declaration =
  | ImportDeclaration
  | ConstDeclaration
  | FnDeclaration
  | LayerDeclaration
  | ModelDeclaration
  | OptimizerDeclaration
  | MetricDeclaration
  | DataDeclaration
  | TrainDeclaration;

interface DeclarationBase {
  /** The whole declaration. */
  readonly span: Span;
  /** Its first line or lines up to the body: what an error about the declaration underlines. */
  readonly header: Span;
  /** Text of the `///` lines just before it, without the slashes; lines joined by "\n". */
  readonly doc: string | null;
}

/** `import "blocks.nn"` (every declaration of that file) or `import { Residual, mish as smooth } from "blocks.nn"`. */
export interface ImportDeclaration extends DeclarationBase {
  readonly kind: "import";
  readonly path: StringLiteral;
  /** null imports everything. */
  readonly names: readonly ImportedName[] | null;
}

export interface ImportedName {
  readonly name: Identifier;
  /** The name in this file; the same object as `name` without `as`. */
  readonly alias: Identifier;
}

/** `const K: int = 3` */
export interface ConstDeclaration extends DeclarationBase {
  readonly kind: "const";
  readonly name: Identifier;
  readonly type: TypeNode | null;
  readonly value: Expression;
}

/**
 * `fn mse(a, b) = mean((a - b)^2)`, `fn f(x: f32[N]) -> f32[N] { … }`, or with two lists
 * `fn L2(l2 = 0.01)(w) = l2 * sum(w^2)`, where `L2(0.1)` is a function of `w`.
 */
export interface FnDeclaration extends DeclarationBase {
  readonly kind: "fn";
  readonly name: Identifier;
  /** The first of two lists; null if there is one list. */
  readonly config: readonly Parameter[] | null;
  readonly parameters: readonly Parameter[];
  readonly result: TypeNode | null;
  /** An expression body `= e` is a block of one `return`. */
  readonly body: readonly Statement[];
}

/** `layer Dense(units: int, activation = linear)(x: f32[..., I]) -> f32[..., units] { … }` */
export interface LayerDeclaration extends DeclarationBase {
  readonly kind: "layer";
  readonly name: Identifier;
  readonly config: readonly Parameter[];
  readonly inputs: readonly Parameter[];
  readonly result: TypeNode | null;
  readonly body: readonly Statement[];
}

/** `model Digits { input … output … }`, optionally with a config list after the name. */
export interface ModelDeclaration extends DeclarationBase {
  readonly kind: "model";
  readonly name: Identifier;
  readonly config: readonly Parameter[];
  readonly body: readonly Statement[];
}

/** `optimizer Adam(learning_rate = 0.001) { prepare(gs, t) { … } update(w, g, t) { … } }` */
export interface OptimizerDeclaration extends DeclarationBase {
  readonly kind: "optimizer";
  readonly name: Identifier;
  readonly config: readonly Parameter[];
  /** Statements beside the procedures: bindings both procedures see. */
  readonly body: readonly Statement[];
  readonly prepare: Procedure | null;
  /** null only after the error `optimizer-without-update`. */
  readonly update: Procedure | null;
}

/** `update(w, g, t) { … }` */
export interface Procedure {
  readonly kind: "procedure";
  readonly name: Identifier;
  readonly parameters: readonly Parameter[];
  readonly body: readonly Statement[];
  readonly span: Span;
}

/** `metric M(config)(y_true, y_pred, weight) { state total = zeros  total <- …  return … }` */
export interface MetricDeclaration extends DeclarationBase {
  readonly kind: "metric";
  readonly name: Identifier;
  readonly config: readonly Parameter[];
  readonly inputs: readonly Parameter[];
  readonly body: readonly Statement[];
}

/** `data mnist { train { … } test { … } }` */
export interface DataDeclaration extends DeclarationBase {
  readonly kind: "data";
  readonly name: Identifier;
  readonly blocks: readonly DataBlock[];
}

/** `train { … }`: any name parses; semantics knows train, validation and test. */
export interface DataBlock {
  readonly kind: "data-block";
  readonly name: Identifier;
  readonly columns: readonly DataColumn[];
  readonly span: Span;
}

/** `image: u8[28, 28] = idx("…")` */
export interface DataColumn {
  readonly kind: "data-column";
  readonly name: Identifier;
  readonly type: TypeNode | null;
  readonly value: Expression;
  readonly span: Span;
}

/** `train Digits on mnist { loss … optimizer … }`; the model may be made with arguments: `train Net(64) on d`. */
export interface TrainDeclaration extends DeclarationBase {
  readonly kind: "train";
  readonly model: Expression;
  readonly data: Identifier;
  readonly entries: readonly TrainEntry[];
  readonly updates: readonly TrainUpdate[];
}

/** `metrics accuracy(label, digit), top = top_5(label, digit)`: one key with its values. Any key parses. */
export interface TrainEntry {
  readonly kind: "train-entry";
  readonly key: Identifier;
  /** At least one; a value may be named. */
  readonly values: readonly Argument[];
  readonly span: Span;
}

/** `update discriminator { loss … optimizer … }` */
export interface TrainUpdate {
  readonly kind: "train-update";
  readonly target: Identifier;
  readonly entries: readonly TrainEntry[];
  readonly span: Span;
}

/** `units: int`, `activation = linear`, `x: f32[..., I]` */
export interface Parameter {
  readonly kind: "parameter";
  readonly name: Identifier;
  readonly type: TypeNode | null;
  readonly default: Expression | null;
  readonly span: Span;
}

// ----------------------------------------------------------------------------------------- types

export type TypeNode = NamedType | TupleType;

/**
 * `f32[N, 28, 28]`, `int`, `[N, T]`. The name is any identifier: a dtype or one of the static types
 * int, float, bool, string, fn, layer, list, tuple; null where only dimensions are given.
 */
export interface NamedType {
  readonly kind: "named-type";
  readonly name: Identifier | null;
  /** null without brackets. */
  readonly dimensions: readonly Dimension[] | null;
  readonly span: Span;
}

/** `(f32[N, 3], f32[N])` */
export interface TupleType {
  readonly kind: "tuple-type";
  readonly elements: readonly TypeNode[];
  readonly span: Span;
}

export type Dimension = Expression | Ellipsis;

/** `...` in a type or an index. */
export interface Ellipsis {
  readonly kind: "ellipsis";
  readonly span: Span;
}

// ------------------------------------------------------------------------------------ statements

export type Statement =
  | BindStatement
  | IndexedBindStatement
  | DeclareStatement
  | AssignStatement
  | PenaltyStatement
  | IfStatement
  | ForStatement
  | ReturnStatement
  | InputStatement
  | OutputStatement;

/** `y = e`, `y: f32[N, 10] = e`, `(i, f) = split(z, 2)` */
export interface BindStatement {
  readonly kind: "bind";
  readonly pattern: Pattern;
  readonly type: TypeNode | null;
  readonly value: Expression;
  readonly span: Span;
}

export type Pattern = Identifier | TuplePattern;

export interface TuplePattern {
  readonly kind: "tuple-pattern";
  readonly elements: readonly Pattern[];
  readonly span: Span;
}

/** `y[n, h < OH, o] = e`: every name in brackets is a fresh axis. `y[] = e` has rank 0. */
export interface IndexedBindStatement {
  readonly kind: "indexed-bind";
  readonly name: Identifier;
  readonly axes: readonly AxisBinder[];
  readonly value: Expression;
  readonly span: Span;
}

/** `n` or `h < OH`, on the left of an index-notation binding or after a reducer. */
export interface AxisBinder {
  readonly kind: "axis";
  readonly name: Identifier;
  readonly extent: Expression | null;
  readonly span: Span;
}

/**
 * `param kernel: f32[I, units] = glorot_uniform, regularizer = r`, `state m = zeros`,
 * `statistic mean: f32[I] = mean(x, axis = 0)` (a state filled by one pass over the training data).
 */
export interface DeclareStatement {
  readonly kind: "declare";
  readonly role: "param" | "state" | "statistic";
  readonly name: Identifier;
  readonly type: TypeNode | null;
  readonly value: Expression | null;
  /** The named options after the comma; every argument has a name. */
  readonly options: readonly Argument[];
  readonly span: Span;
}

/** `x <- e` */
export interface AssignStatement {
  readonly kind: "assign";
  readonly target: Identifier;
  readonly value: Expression;
  readonly span: Span;
}

/** `penalty l2 * sum(w^2)`: adds to every loss. */
export interface PenaltyStatement {
  readonly kind: "penalty";
  readonly value: Expression;
  readonly span: Span;
}

/** A static `if c { … } else if d { … } else { … }`. */
export interface IfStatement {
  readonly kind: "if";
  readonly branches: readonly IfBranch[];
  readonly otherwise: readonly Statement[] | null;
  readonly span: Span;
}

export interface IfBranch {
  readonly condition: Expression;
  readonly body: readonly Statement[];
}

/** `for units in [64, 32] { … }` */
export interface ForStatement {
  readonly kind: "for";
  readonly pattern: Pattern;
  readonly list: Expression;
  readonly body: readonly Statement[];
  readonly span: Span;
}

export interface ReturnStatement {
  readonly kind: "return";
  readonly value: Expression;
  readonly span: Span;
}

/** `input image: u8[N, 28, 28]` */
export interface InputStatement {
  readonly kind: "input";
  readonly name: Identifier;
  readonly type: TypeNode;
  readonly span: Span;
}

/** `output digit = e`, `output digit: f32[N, 10] = e`, or `output digit` for a name bound before. */
export interface OutputStatement {
  readonly kind: "output";
  readonly name: Identifier;
  readonly type: TypeNode | null;
  readonly value: Expression | null;
  readonly span: Span;
}

// ----------------------------------------------------------------------------------- expressions

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

/** `f(a, axis = 0)`; the callee is any expression: `Dense(3)(x)`. */
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

export type IndexItem = Expression | Slice | Ellipsis;

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
