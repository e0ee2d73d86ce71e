/**
 * The table of reducers. A reducer is a monoid with state: `combine` is associative (and, where the state
 * carries an index, commutative), so that any tree over the points gives the same result up to rounding.
 *
 *     state = identity; for each point kept: state = combine(state, lift(body, index)); results = finish(state)
 *
 * Rows are written as formulas over any representation of scalars (see `scalars/row.ts`): the interpreter
 * and the kernels run the same text. NaN wins: one NaN among the points makes a float result NaN.
 */

import type { DType } from "./dtype.ts";
import { isFloat } from "./dtype.ts";
import type { Algebra } from "./scalars/row.ts";

export type ReducerName =
  | "sum"
  | "mean"
  | "max"
  | "min"
  | "prod"
  | "any"
  | "all"
  | "argmax"
  | "argmin"
  | "logsumexp"
  | "moments";

/** What a factor ρ may be made of, at one point of the reduction. */
export interface FactorPoint<S> {
  /** Over the body's type. */
  readonly f: Algebra<S>;
  readonly body: S;
  /** The reducer's results at this point's parallel indices. */
  readonly results: readonly S[];
  /** The reading-order index of the point within the reduction box, i32. */
  readonly index: S;
  /** How many points were kept, in the body's type. */
  count(): S;
  /** Another reduction over the same points: its first result at this point's parallel indices. */
  reduce(reducer: ReducerName, body: S): S;
}

export interface Reducer {
  /** What it computes, over no points too, for the reference page. */
  readonly doc: string;
  /** Names of the results. */
  readonly results: readonly string[];
  /** The results' types, or undefined if it does not take such a body. */
  readonly resultTypes: (body: DType) => readonly DType[] | undefined;
  /** Types of the state's fields. */
  readonly state: (body: DType) => readonly DType[];
  readonly identity: <S>(f: Algebra<S>) => readonly S[];
  /** The state of one point; `index` is its reading-order index in the reduction box, an i32. */
  readonly lift: <S>(f: Algebra<S>, body: S, index: S) => readonly S[];
  /** `left` comes before `right` in reading order, or both in chunks of it. */
  readonly combine: <S>(f: Algebra<S>, left: readonly S[], right: readonly S[]) => readonly S[];
  /** The same, where `left` has points and `right` is one that comes after all of them; null if that saves nothing. */
  readonly follow:
    | (<S>(f: Algebra<S>, left: readonly S[], right: readonly S[]) => readonly S[])
    | null;
  /** `count` is the number of points kept, in the body's type. */
  readonly finish: <S>(f: Algebra<S>, state: readonly S[], count: S) => readonly S[];
  /** Whether `lift` reads the index, and whether `finish` reads the count. */
  readonly usesIndex: boolean;
  readonly usesCount: boolean;
  /** The derivative of each result by the body at a point, null for none. */
  readonly factor: <S>(point: FactorPoint<S>) => readonly (S | null)[];
  /** Which of equal points is chosen, if it matters. */
  readonly ties: string | null;
  /** Floating-point operations a point. */
  readonly cost: number;
}

/** The bounds of integers; floats go on to the infinities. */
const integers = { max: -2147483648, min: 2147483647 } as const;

/** Stands in an index state for no point yet; larger than any index. */
const noIndex = 2147483647;

const isNumeric = (body: DType): boolean => isFloat(body) || body === "i32";

const numeric = (body: DType): readonly DType[] | undefined =>
  isNumeric(body) ? [body] : undefined;

const floating = (body: DType): readonly DType[] | undefined =>
  isFloat(body) ? [body] : undefined;

const boolean = (body: DType): readonly DType[] | undefined =>
  body === "bool" ? ["bool"] : undefined;

