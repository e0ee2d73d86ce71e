/**
 * Sine, cosine and their inverses. Arguments of sin and cos are reduced by multiples of π/2 in three parts
 * (Cody and Waite) with fma, which keeps full accuracy up to about |x| = 10⁵; beyond, the error grows with x.
 */

import type { BlockBuilder } from "../block-builder.ts";
import { bitcast, constant, divide, fma, multiply, operation, select, subtract } from "../build.ts";
import type { Expression } from "../ir.ts";
import {
  absolute,
  asBits,
  copySign,
  type Formula,
  fromBits,
  greater,
  integerOf,
  nearestInteger,
  number,
  polynomial,
  rounded,
  sqrt,
} from "./formula.ts";

const halfPi = Math.PI / 2;

interface Quadrant {
  /** sin and cos of what is left of x, |r| ≤ π/4. */
  readonly sine: Expression;
  readonly cosine: Expression;
  /** How many quarter turns were taken off. */
  readonly turns: Expression;
}

function quadrant(b: BlockBuilder, x: Expression): Quadrant {
  const whole = nearestInteger(b, x, 2 / Math.PI);
  let r = b.let("r", rounded(fma(whole.k, number(-1.57079601), x)));
  r = b.let("r", rounded(fma(whole.k, number(-3.13916473e-7), r)));
  r = b.let("r", fma(whole.k, number(-5.39030253e-15), r));
  const s = b.let("s", multiply(r, r));
  const sineTail = polynomial(b, s, [2.86567956e-6, -1.98559923e-4, 8.33338592e-3, -1.66666672e-1]);
  const cosineTail = polynomial(b, s, [2.44677067e-5, -1.38877297e-3, 4.16666567e-2, -0.5]);
  return {
    sine: b.let("sine", fma(sineTail, multiply(r, s), r)),
    cosine: b.let("cosine", fma(cosineTail, s, number(1))),
    turns: integerOf(b, whole),
  };
}

/** After `turns` quarter turns sine and cosine change places at odd ones, and sign at the second two. */
function turned(q: Quadrant, turns: Expression): Expression {
  const { lanes } = turns.type;
  const one = constant(1, "i32", lanes);
  const isOdd = operation("notEqual", operation("and", turns, one), constant(0, "i32", lanes));
  const value = select(isOdd, q.cosine, q.sine);
  const signBit = operation(
    "shiftLeft",
    operation("and", bitcast(turns, "u32"), constant(2, "u32", lanes)),
    constant(30, "u32", lanes),
  );
  return fromBits(operation("xor", asBits(value), signBit));
}

export const sin: Formula = (b, x) => {
  const q = quadrant(b, x);
  return turned(q, q.turns);
};

export const cos: Formula = (b, x) => {
  const q = quadrant(b, x);
  return turned(q, operation("add", q.turns, constant(1, "i32", x.type.lanes)));
};

export const tan: Formula = (b, x) => {
  const q = quadrant(b, x);
  const next = operation("add", q.turns, constant(1, "i32", x.type.lanes));
  return divide(turned(q, q.turns), turned(q, next));
};

/** (asin(√z) − √z) / (√z·z) for z ≤ 0.25: coefficients of Cephes' `asinf`. */
function arcSineTail(b: BlockBuilder, z: Expression): Expression {
  return polynomial(
    b,
    z,
    [4.2163199048e-2, 2.4181311049e-2, 4.5470025998e-2, 7.4953002686e-2, 1.6666752422e-1],
  );
}

interface ArcSine {
  /** asin(|x|) if |x| ≤ ½, else asin(√((1 − |x|) / 2)). */
  readonly core: Expression;
  readonly isOuter: Expression;
}

function arcSine(b: BlockBuilder, x: Expression): ArcSine {
  const magnitude = b.let("magnitude", absolute(x));
  const isOuter = b.let("outer", greater(magnitude, number(0.5)));
  const half = multiply(number(0.5), subtract(number(1), magnitude));
  const z = b.let("z", select(isOuter, half, multiply(magnitude, magnitude)));
  const root = b.let("root", select(isOuter, sqrt(z), magnitude));
  return { core: b.let("core", fma(multiply(root, z), arcSineTail(b, z), root)), isOuter };
}

/** π/2 − 2·asin(√((1 − |x|) / 2)) beyond one half; NaN beyond 1. */
export const asin: Formula = (b, x) => {
  const { core, isOuter } = arcSine(b, x);
  const value = select(isOuter, fma(core, number(-2), number(halfPi)), core);
  return copySign(b.let("value", value), x);
};

/** 2·asin(√((1 − |x|) / 2)), or π minus it, beyond one half; else π/2 − asin(x). */
export const acos: Formula = (b, x) => {
  const { core, isOuter } = arcSine(b, x);
  const double = multiply(number(2), core);
  const outer = select(greater(number(0), x), subtract(number(Math.PI), double), double);
  const inner = subtract(number(halfPi), copySign(core, x));
  return select(isOuter, outer, inner);
};

/** atan(a) for 0 ≤ a ≤ 1: an odd polynomial, fitted for the smallest relative error. */
function arcTangent(b: BlockBuilder, a: Expression): Expression {
  const s = b.let("s", multiply(a, a));
  const tail = polynomial(
    b,
    s,
    [
      -1.7935593e-3, 1.0914326e-2, -3.1177323e-2, 5.7957068e-2, -8.40342e-2, 1.09521754e-1,
      -1.426424e-1, 1.9998547e-1, -3.33333e-1,
    ],
  );
  return b.let("angle", fma(multiply(a, s), tail, a));
}

/** π/2 − atan(1/|x|) beyond 1. */
export const atan: Formula = (b, x) => {
  const magnitude = b.let("magnitude", absolute(x));
  const isOuter = b.let("outer", greater(magnitude, number(1)));
  const a = b.let("a", select(isOuter, divide(number(1), magnitude), magnitude));
  const angle = arcTangent(b, a);
  const value = select(isOuter, subtract(number(halfPi), angle), angle);
  return copySign(b.let("value", value), x);
};

/** From the smaller over the larger magnitude, then by octant. */
export const atan2: Formula = (b, y, x) => {
  const height = b.let("height", absolute(y));
  const width = b.let("width", absolute(x!));
  const isSteep = b.let("steep", greater(height, width));
  const small = b.let("small", select(isSteep, width, height));
  const large = b.let("large", select(isSteep, height, width));
  // 0/0 is an angle of 0, and ∞/∞ one of π/4.
  const isSame = operation("equal", small, large);
  const isZero = operation("equal", large, number(0));
  const ratio = select(isSame, select(isZero, number(0), number(1)), divide(small, large));
  const angle = arcTangent(b, b.let("ratio", ratio));
  const upright = b.let("angle", select(isSteep, subtract(number(halfPi), angle), angle));
  const isLeft = operation("less", bitcast(x!, "i32"), constant(0, "i32", x!.type.lanes));
  const value = select(isLeft, subtract(number(Math.PI), upright), upright);
  return negateLike(b.let("value", value), y);
};

/** The value with the sign of `sign`; NaN if either is. */
function negateLike(value: Expression, sign: Expression): Expression {
  const isNan = operation("notEqual", sign, sign);
  return select(isNan, sign, copySign(value, sign));
}
