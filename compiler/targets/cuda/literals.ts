/** Numbers as CUDA C++ reads them back: each just as it is. */

import { assertExhaustive, InvariantError } from "../../diagnostics/diagnostic.ts";
import { type NarrowFloat, roundToNarrow } from "../../graph/narrow-floats.ts";
import type { ElementType } from "../../kernel/ir.ts";
import { type Printed, prefix, primary } from "../c-like-printer.ts";
import { typeName } from "./types.ts";

export function literal(value: number, dtype: ElementType): Printed {
  switch (dtype) {
    case "f32":
      return float(Math.fround(value));
    case "f16":
    case "bf16": {
      const bits = hexadecimal(bitsOfNarrow(roundToNarrow(value, dtype), dtype));
      return primary(`${typeName({ dtype, lanes: 1 })}{${bits}}`);
    }
    case "i32":
      // C++ reads -2147483648 as the negative of a number that an int does not hold.
      if (value === -2147483648) return primary("(-2147483647 - 1)");
      return value < 0 ? prefix("-", primary(String(-value))) : primary(String(value));
    case "u32":
      return primary(value > 255 ? `${hexadecimal(value >>> 0)}u` : `${value}u`);
    case "u8":
      return primary(String(value));
    case "bool":
      return primary(value === 0 ? "false" : "true");
    case "f64":
      throw new InvariantError("kernels for CUDA compute in f32");
    default:
      return assertExhaustive(dtype);
  }
}

function hexadecimal(bits: number): string {
  return `0x${bits.toString(16)}`;
}

function float(value: number): Printed {
  if (!Number.isFinite(value))
    return primary(`__uint_as_float(${hexadecimal(bitsOfFloat(value))}u)`);
  const text = primary(`${digits(Math.abs(value))}f`);
  return value < 0 || Object.is(value, -0) ? prefix("-", text) : text;
}

/** The shortest decimal that reads back as the same float32. */
function digits(value: number): string {
  for (let count = 1; count <= 9; count++) {
    const text = String(Number(value.toPrecision(count)));
    if (Math.fround(Number(text)) === value) return /[.e]/.test(text) ? text : `${text}.0`;
  }
  throw new InvariantError(`${value} is no float32`);
}

function bitsOfFloat(value: number): number {
  const bits = new DataView(new ArrayBuffer(4));
  bits.setFloat32(0, value);
  return bits.getUint32(0);
}

/** Of a number of the type. */
function bitsOfNarrow(value: number, dtype: NarrowFloat): number {
  const bits = bitsOfFloat(value);
  if (dtype === "bf16") return bits >>> 16;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  if (magnitude === Number.POSITIVE_INFINITY) return sign | 0x7c00;
  // The numbers below the least normal one are as far apart as those just above it.
  if (magnitude < 2 ** -14) return sign | (magnitude * 2 ** 24);
  const exponent = ((bits >>> 23) & 0xff) - 127;
  return sign | ((exponent + 15) << 10) | ((bits >>> 13) & 0x3ff);
}