/** max, min, argmax and argmin share their state (value, index) and differ in direction and results. */
function extremum(
  direction: "max" | "min",
  part: "both" | "index",
): Omit<Reducer, "doc" | "results" | "resultTypes" | "factor"> {
  const nothing = direction === "max" ? -Infinity : Infinity;
  const beats = <S>(f: Algebra<S>, a: S, b: S) =>
    direction === "max" ? f.less(b, a) : f.less(a, b);
  return {
    state: (body) => [body, "i32"],
    // An infinity, so that of nothing but -∞ the largest is -∞, too.
    identity: (f) => [
      f.number(isFloat(f.dtype) ? nothing : integers[direction]),
      f.constant(noIndex, "i32"),
    ],
    lift: (_f, body, index) => [body, index],
    combine: (f, [value, index], [otherValue, otherIndex]) => {
      // The other wins if it is better; if it is as good, or both are NaN, and earlier; if only it is NaN.
      const isEarlier = f.call("less", otherIndex!, index!);
      const isSame = isFloat(f.dtype)
        ? f.call(
            "logicalOr",
            f.equal(value!, otherValue!),
            f.call("logicalAnd", isNan(f, value!), isNan(f, otherValue!)),
          )
        : f.equal(value!, otherValue!);
      const isBetter = isFloat(f.dtype)
        ? f.call(
            "logicalOr",
            beats(f, otherValue!, value!),
            f.call("logicalAnd", isNan(f, otherValue!), f.equal(value!, value!)),
          )
        : beats(f, otherValue!, value!);
      const wins = f.call("logicalOr", isBetter, f.call("logicalAnd", isSame, isEarlier));
      return [f.select(wins, otherValue!, value!), f.select(wins, otherIndex!, index!)];
    },
    follow: (f, [value, index], [otherValue, otherIndex]) => {
      const isWorse =
        direction === "max"
          ? f.call("lessEqual", otherValue!, value!)
          : f.call("lessEqual", value!, otherValue!);
      const stays = isFloat(f.dtype)
        ? f.call("logicalOr", isWorse, f.call("notEqual", value!, value!))
        : isWorse;
      return [f.select(stays, value!, otherValue!), f.select(stays, index!, otherIndex!)];
    },
    finish: (f, [value, index]) => {
      const none = f.equal(index!, f.constant(noIndex, "i32"));
      const arg = f.select(none, f.constant(0, "i32"), index!);
      return part === "both" ? [value!, arg] : [arg];
    },
    usesIndex: true,
    usesCount: false,
    ties: "the first in reading order",
    cost: 3,
  };
}

function isNan<S>(f: Algebra<S>, x: S): S {
  return f.call("isNan", x);
}

/** [r = arg]: the extremum's place gets all of the derivative. */
function atArg<S>({ f, results: [, arg], index }: FactorPoint<S>): readonly (S | null)[] {
  return [f.select(f.equal(index, arg!), f.number(1), f.number(0)), null];
}

function truth(kind: "any" | "all"): Reducer {
  const fn = kind === "any" ? "logicalOr" : "logicalAnd";
  return {
    doc:
      kind === "any"
        ? "whether any is true; over none false"
        : "whether all are true; over none true",
    results: ["value"],
    resultTypes: boolean,
    state: () => ["bool"],
    identity: (f) => [f.constant(kind === "any" ? 0 : 1, "bool")],
    lift: (_f, body) => [body],
    combine: (f, [a], [b]) => [f.call(fn, a!, b!)],
    follow: null,
    finish: (_f, [state]) => [state!],
    usesIndex: false,
    usesCount: false,
    factor: () => [null],
    ties: null,
    cost: 1,
  };
}

/** A sum with its own finish. */
const summing = {
  results: ["value"],
  state: (body) => [body],
  identity: (f) => [f.number(0)],
  lift: (_f, body) => [body],
  combine: (f, [a], [b]) => [f.add(a!, b!)],
  follow: null,
  usesIndex: false,
  ties: null,
  cost: 1,
} satisfies Partial<Reducer>;

