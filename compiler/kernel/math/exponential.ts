/**
 * exp and what is made of it. exp is reduced as in Cephes' `expf` (Moshier): x = k·ln 2 + r with |r| ≤ ln 2 / 2, a
 * polynomial for exp(r), and a scale by 2^k.
 */

import type { BlockBuilder } from "../block-builder.ts";
import { add, divide, fma, multiply, operation, select, subtract } from "../build.ts";
import type { Expression } from "../ir.ts";
import {
  absolute,
  copySign,
  type Formula,
  greater,
  nearestInteger,
  number,
  polynomial,
  scaleByPowerOfTwo,
} from "./formula.ts";

const ln2High = 0.693359375;
const ln2Low = -2.1219444005469057e-4;
const log2e = Math.LOG2E;

/**
 * Coefficients of (exp(r) − 1 − r) / r² that make the largest relative error of exp(r) smallest for |r| ≤ 0.3475, by
 * weighted least squares (Lawson 1961): 0.05 units in the last place.
 */
const expTail = [1.38142216e-3, 8.3688991e-3, 4.1668404e-2, 1.666652e-1, 4.9999994e-1];

/** Keeps NaN. */
function clamp(b: BlockBuilder, x: Expression, low: number, high: number): Expression {
  const below = b.let("bounded", operation("min", number(high), x));
  return b.let("bounded", operation("max", number(low), below));
}

interface Reduced {
  /** The power of two. */
  readonly k: Expression;
  /** x − k·ln 2, |r| ≤ 0.35. */
  readonly r: Expression;
}

function reduce(b: BlockBuilder, x: Expression): Reduced {
  const { k } = nearestInteger(b, x, log2e);
  const high = b.let("r", fma(k, number(-ln2High), x));
  return { k, r: b.let("r", fma(k, number(-ln2Low), high)) };
}

/** exp(r) − 1 for |r| ≤ 0.35. */
function expMinusOne(b: BlockBuilder, r: Expression): Expression {
  const tail = polynomial(b, r, expTail);
  return b.let("e", fma(multiply(r, r), tail, r));
}

/** Above 88.73 it is infinite, below −103.98 zero; the bounds lie outside that. */
export const exp: Formula = (b, x) => expWithTail(b, x, null);

/** exp(x + tail) for a |tail| far below |x|, which x alone has no digits for. */
export function expWithTail(b: BlockBuilder, x: Expression, tail: Expression | null): Expression {
  const { k, r } = reduce(b, clamp(b, x, -105, 90));
  const exact = tail === null ? r : b.let("r", add(r, tail));
  return scaleByPowerOfTwo(polynomial(b, exact, [...expTail, 1, 1]), k);
}

/** 2^k·(exp(r) − 1) + (2^k − 1); beyond 20 it is exp, and below −20 it is −1. */
export const expm1: Formula = (b, x) => {
  const { k, r } = reduce(b, clamp(b, x, -20, 20));
  const scale = b.let("scale", scaleByPowerOfTwo(number(1), k));
  const near = b.let("near", fma(scale, expMinusOne(b, r), subtract(scale, number(1))));
  // Zero keeps its sign.
  const small = select(greater(number(1e-10), absolute(x)), x, near);
  return select(greater(x, number(20)), exp(b, x), small);
};

/**
 * The rational approximation of Eigen's `generic_fast_tanh_float`: odd polynomial over even polynomial, and 1
 * from the bound on. Below 0.0004 it is x.
 */
export const tanh: Formula = (b, x) => {
  const bounded = clamp(b, x, -7.998811721801758, 7.998811721801758);
  const square = b.let("square", multiply(bounded, bounded));
  const numerator = polynomial(
    b,
    square,
    [
      -2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-8,
      1.48572235717979e-5, 6.37261928875436e-4, 4.89352455891786e-3,
    ],
  );
  const denominator = polynomial(
    b,
    square,
    [1.19825839466702e-6, 1.18534705686654e-4, 2.268434632439e-3, 4.89352518554385e-3],
  );
  const ratio = divide(multiply(bounded, numerator), denominator);
  return select(greater(number(4e-4), absolute(x)), x, ratio);
};

/** Half of e + e/(e + 1) with e = expm1(|x|); beyond 20 from exp(|x|/2)², which overflows no earlier. */
export const sinh: Formula = (b, x) => {
  const magnitude = b.let("magnitude", absolute(x));
  const e = b.let("e", expm1(b, clamp(b, magnitude, 0, 20)));
  const near = multiply(number(0.5), add(e, divide(e, add(e, number(1)))));
  const h = b.let("h", exp(b, b.let("middle", multiply(number(0.5), magnitude))));
  const far = multiply(multiply(number(0.5), h), h);
  return copySign(b.let("value", select(greater(magnitude, number(20)), far, near)), x);
};

/** (h + 1/h) / 2 with h = exp(|x|), beyond 20 from exp(|x|/2)². */
export const cosh: Formula = (b, x) => {
  const magnitude = b.let("magnitude", absolute(x));
  const e = b.let("e", exp(b, clamp(b, magnitude, 0, 20)));
  const near = multiply(number(0.5), add(e, divide(number(1), e)));
  const h = b.let("h", exp(b, b.let("middle", multiply(number(0.5), magnitude))));
  const far = multiply(multiply(number(0.5), h), h);
  return select(greater(magnitude, number(20)), far, near);
};
