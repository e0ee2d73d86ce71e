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
  const magnitude = Math.abs(value);
  const exponent = Math.max(exponentOf(magnitude), leastExponent);
  // A power of two: dividing by it and multiplying with it are exact.
  const unit = 2 ** (exponent - fractionBits);
  const nearest = roundToEven(magnitude / unit) * unit;
  const rounded = nearest > largest ? Number.POSITIVE_INFINITY : nearest;
  return value < 0 ? -rounded : rounded;
}

/** `roundToNarrow` for many numbers: takes exponents from the bits, in a buffer of its own. */
export function narrowRounder(dtype: NarrowFloat): (value: number) => number {
  const { fractionBits, leastExponent, largest } = formats[dtype];
  const bits = new DataView(new ArrayBuffer(8));
  return (value) => {
    if (value === 0 || !Number.isFinite(value)) return value;
    const magnitude = Math.abs(value);
    bits.setFloat64(0, magnitude);
    const exponent = Math.max((bits.getUint32(0) >>> 20) - 1023, leastExponent);
    bits.setUint32(0, (exponent - fractionBits + 1023) << 20);
    bits.setUint32(4, 0);
    const unit = bits.getFloat64(0);
    // From 2⁵² on, numbers are integers: the sum is rounded to one, of two as near the even one.
    const nearest = (magnitude / unit + 2 ** 52 - 2 ** 52) * unit;
    const rounded = nearest > largest ? Number.POSITIVE_INFINITY : nearest;
    return value < 0 ? -rounded : rounded;
  };
}

/** ⌊log₂ magnitude⌋; the logarithm itself may be rounded across a power of two. */
function exponentOf(magnitude: number): number {
  const exponent = Math.floor(Math.log2(magnitude));
  if (2 ** exponent > magnitude) return exponent - 1;
  return 2 ** (exponent + 1) <= magnitude ? exponent + 1 : exponent;
}

function roundToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}
