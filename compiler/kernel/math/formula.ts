/**
 * What formulas of float32 functions are written with. A formula works on any number of lanes and takes no
 * branches: both sides of a `select` are computed, so its result depends on nothing but its arguments, and
 * vectors and single values agree bit for bit. Polynomials are evaluated by Horner's rule with `fma`.
 */

import type { BlockBuilder } from "../block-builder.ts";
import { add, bitcast, constant, fma, multiply, operation, subtract } from "../build.ts";
import type { Expression } from "../ir.ts";

/** The arguments are f32 with equal lanes, and already named. */
export type Formula = (b: BlockBuilder, ...args: readonly Expression[]) => Expression;

export function number(value: number): Expression {
  return constant(value, "f32");
}

export function bits(value: number): Expression {
  return constant(value, "u32");
}

/** The bits of a float. */
export function asBits(x: Expression): Expression {
  return bitcast(x, "u32");
}

export function fromBits(x: Expression): Expression {
  return bitcast(x, "f32");
}

export function negate(x: Expression): Expression {
  return operation("negate", x);
}

export function absolute(x: Expression): Expression {
  return operation("absolute", x);
}

export function sqrt(x: Expression): Expression {
  return operation("sqrt", x);
}

export function greater(a: Expression, b: Expression): Expression {
  return operation("greater", a, b);
}

export function equal(a: Expression, b: Expression): Expression {
  return operation("equal", a, b);
}

/** What depends on how this very operation rounds, such as the error that it makes. */
export function rounded(x: Expression): Expression {
  return operation("rounded", x);
}

export function isNan(x: Expression): Expression {
  return operation("notEqual", x, x);
}

/** The magnitude of `x` with the sign of `sign`. */
export function copySign(x: Expression, sign: Expression): Expression {
  const magnitude = operation("and", asBits(x), bits(0x7fffffff));
  const signBit = operation("and", asBits(sign), bits(0x80000000));
  return fromBits(operation("or", magnitude, signBit));
}

/** Coefficients of the highest power first. */
export function polynomial(
  b: BlockBuilder,
  x: Expression,
  coefficients: readonly number[],
): Expression {
  const [first, ...rest] = coefficients;
  let value = number(first!);
  for (const coefficient of rest) value = b.let("p", fma(value, x, number(coefficient)));
  return value;
}

/** 1.5·2²³: adding it rounds to a whole number, which then stands in the low bits. */
const roundingShift = 12582912;

/** A whole number |k| < 2²², and the float in whose low bits it stands. */
export interface Whole {
  readonly k: Expression;
  readonly shifted: Expression;
}

/** The whole number nearest to x·factor. */
export function nearestInteger(b: BlockBuilder, x: Expression, factor: number): Whole {
  const sum = fma(x, number(factor), number(roundingShift));
  const shifted = b.let("shifted", rounded(sum));
  return { k: b.let("k", subtract(shifted, number(roundingShift))), shifted };
}

/** The same as an i32. */
export function integerOf(b: BlockBuilder, { shifted }: Whole): Expression {
  const bias = constant(0x4b400000, "i32", shifted.type.lanes);
  return b.let("whole", operation("subtract", bitcast(shifted, "i32"), bias));
}

/** x·2^k for 0.5 ≤ |x| < 2 and −252 ≤ k ≤ 254. */
export function scaleByPowerOfTwo(x: Expression, k: Expression): Expression {
  return operation("scale", x, k);
}

/** What `scale` is where there is no instruction for it: in two steps, so that neither scale overflows. */
export const scale: Formula = (b, x, k) => {
  const shifted = b.let("shifted", rounded(add(k!, number(roundingShift))));
  const whole = b.let("whole", asBits(shifted));
  // The exponent of the larger half of the powers: k/2 rounded down, in place.
  const high = operation("shiftLeft", whole, bits(22));
  const half = b.let("half", operation("and", high, bits(0xff800000)));
  const rest = operation("subtract", operation("shiftLeft", whole, bits(23)), half);
  const power = fromBits(operation("add", rest, bits(0x3f800000)));
  return multiply(fromBits(operation("add", asBits(x!), half)), power);
};
