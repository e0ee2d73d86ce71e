/**
 * log and what is made of it. log is Cephes' `logf` (Moshier): x = 2^e·m with m in √½ … √2, and a polynomial
 * for log(1 + f), f = m − 1.
 */

import type { BlockBuilder } from "../block-builder.ts";
import {
  add,
  bitcast,
  constant,
  convert,
  divide,
  fma,
  multiply,
  operation,
  select,
  subtract,
} from "../build.ts";
import type { Expression } from "../ir.ts";
import { expWithTail } from "./exponential.ts";
import {
  absolute,
  asBits,
  bits,
  copySign,
  equal,
  type Formula,
  fromBits,
  greater,
  isNan,
  negate,
  number,
  polynomial,
  rounded,
  sqrt,
} from "./formula.ts";

const ln2High = 0.693359375;
const ln2Low = -2.1219444005469057e-4;
const ln2 = Math.LN2;

/** Coefficients of (log(1 + f) − f + f²/2) / f³. */
const logTail = [
  7.0376836292e-2, -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1,
  -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
];

/** x = 2^exponent·(1 + f) with 1 + f in √½ … √2, for x > 0; subnormal numbers are scaled up first. */
function split(
  b: BlockBuilder,
  x: Expression,
): { readonly exponent: Expression; readonly f: Expression } {
  const isSubnormal = b.let("tiny", greater(number(1.17549435e-38), x));
  const scaled = b.let("scaled", select(isSubnormal, multiply(x, number(8388608)), x));
  const offset = b.let("offset", operation("subtract", asBits(scaled), bits(0x3f3504f3)));
  const lanes = x.type.lanes;
  const e = b.let("e", operation("shiftRight", bitcast(offset, "i32"), constant(23, "i32", lanes)));
  const mantissa = operation("and", offset, bits(0x7fffff));
  const m = b.let("m", fromBits(operation("add", mantissa, bits(0x3f3504f3))));
  const shift = select(isSubnormal, number(23), number(0));
  return {
    exponent: b.let("exponent", subtract(convert(e, "f32"), shift)),
    f: b.let("f", subtract(m, number(1))),
  };
}

/** log(1 + f) + exponent·ln 2, with `tail` added while there are digits for it. */
function assemble(
  b: BlockBuilder,
  exponent: Expression,
  f: Expression,
  tail: Expression | null,
): Expression {
  const square = b.let("square", multiply(f, f));
  let rest = multiply(multiply(f, square), polynomial(b, f, logTail));
  rest = b.let("rest", fma(exponent, number(ln2Low), rest));
  if (tail !== null) rest = b.let("rest", add(rest, tail));
  rest = b.let("rest", fma(square, number(-0.5), rest));
  return fma(exponent, number(ln2High), b.let("sum", add(f, rest)));
}

/** −∞ at 0, NaN below, and ∞ and NaN stand for themselves. */
function edges(x: Expression, inside: Expression): Expression {
  const negative = select(greater(number(0), x), number(Number.NaN), number(-Infinity));
  const outside = select(greater(x, number(0)), x, select(isNan(x), x, negative));
  const isInside = operation("and", greater(x, number(0)), greater(number(Infinity), x));
  return select(isInside, inside, outside);
}

export const log: Formula = (b, x) => {
  const { exponent, f } = split(b, x);
  return edges(x, b.let("value", assemble(b, exponent, f, null)));
};

/** log(u) with u = 1 + x, and what rounding took from u put back: (x − (u − 1)) / u. */
export const log1p: Formula = (b, x) => {
  const u = b.let("u", rounded(add(number(1), x)));
  const isLarge = b.let("large", greater(x, number(1)));
  // For x > 1 the larger summand is x.
  const lost = select(
    isLarge,
    subtract(number(1), rounded(subtract(u, x))),
    subtract(x, rounded(subtract(u, number(1)))),
  );
  const { exponent, f } = split(b, u);
  const tail = b.let("tail", divide(lost, u));
  const inside = b.let("value", assemble(b, exponent, f, tail));
  const value = b.let("value", edges(u, inside));
  return select(greater(number(1e-10), absolute(x)), x, value);
};

