/**
 * Bounds of a scalar, from the ranges that its functions' rows state. NaN is outside the account: a rule that
 * uses a range keeps NaN as it is.
 */

import type { Range } from "./affine-range.ts";
import type { DType } from "./dtype.ts";
import { isNarrowFloat, roundToNarrow } from "./narrow-floats.ts";
import type { LoadScalar, Scalar } from "./node.ts";
import { scalarFunctions } from "./scalar-functions.ts";

export const everything: Range = { min: -Infinity, max: Infinity };

export const typeRange: { readonly [K in DType]: Range } = {
  f32: everything,
  f16: everything,
  bf16: everything,
  i32: { min: -2147483648, max: 2147483647 },
  u8: { min: 0, max: 255 },
  bool: { min: 0, max: 1 },
};

/** What is known of the values that loads read; the type's range where nothing is. */
export type LoadRange = (load: LoadScalar) => Range;

const rangeOfType: LoadRange = ({ dtype }) => typeRange[dtype];

export function rangeOfScalar(scalar: Scalar, ofLoad: LoadRange = rangeOfType): Range {
  switch (scalar.kind) {
    case "load":
      return ofLoad(scalar);
    case "constant":
      return { min: scalar.value, max: scalar.value };
    case "random":
      return { min: 0, max: 1 };
    case "cast": {
      const { dtype } = scalar;
      const { min, max } = rangeOfScalar(scalar.of, ofLoad);
      // Rounding keeps the order of numbers, but may leave their range.
      return isNarrowFloat(dtype)
        ? { min: roundToNarrow(min, dtype), max: roundToNarrow(max, dtype) }
        : intersect(typeRange[dtype], { min, max });
    }
    case "call":
      return intersect(scalarFunctions[scalar.fn].range, rangeOfCall(scalar, ofLoad));
    default:
      return typeRange[scalar.dtype];
  }
}

function rangeOfCall(
  { fn, args, dtype }: Extract<Scalar, { kind: "call" }>,
  ofLoad: LoadRange,
): Range {
  // Integers wrap; only the type bounds them.
  if (dtype === "i32") return typeRange.i32;
  const row = scalarFunctions[fn];
  const ranges = args.map((arg) => rangeOfScalar(arg, ofLoad));
  const [a, b, c] = ranges;
  if (row.monotone !== null) {
    const ends = [row.evaluate(a!.min), row.evaluate(a!.max)];
    return bounds(Math.min(...ends), Math.max(...ends));
  }
  switch (fn) {
    case "add":
      return bounds(a!.min + b!.min, a!.max + b!.max);
    case "subtract":
      return bounds(a!.min - b!.max, a!.max - b!.min);
    case "maximum":
      return bounds(Math.max(a!.min, b!.min), Math.max(a!.max, b!.max));
    case "minimum":
      return bounds(Math.min(a!.min, b!.min), Math.min(a!.max, b!.max));
    case "multiply":
    case "divide":
      return a!.min >= 0 && b!.min >= 0 ? { min: 0, max: Infinity } : everything;
    case "select":
      return bounds(Math.min(b!.min, c!.min), Math.max(b!.max, c!.max));
    case "reciprocal":
      return a!.min >= 0 ? { min: 0, max: Infinity } : everything;
    default:
      return everything;
  }
}

/** The range between two numbers; nothing is known where one of them is NaN, as ∞ − ∞ is. */
function bounds(min: number, max: number): Range {
  return {
    min: Number.isNaN(min) ? -Infinity : min,
    max: Number.isNaN(max) ? Infinity : max,
  };
}

function intersect(a: Range, b: Range): Range {
  const min = Math.max(a.min, b.min);
  const max = Math.min(a.max, b.max);
  return min <= max ? { min, max } : a;
}
