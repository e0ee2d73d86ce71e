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

/** The whole number nearest to x (|x| < 2²²), as a float and as an i32. */
export function nearestInteger(
  b: BlockBuilder,
  x: Expression,
): { readonly value: Expression; readonly integer: Expression } {
  const shifted = b.let("shifted", rounded(add(x, number(roundingShift))));
  return {
    value: b.let("k", subtract(shifted, number(roundingShift))),
    integer: b.let(
      "whole",
      operation("subtract", bitcast(shifted, "i32"), constant(0x4b400000, "i32", x.type.lanes)),
    ),
  };
}

/** x·2^exponent for −252 ≤ exponent ≤ 254, in two steps so that neither scale overflows. */
export function scaleByPowerOfTwo(
  b: BlockBuilder,
  x: Expression,
  exponent: Expression,
): Expression {
  const lanes = exponent.type.lanes;
  const power = (e: Expression): Expression =>
    bitcast(
      operation(
        "shiftLeft",
        operation("add", e, constant(127, "i32", lanes)),
        constant(23, "i32", lanes),
      ),
      "f32",
    );
  const half = b.let("half", operation("shiftRight", exponent, constant(1, "i32", lanes)));
  const rest = operation("subtract", exponent, half);
  return multiply(multiply(x, power(half)), power(rest));
}