/** sign(x)·log1p(|x| + x² / (1 + √(1 + x²))); from 2²⁸ on log|x| + log 2. */
export const asinh: Formula = (b, x) => {
  const magnitude = b.let("magnitude", absolute(x));
  const isFar = greater(magnitude, number(1e8));
  const a = b.let("a", select(isFar, number(1), magnitude));
  const square = b.let("square", multiply(a, a));
  const root = b.let("root", sqrt(add(number(1), square)));
  const near = log1p(b, b.let("y", add(a, divide(square, add(number(1), root)))));
  const far = add(log(b, magnitude), number(ln2));
  return copySign(b.let("value", select(isFar, far, near)), x);
};

/** log1p(t + √(2t + t²)) with t = x − 1; NaN below 1. */
export const acosh: Formula = (b, x) => {
  const isFar = greater(x, number(1e8));
  const t = b.let("t", select(isFar, number(1), subtract(x, number(1))));
  const root = sqrt(fma(t, t, multiply(number(2), t)));
  const near = log1p(b, b.let("y", add(t, root)));
  const value = select(isFar, add(log(b, x), number(ln2)), near);
  return select(greater(number(1), x), number(Number.NaN), value);
};

/** sign(x)·log1p(2|x| / (1 − |x|)) / 2. */
export const atanh: Formula = (b, x) => {
  const magnitude = b.let("magnitude", absolute(x));
  const ratio = divide(multiply(number(2), magnitude), subtract(number(1), magnitude));
  const half = multiply(number(0.5), log1p(b, b.let("y", ratio)));
  return copySign(b.let("value", half), x);
};

/** The exact sum of two floats, as its rounding and the rest (Knuth). */
function exactSum(
  b: BlockBuilder,
  x: Expression,
  y: Expression,
): readonly [high: Expression, low: Expression] {
  const sum = b.let("sum", rounded(add(x, y)));
  const part = b.let("part", rounded(subtract(sum, x)));
  const rest = rounded(subtract(sum, part));
  const low = b.let("low", add(subtract(x, rest), subtract(y, part)));
  return [sum, low];
}

/**
 * exp(y·log|x|) with the logarithm in two floats, so that its error does not grow with the exponent; negative
 * where x is and y is odd, NaN where x is negative and y no whole number.
 */
export const power: Formula = (b, x, y) => {
  const magnitude = b.let("magnitude", absolute(x));
  const { exponent, f } = split(b, magnitude);
  // log(1 + f) = f − f²/2 + f³·P(f), the first two terms exactly.
  const square = b.let("square", rounded(multiply(f, f)));
  const squareLow = b.let("low", rounded(fma(f, f, negate(square))));
  const cubic = multiply(multiply(f, square), polynomial(b, f, logTail));
  const [first, firstLow] = exactSum(b, f, multiply(number(-0.5), square));
  const [high, highLow] = exactSum(b, multiply(exponent, number(ln2High)), first);
  const small = fma(squareLow, number(-0.5), add(firstLow, highLow));
  const rest = b.let("rest", add(fma(exponent, number(ln2Low), cubic), small));
  const [logHigh, logLow] = exactSum(b, high, rest);

  const product = b.let("product", rounded(multiply(y!, logHigh)));
  const error = rounded(fma(y!, logHigh, negate(product)));
  const productLow = b.let("low", fma(y!, logLow, error));
  // Beyond, the result is 0 or infinite, and the rest may be too large for a polynomial.
  const isOrdinary = greater(number(128), absolute(product));
  const tail = b.let("tail", select(isOrdinary, productLow, number(0)));
  const inside = b.let("inside", expWithTail(b, product, tail));

  const isZero = equal(magnitude, number(0));
  const isInfinite = equal(magnitude, number(Infinity));
  const grows = operation("equal", greater(y!, number(0)), isInfinite);
  const edge = select(grows, number(Infinity), number(0));
  const positive = b.let("positive", select(operation("or", isZero, isInfinite), edge, inside));
  const half = b.let("half", multiply(y!, number(0.5)));
  const isWhole = equal(operation("floor", y!), y!);
  const isOdd = operation("and", isWhole, operation("notEqual", operation("floor", half), half));
  const isNegative = operation("less", x!, number(0));
  const signBit = operation("and", asBits(x!), bits(0x80000000));
  const signed = fromBits(operation("or", asBits(positive), signBit));
  const real = select(isOdd, signed, positive);
  const isFraction = operation("not", operation("or", isWhole, isInfinite));
  const isOutside = operation("and", isNegative, isFraction);
  const value = b.let("value", select(isOutside, number(Number.NaN), real));
  const anyNan = operation("or", isNan(x!), isNan(y!));
  const checked = select(anyNan, add(x!, y!), value);
  return select(equal(y!, number(0)), number(1), checked);
};