export const reducers: { readonly [K in ReducerName]: Reducer } = {
  sum: {
    ...summing,
    doc: "Σ b; over none 0",
    resultTypes: numeric,
    finish: (_f, [sum]) => [sum!],
    usesCount: false,
    factor: ({ f }) => [f.number(1)],
  },
  mean: {
    ...summing,
    doc: "Σ b divided by the number of points kept; over none 0",
    resultTypes: floating,
    finish: (f, [sum], count) => [f.divide(sum!, f.call("maximum", count, f.number(1)))],
    usesCount: true,
    factor: ({ f, count }) => [f.call("reciprocal", count())],
  },
  max: {
    ...extremum("max", "both"),
    doc: "the largest, and its reading-order index in the reduction; over none -infinity (of integers the lowest), 0",
    results: ["value", "arg"],
    resultTypes: (body) => (isNumeric(body) ? [body, "i32"] : undefined),
    factor: atArg,
  },
  min: {
    ...extremum("min", "both"),
    doc: "the smallest, and its reading-order index in the reduction; over none infinity (of integers the highest), 0",
    results: ["value", "arg"],
    resultTypes: (body) => (isNumeric(body) ? [body, "i32"] : undefined),
    factor: atArg,
  },
  argmax: {
    ...extremum("max", "index"),
    doc: "the reading-order index of the largest; over none 0",
    results: ["arg"],
    resultTypes: (body) => (isNumeric(body) ? ["i32"] : undefined),
    factor: () => [null],
  },
  argmin: {
    ...extremum("min", "index"),
    doc: "the reading-order index of the smallest; over none 0",
    results: ["arg"],
    resultTypes: (body) => (isNumeric(body) ? ["i32"] : undefined),
    factor: () => [null],
  },
  prod: {
    doc: "Π b; over none 1",
    results: ["value"],
    resultTypes: numeric,
    // The product of the factors that are not zero, and the number of those that are: what ρ needs.
    state: (body) => [body, "i32"],
    identity: (f) => [f.number(1), f.constant(0, "i32")],
    lift: (f, body) => {
      const isZero = f.equal(body, f.number(0));
      return [
        f.select(isZero, f.number(1), body),
        f.select(isZero, f.constant(1, "i32"), f.constant(0, "i32")),
      ];
    },
    combine: (f, [p, z], [q, y]) => [f.multiply(p!, q!), f.add(z!, y!)],
    follow: null,
    finish: (f, [product, zeros]) => {
      const none = f.equal(zeros!, f.constant(0, "i32"));
      // A zero among factors makes 0, or NaN where another is infinite or NaN.
      return [f.select(none, product!, f.multiply(product!, f.number(0)))];
    },
    usesIndex: false,
    usesCount: false,
    // z = 0: P/b; z = 1 and b = 0: P; else 0.
    factor: ({ f, body, results: [product], reduce }) => {
      const isZero = f.equal(body, f.number(0));
      const others = reduce("prod", f.select(isZero, f.number(1), body));
      const zeros = reduce("sum", f.select(isZero, f.number(1), f.number(0)));
      const alone = f.call("logicalAnd", isZero, f.equal(zeros, f.number(1)));
      return [
        f.select(
          isZero,
          f.select(alone, others, f.number(0)),
          f.divide(product!, f.select(isZero, f.number(1), body)),
        ),
      ];
    },
    ties: null,
    cost: 3,
  },
  any: truth("any"),
  all: truth("all"),
  logsumexp: {
    doc: "log Σ exp(b), computed about the largest b; over none -infinity",
    results: ["value"],
    resultTypes: floating,
    // The largest so far, and Σ exp(b - largest).
    state: (body) => [body, body],
    identity: (f) => [f.number(-Infinity), f.number(0)],
    lift: (f, body) => [body, f.number(1)],
    combine: <S>(f: Algebra<S>, [m, s]: readonly S[], [n, t]: readonly S[]) => {
      const largest = f.call("maximum", m!, n!);
      // Equal infinities differ by 0, not by NaN.
      const scale = (x: S) =>
        f.select(f.equal(x, largest), f.number(1), f.call("exp", f.subtract(x, largest)));
      return [largest, f.add(f.multiply(s!, scale(m!)), f.multiply(t!, scale(n!)))];
    },
    follow: null,
    finish: (f, [largest, sum]) => [f.add(largest!, f.call("log", sum!))],
    usesIndex: false,
    usesCount: false,
    factor: ({ f, body, results: [y] }) => [f.call("exp", f.subtract(body, y!))],
    ties: null,
    cost: 14,
  },
  moments: {
    doc: "the mean, and the variance Σ (b - mean)² / count; over none 0, 0",
    results: ["mean", "variance"],
    resultTypes: (body) => (isFloat(body) ? [body, body] : undefined),
    // Count, mean, and M2 = Σ (b - mean)², combined as Chan, Golub and LeVeque (1979) do.
    state: (body) => ["i32", body, body],
    identity: (f) => [f.constant(0, "i32"), f.number(0), f.number(0)],
    lift: (f, body) => [f.constant(1, "i32"), body, f.number(0)],
    combine: (f, [n, mean, m2], [k, otherMean, otherM2]) => {
      const count = f.add(n!, k!);
      const total = f.cast(f.call("maximum", count, f.constant(1, "i32")), f.dtype);
      const share = f.divide(f.cast(k!, f.dtype), total);
      const delta = f.subtract(otherMean!, mean!);
      const between = f.multiply(f.multiply(delta, delta), f.multiply(f.cast(n!, f.dtype), share));
      return [count, f.add(mean!, f.multiply(delta, share)), f.add(f.add(m2!, otherM2!), between)];
    },
    follow: null,
    finish: (f, [n, mean, m2]) => [
      mean!,
      f.divide(m2!, f.cast(f.call("maximum", n!, f.constant(1, "i32")), f.dtype)),
    ],
    usesIndex: false,
    usesCount: false,
    // dμ/db = 1/m; dv/db = 2(b - μ)/m, which already uses Σ (b - μ) = 0.
    factor: ({ f, body, results: [mean], count }) => {
      const scale = f.call("reciprocal", count());
      return [scale, f.multiply(f.multiply(f.number(2), scale), f.subtract(body, mean!))];
    },
    ties: null,
    cost: 8,
  },
};

export const reducerNames = Object.keys(reducers) as readonly ReducerName[];
