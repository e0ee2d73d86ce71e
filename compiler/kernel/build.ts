/**
 * Makers of kernel IR. They infer types, broadcast single values to vectors where the other operand is one,
 * and fold arithmetic on literals, so that schedules can be written as plain formulas and the printed indexes
 * stay short. They change no value: floating-point arithmetic is never folded.
 */

import { invariant } from "../diagnostics/diagnostic.ts";
import type { ScalarFunctionName } from "../graph/scalar-functions.ts";
import { scalarFunctions } from "../graph/scalar-functions.ts";
import type {
  ElementType,
  Expression,
  KernelFunction,
  KernelSymbol,
  LaneReduction,
  LoadExpression,
  Loop,
  Operation,
  Place,
  Statement,
  Type,
} from "./ir.ts";

export const i32: Type = { dtype: "i32", lanes: 1 };
export const u32: Type = { dtype: "u32", lanes: 1 };
export const f32: Type = { dtype: "f32", lanes: 1 };
export const bool: Type = { dtype: "bool", lanes: 1 };

export function vectorOf(dtype: ElementType, lanes: number): Type {
  return { dtype, lanes };
}

export function constant(value: number, dtype: ElementType = "i32", lanes = 1): Expression {
  return { kind: "constant", type: { dtype, lanes }, value };
}

export function variable(name: string, type: Type = i32): Expression {
  return { kind: "variable", type, name };
}

export function symbol(name: KernelSymbol): Expression {
  return { kind: "symbol", type: name === "seed" || name === "batch" ? u32 : i32, symbol: name };
}

/** The literal that an expression is, if it is one. */
export function literalOf(expression: Expression): number | undefined {
  if (expression.kind === "broadcast") return literalOf(expression.of);
  return expression.kind === "constant" ? expression.value : undefined;
}

/** `of` in every one of `lanes` lanes; itself if it has them. */
export function broadcast(of: Expression, lanes: number): Expression {
  if (of.type.lanes === lanes) return of;
  invariant(of.type.lanes === 1, `cannot broadcast ${of.type.lanes} lanes to ${lanes}`);
  const type = { dtype: of.type.dtype, lanes };
  return of.kind === "constant" ? { ...of, type } : { kind: "broadcast", type, of };
}

const comparisons: ReadonlySet<Operation> = new Set<Operation>([
  "equal",
  "notEqual",
  "less",
  "lessEqual",
  "greater",
  "greaterEqual",
]);

/** An operation without any folding; single arguments become vectors beside vectors. */
export function operation(name: Operation, ...args: readonly Expression[]): Expression {
  const lanes = Math.max(...args.map((arg) => arg.type.lanes));
  const wide = args.map((arg) => broadcast(arg, lanes));
  const like = wide[name === "select" ? 1 : 0]!;
  const dtype = comparisons.has(name) ? "bool" : like.type.dtype;
  return { kind: "operation", type: { dtype, lanes }, operation: name, args: wide };
}

function isInteger({ type }: Expression): boolean {
  return type.dtype === "i32";
}

/** Folds i32 literals; falls back to the plain operation. */
function integer(
  name: Operation,
  a: Expression,
  b: Expression,
  fold: (x: number, y: number) => number,
): Expression {
  const x = literalOf(a);
  const y = literalOf(b);
  if (isInteger(a) && x !== undefined && y !== undefined) {
    return constant(fold(x, y) | 0, "i32", Math.max(a.type.lanes, b.type.lanes));
  }
  return operation(name, a, b);
}

export function add(a: Expression, b: Expression): Expression {
  if (isInteger(a)) {
    // x + 0 = x
    if (literalOf(b) === 0 && a.type.lanes >= b.type.lanes) return a;
    if (literalOf(a) === 0 && b.type.lanes >= a.type.lanes) return b;
    const negative = literalOf(b);
    // x + −c = x − c
    if (negative !== undefined && negative < 0 && literalOf(a) === undefined) {
      return operation("subtract", a, constant(-negative, "i32", b.type.lanes));
    }
  }
  return integer("add", a, b, (x, y) => x + y);
}

export function subtract(a: Expression, b: Expression): Expression {
  if (isInteger(a) && literalOf(b) === 0 && a.type.lanes >= b.type.lanes) return a;
  return integer("subtract", a, b, (x, y) => x - y);
}

export function multiply(a: Expression, b: Expression): Expression {
  if (isInteger(a)) {
    const lanes = Math.max(a.type.lanes, b.type.lanes);
    if (literalOf(a) === 0 || literalOf(b) === 0) return constant(0, "i32", lanes);
    if (literalOf(a) === 1) return broadcast(b, lanes);
    if (literalOf(b) === 1) return broadcast(a, lanes);
  }
  return integer("multiply", a, b, Math.imul);
}

export function divide(a: Expression, b: Expression): Expression {
  return operation("divide", a, b);
}

export function min(a: Expression, b: Expression): Expression {
  return integer("min", a, b, Math.min);
}

export function max(a: Expression, b: Expression): Expression {
  return integer("max", a, b, Math.max);
}

/** ⌊a / divisor⌋ for a ≥ 0. */
export function quotient(a: Expression, divisor: number): Expression {
  if (divisor === 1) return a;
  return integer("quotient", a, constant(divisor), (x, y) => Math.floor(x / y));
}

/** a − divisor·⌊a / divisor⌋ for a ≥ 0. */
export function remainder(a: Expression, divisor: number): Expression {
  if (divisor === 1) return constant(0, "i32", a.type.lanes);
  return integer("remainder", a, constant(divisor), (x, y) => x - y * Math.floor(x / y));
}

