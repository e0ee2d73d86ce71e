/**
 * Floats narrower than f32: to which of their numbers a number is rounded. Products of matrices may take their operands
 * in these types; sums never do.
 */

import type { DType } from "./dtype.ts";

export type NarrowFloat = Extract<DType, "f16" | "bf16">;

interface FloatFormat {
  /** Bits of the fraction, the leading 1 not counted. */
  readonly fractionBits: number;
  /** The exponent of the least normal number; below it the distance between numbers stays the same. */
  readonly leastExponent: number;
  readonly largest: number;
}

const formats: { readonly [K in NarrowFloat]: FloatFormat } = {
  f16: { fractionBits: 10, leastExponent: -14, largest: 65504 },
  bf16: { fractionBits: 7, leastExponent: -126, largest: 3.3895313892515355e38 },
};

export function isNarrowFloat(dtype: DType): dtype is NarrowFloat {
  return dtype === "f16" || dtype === "bf16";
}

/** The nearest number of the type, of two as near the even one; beyond the largest, infinity. NaN stays NaN. */
export function roundToNarrow(value: number, dtype: NarrowFloat): number {
  if (value === 0 || !Number.isFinite(value)) return value;
  const { fractionBits, leastExponent, largest } = formats[dtype];
  const exponent = Math.max(exponentOf(value), leastExponent);
  // A power of two: dividing by it and multiplying with it are exact.
  const unit = 2 ** (exponent - fractionBits);
  const magnitude = roundToEven(Math.abs(value) / unit) * unit;
  const rounded = magnitude > largest ? Number.POSITIVE_INFINITY : magnitude;
  return value < 0 ? -rounded : rounded;
}

/** ⌊log₂|value|⌋ of a normal number; of the smallest ones something less than any type's least exponent. */
function exponentOf(value: number): number {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, value);
  return ((bits.getUint16(0) >> 4) & 0x7ff) - 1023;
}

function roundToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}
