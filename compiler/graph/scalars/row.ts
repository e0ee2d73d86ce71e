/**
 * What one row of the table of scalar functions says, and the small algebra in which rows write formulas.
 *
 * A formula is written once, over any representation of scalars: `GraphContext` builds graph scalars from it,
 * the interpreter numbers, the kernel stage its own expressions. Each implements `ScalarBuilder`.
 */

import type { Range } from "../affine-range.ts";
import { type DType, isFloat } from "../dtype.ts";
import type { ScalarFunctionName } from "../scalar-functions.ts";

/** Makes scalars of some representation S. */
export interface ScalarBuilder<S> {
  constant(value: number, dtype: DType): S;
  cast(of: S, dtype: DType): S;
  call(fn: ScalarFunctionName, ...args: readonly S[]): S;
}

/** A builder with the names that formulas use; `number` makes constants of the formula's own type. */
export interface Algebra<S> extends ScalarBuilder<S> {
  readonly dtype: DType;
  number(value: number): S;
  add(a: S, b: S): S;
  subtract(a: S, b: S): S;
  multiply(a: S, b: S): S;
  divide(a: S, b: S): S;
  negate(a: S): S;
  /** a = b, as bool; false where either is NaN. */
  equal(a: S, b: S): S;
  /** a < b, as bool; false where either is NaN. */
  less(a: S, b: S): S;
  select(condition: S, whenTrue: S, whenFalse: S): S;
}

export function algebraOf<S>(builder: ScalarBuilder<S>, dtype: DType): Algebra<S> {
  return {
    dtype,
    constant: (value, of) => builder.constant(value, of),
    cast: (of, to) => builder.cast(of, to),
    call: (fn, ...args) => builder.call(fn, ...args),
    number: (value) => builder.constant(value, dtype),
    add: (a, b) => builder.call("add", a, b),
    subtract: (a, b) => builder.call("subtract", a, b),
    multiply: (a, b) => builder.call("multiply", a, b),
    divide: (a, b) => builder.call("divide", a, b),
    negate: (a) => builder.call("negate", a),
    equal: (a, b) => builder.call("equal", a, b),
    less: (a, b) => builder.call("less", a, b),
    select: (condition, a, b) => builder.call("select", condition, a, b),
  };
}

/** One partial derivative an argument; null where it is zero everywhere or nothing flows. */
export type Derivative = <S>(f: Algebra<S>, args: readonly S[], result: S) => readonly (S | null)[];

export interface ScalarFunction {
  readonly arity: 1 | 2 | 3;
  /** The formula and what happens at its edges, for the reference page. */
  readonly doc: string;
  /** What the language calls it; null where only an operator, or the compiler, makes it. */
  readonly builtin: string | null;
  /** The result's type, or undefined if it does not take such arguments. Nothing is promoted. */
  readonly resultType: (args: readonly DType[]) => DType | undefined;
  /**
   * In float64, booleans being 0 and 1. Refers to nothing outside itself but `Math`, so that a printer
   * of JavaScript can write its source.
   */
  readonly evaluate: (...args: number[]) => number;
  /** On i32 where float64 would lose bits; the result is wrapped at 32 bits by whoever evaluates. */
  readonly evaluateInteger: (...args: number[]) => number;
  readonly derivative: Derivative;
  /** Bounds of the result whatever the arguments are (NaN aside). */
  readonly range: Range;
  /** In floating-point operations, about what a vector unit spends on it. */
  readonly cost: number;
  /** Of functions of one argument, over their whole domain. */
  readonly monotone: "increasing" | "decreasing" | null;
  readonly isCommutative: boolean;
  /**
   * How C says it, where not by the function of the same name and the suffix `f`: an infix or prefix
   * operator, or another name from <math.h>. Functions with `expand` need no spelling.
   */
  readonly spelling: { readonly c?: string };
  /** The same in terms of simpler rows, stable in float32, for targets that have no such function. */
  readonly expand: (<S>(f: Algebra<S>, args: readonly S[]) => S) | null;
  /** Where tests sample each argument: inside the domain, away from kinks and poles. */
  readonly testDomain: readonly Range[];
  /** Error allowed in float32 over the test domain, in units in the last place of the result. */
  readonly ulp: number;
}

type Defaults =
  | "builtin"
  | "evaluateInteger"
  | "derivative"
  | "range"
  | "cost"
  | "monotone"
  | "isCommutative"
  | "spelling"
  | "expand"
  | "ulp";

/** What a row must say, and what it may. */
export type RowContent = Omit<ScalarFunction, Defaults> & Partial<Pick<ScalarFunction, Defaults>>;

const everywhere: Range = { min: -Infinity, max: Infinity };

export function row(content: RowContent): ScalarFunction {
  return {
    builtin: null,
    evaluateInteger: content.evaluate,
    derivative: (_f, args) => args.map(() => null),
    range: everywhere,
    cost: 1,
    monotone: null,
    isCommutative: false,
    spelling: {},
    expand: null,
    ulp: 1,
    ...content,
  };
}

// Typing

type Typing = ScalarFunction["resultType"];

const agreed = (args: readonly DType[]): DType | undefined =>
  args.every((arg) => arg === args[0]) ? args[0] : undefined;

/** Floats of one type give that type. */
export const floating: Typing = (args) => {
  const type = agreed(args);
  return type !== undefined && isFloat(type) ? type : undefined;
};

/** Floats of one type, or i32, give that type. */
export const numeric: Typing = (args) => {
  const type = agreed(args);
  return type === "i32" ? type : floating(args);
};

/** Two of one type with an order give bool. */
export const ordering: Typing = (args) => {
  const type = agreed(args);
  return type === undefined || type === "bool" ? undefined : "bool";
};

/** Any two of one type give bool. */
export const equality: Typing = (args) => (agreed(args) === undefined ? undefined : "bool");

/** Booleans give bool. */
export const boolean: Typing = (args) => (agreed(args) === "bool" ? "bool" : undefined);
