/** Narrow floats as the bits that memory has. */

import { type NarrowFloat, roundToNarrow } from "../../compiler/graph/narrow-floats.ts";

/** The bits of the number of the type nearest to a finite one. */
export function narrowBits(value: number, dtype: NarrowFloat): number {
  const rounded = roundToNarrow(value, dtype);
  const [bits] = new Uint32Array(Float32Array.of(rounded).buffer);
  if (dtype === "bf16") return bits! >>> 16;
  const sign = (bits! >>> 16) & 0x8000;
  const magnitude = Math.abs(rounded);
  // Below 2⁻¹⁴, multiples of 2⁻²⁴.
  if (magnitude < 2 ** -14) return sign | (magnitude * 2 ** 24);
  // The exponent's bias is 15, not 127.
  return sign | (((bits! & 0x7fffffff) >>> 13) - (112 << 10));
}