export function floorQuotient(a: Expression, divisor: number): Expression {
  if (divisor === 1) return a;
  return integer("floorQuotient", a, constant(divisor), (x, y) => Math.floor(x / y));
}

export function floorRemainder(a: Expression, divisor: number): Expression {
  if (divisor === 1) return constant(0, "i32", a.type.lanes);
  return integer("floorRemainder", a, constant(divisor), (x, y) => x - y * Math.floor(x / y));
}

/** ⌈a / divisor⌉ for a ≥ 0: the number of chunks. */
export function ceilQuotient(a: Expression, divisor: number): Expression {
  return quotient(add(a, constant(divisor - 1)), divisor);
}

export function less(a: Expression, b: Expression): Expression {
  return operation("less", a, b);
}

/** a ∧ b; a null stands for true. */
export function and(a: Expression | null, b: Expression | null): Expression | null {
  if (a === null) return b;
  if (b === null) return a;
  return operation("and", a, b);
}

export function select(condition: Expression, a: Expression, b: Expression): Expression {
  return operation("select", condition, a, b);
}

export function fma(a: Expression, b: Expression, c: Expression): Expression {
  return operation("fma", a, b, c);
}

/** What graphs compute with; the others are machine types. */
export function isGraphType(dtype: ElementType): dtype is "f32" | "i32" | "u8" | "bool" {
  return dtype === "f32" || dtype === "i32" || dtype === "u8" || dtype === "bool";
}

/** A row of the table of scalar functions; the arguments already have the types that it takes. */
export function call(fn: ScalarFunctionName, ...args: readonly Expression[]): Expression {
  const lanes = Math.max(...args.map((arg) => arg.type.lanes));
  const types = args.map((arg) => {
    const { dtype } = arg.type;
    invariant(isGraphType(dtype), `${fn} is not for ${dtype}`);
    return dtype;
  });
  const dtype = scalarFunctions[fn].resultType(types);
  invariant(
    dtype !== undefined && dtype !== "f16" && dtype !== "bf16",
    `${fn} does not take (${types.join(", ")})`,
  );
  return {
    kind: "call",
    type: { dtype, lanes },
    fn,
    args: args.map((arg) => broadcast(arg, lanes)),
  };
}

/** A call of a function with a result. */
export function invoke(fn: KernelFunction, ...args: readonly Expression[]): Expression {
  invariant(fn.result !== null, `${fn.name} returns nothing`);
  return { kind: "invoke", type: fn.result.type, function: fn, args };
}

export function convert(of: Expression, dtype: ElementType): Expression {
  if (of.type.dtype === dtype) return of;
  return { kind: "convert", type: { dtype, lanes: of.type.lanes }, of };
}

export function bitcast(of: Expression, dtype: ElementType): Expression {
  if (of.type.dtype === dtype) return of;
  return { kind: "bitcast", type: { dtype, lanes: of.type.lanes }, of };
}

export function ramp(lanes: number): Expression {
  return { kind: "ramp", type: { dtype: "i32", lanes } };
}

export function lane(of: Expression, number: number): Expression {
  return { kind: "lane", type: { dtype: of.type.dtype, lanes: 1 }, of, lane: number };
}

export function reduceLanes(reduction: LaneReduction, of: Expression): Expression {
  if (of.type.lanes === 1) return of;
  return { kind: "reduce", type: { dtype: of.type.dtype, lanes: 1 }, reduction, of };
}

/** Single values of one type as the lanes of a vector; the value itself if there is one. */
export function join(of: readonly Expression[]): Expression {
  if (of.length === 1) return of[0]!;
  return { kind: "join", type: { dtype: of[0]!.type.dtype, lanes: of.length }, of };
}

export function shuffle(a: Expression, b: Expression, lanes: readonly number[]): Expression {
  return { kind: "shuffle", type: { dtype: a.type.dtype, lanes: lanes.length }, a, b, lanes };
}

export function shuffleDown(of: Expression, distance: number): Expression {
  return { kind: "shuffleDown", type: of.type, of, distance };
}

export function shuffleFirst(of: Expression, count: number): Expression {
  return { kind: "shuffleFirst", type: of.type, of, count };
}

export function random(stream: string, index: Expression): Expression {
  return { kind: "random", type: { dtype: "f32", lanes: index.type.lanes }, stream, index };
}

export function place(buffer: string, index: Expression, row: Expression | null = null): Place {
  return { buffer, index, row };
}

export interface AccessOptions {
  readonly mask?: Expression | null;
  /** Number of leading lanes that take part; all without it. */
  readonly active?: number;
}

export function load(
  at: Place,
  type: Type,
  { mask = null, active = type.lanes }: AccessOptions = {},
): LoadExpression {
  return { kind: "load", type, place: at, mask, active };
}

export function store(
  at: Place,
  value: Expression,
  { mask = null, active = value.type.lanes }: AccessOptions = {},
): Statement {
  return { kind: "store", place: at, value, mask, active };
}

export function loop(
  variableName: string,
  from: Expression,
  to: Expression,
  body: readonly Statement[],
  { step = 1, mode = "serial" as Loop["mode"] } = {},
): Statement {
  return { kind: "loop", mode, variable: variableName, from, to, step, body };
}

export function when(
  condition: Expression,
  whenTrue: readonly Statement[],
  whenFalse: readonly Statement[] = [],
): Statement {
  return { kind: "if", condition, whenTrue, whenFalse };
}
