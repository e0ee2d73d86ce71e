/**
 * The syntax tree: what a file says, before anything is known about names, types or shapes. Every node
 * carries the span of its source text. Node objects are never shared between two places of a tree, so
 * later stages may key their findings by node. The depth of an expression is bounded (`maximumDepth` in
 * parser.ts), so recursive visitors need no guard of their own.
 */

import type { Span } from "../diagnostics/diagnostic.ts";
import type {
  Argument,
  AxisBinder,
  Ellipsis,
  Expression,
  Identifier,
  Spread,
  StringLiteral,
} from "./expressions.ts";

export type * from "./expressions.ts";
export { reducerNames } from "./expressions.ts";

export interface SourceFile {
  readonly name: string;
  readonly text: string;
}

/** A file after parsing. Broken declarations and statements are left out and reported instead. */
export interface ParsedFile {
  readonly file: SourceFile;
  readonly declarations: readonly Declaration[];
}

// ---------------------------------------------------------------------------------- declarations

export type Declaration =
  | ImportDeclaration
  | ConstDeclaration
  | FnDeclaration
  | LayerDeclaration
  | DerivedLayerDeclaration
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
 * `fn error(a, b) = mean((a - b)^2)`, `fn f(x: f32[N]) -> f32[N] { … }`, or with two lists
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
  /** Its own derivative, if it has one. */
  readonly gradient: GradientBlock | null;
}

/** `gradient(d) { … return (dx, dk) }` after a fn's body. */
export interface GradientBlock {
  readonly kind: "gradient";
  /** The derivatives by the fn's results, by these names. */
  readonly cotangents: readonly Identifier[];
  readonly body: readonly Statement[];
  /** From the word to the end of the names. */
  readonly header: Span;
  readonly span: Span;
}

/** `layer Block(units: int, activation = linear)(x: f32[..., I]) -> f32[..., units] { … }` */
export interface LayerDeclaration extends DeclarationBase {
  readonly kind: "layer";
  readonly name: Identifier;
  readonly config: readonly Parameter[];
  readonly inputs: readonly Parameter[];
  readonly result: TypeNode | null;
  readonly body: readonly Statement[];
}

/** `layer Plane = Space(dimensions = 2)`: another layer with some of its arguments given for good. */
export interface DerivedLayerDeclaration extends DeclarationBase {
  readonly kind: "derived-layer";
  readonly name: Identifier;
  /** A layer's name, or a call of one. */
  readonly base: Expression;
}

/** `model Digits { input … output … }`, optionally with a config list after the name. */
export interface ModelDeclaration extends DeclarationBase {
  readonly kind: "model";
  readonly name: Identifier;
  readonly config: readonly Parameter[];
  readonly body: readonly Statement[];
}

/** `optimizer Own(learning_rate = 0.001) extends Base { prepare(gs, t) { … } update(w, g, t) { … } }` */
export interface OptimizerDeclaration extends DeclarationBase {
  readonly kind: "optimizer";
  readonly name: Identifier;
  readonly config: readonly Parameter[];
  /** What it is made of besides its own procedures. */
  readonly base: OptimizerBase | null;
  /** Statements beside the procedures: bindings and states that all procedures see. */
  readonly body: readonly Statement[];
  readonly procedures: { readonly [P in ProcedureName]: Procedure | null };
}

/** `extends Base`: the optimizer whose procedures stand around its own. `around inner`: the parameter whose optimizer it stands around. */
export interface OptimizerBase {
  readonly relation: "extends" | "around";
  readonly name: Identifier;
}

/** In the order in which they run. */
const procedureNames = ["scale", "gradient", "prepare", "update"] as const;

export type ProcedureName = (typeof procedureNames)[number];

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

export type Dimension = Expression | Ellipsis | Spread;

// ------------------------------------------------------------------------------------ statements

export type Statement =
  | BindStatement
  | IndexedBindStatement
  | ScanStatement
  | DeclareStatement
  | AssignStatement
  | PenaltyStatement
  | AssertStatement
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

/**
 * `(h, c) = scan t in T from (h0, c0) { … }`: the body runs for t = 0 … T−1, or T−1 … 0 with `reversed` after T, and
 * gives the next value of each carried name under the name with a prime. `checkpoint every k` after the first values
 * keeps the carries of every k-th step alone for the derivative.
 */
export interface ScanStatement {
  readonly kind: "scan";
  readonly pattern: Pattern;
  readonly step: Identifier;
  readonly length: Expression;
  readonly isReversed: boolean;
  readonly from: Expression;
  /** k */
  readonly checkpoint: Expression | null;
  readonly body: readonly Statement[];
  /** From the pattern to the last word before `{`. */
  readonly header: Span;
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
  readonly value: Expression;
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

/**
 * `assert rate < 1, "rate is less than 1"`: a static condition that the caller's arguments must meet, or with
 * `warning = "…"` should.
 */
export interface AssertStatement {
  readonly kind: "assert";
  readonly severity: "error" | "warning";
  readonly condition: Expression;
  readonly message: StringLiteral;
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
