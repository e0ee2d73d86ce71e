/** Scalars as JavaScript's numbers: how the interpreter computes with them, and what casts mean. */

import type { DType } from "./dtype.ts";
import { roundToNarrow } from "./narrow-floats.ts";
import { type Algebra, scalarFunctions } from "./scalar-functions.ts";

/**
 * Floats to integers truncate and saturate, NaN giving 0; integers to u8 wrap; anything but 0 is true.
 * Floats are rounded to narrow floats, and otherwise stay as they are.
 */
export function castNumber(value: number, from: DType, to: DType): number {
  switch (to) {
    case "bool":
      return value !== 0 ? 1 : 0;
    case "i32":
      return Math.max(-2147483648, Math.min(2147483647, Math.trunc(value))) || 0;
    case "u8":
      return from === "i32" ? value & 255 : Math.max(0, Math.min(255, Math.trunc(value))) || 0;
    case "f16":
    case "bf16":
      return roundToNarrow(value, to);
    case "f32":
      return value;
  }
}

/** Numbers as a representation of scalars: with it a reducer's formulas compute. */
export function numberAlgebra(dtype: DType): Algebra<number> {
  const wrap = dtype === "i32" ? (x: number) => x | 0 : (x: number) => x;
  return {
    dtype,
    constant: (value) => value,
    cast: (of, to) => castNumber(of, "f32", to),
    call: (fn, ...args) => {
      const row = scalarFunctions[fn];
      return dtype === "i32" ? row.evaluateInteger(...args) | 0 : row.evaluate(...args);
    },
    number: (value) => value,
    add: (a, b) => wrap(a + b),
    subtract: (a, b) => wrap(a - b),
    multiply: dtype === "i32" ? Math.imul : (a, b) => a * b,
    divide: (a, b) => a / b,
    negate: (a) => wrap(-a),
    equal: (a, b) => (a === b ? 1 : 0),
    less: (a, b) => (a < b ? 1 : 0),
    select: (condition, a, b) => (condition !== 0 ? a : b),
  };
}
