/** Rounding to f16 and bf16, against the bits that the formats define. */

import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import {
  type NarrowFloat,
  narrowRounder,
  roundToNarrow,
} from "../../compiler/graph/narrow-floats.ts";
import { castNumber } from "../../compiler/graph/number-algebra.ts";

/** The number that 16 bits stand for, by the definition of the format. */
function decode(bits: number, fractionBits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponentBits = 15 - fractionBits;
  const exponent = (bits & 0x7fff) >> fractionBits;
  const fraction = (bits & (2 ** fractionBits - 1)) / 2 ** fractionBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Infinity : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** (1 - bias);
  return sign * (1 + fraction) * 2 ** (exponent - bias);
}

const fractions: { readonly [K in NarrowFloat]: number } = { f16: 10, bf16: 7 };

describe.each(["f16", "bf16"] as const)("%s", (dtype) => {
  /** All finite numbers from 0 on, in order. */
  const numbers = Array.from({ length: 0x7fff }, (_, bits) =>
    decode(bits, fractions[dtype]),
  ).filter(Number.isFinite);

  it("keeps its own numbers", () => {
    const isKept = (value: number) => Object.is(roundToNarrow(value, dtype), value);
    expect(numbers.filter((value) => !isKept(value) || !isKept(-value))).toEqual([]);
  });

  it("rounds to the nearer neighbour, and halfway to the even one", () => {
    for (let i = 0; i + 1 < numbers.length; i += 7) {
      const [below, above] = [numbers[i]!, numbers[i + 1]!];
      const middle = (below + above) / 2;
      const nudge = (above - below) * 2 ** -20;
      expect(roundToNarrow(middle - nudge, dtype)).toBe(below);
      expect(roundToNarrow(middle + nudge, dtype)).toBe(above);
      expect(roundToNarrow(middle, dtype)).toBe(i % 2 === 0 ? below : above);
      expect(roundToNarrow(-middle, dtype)).toBe(i % 2 === 0 ? -below : -above);
    }
  });

  it("overflows to infinity from half a step beyond its largest number on", () => {
    const [before, largest] = numbers.slice(-2) as [number, number];
    const edge = largest + (largest - before) / 2;
    expect(roundToNarrow(edge * (1 - 2 ** -30), dtype)).toBe(largest);
    expect(roundToNarrow(edge, dtype)).toBe(Infinity);
    expect(roundToNarrow(-edge, dtype)).toBe(-Infinity);
    expect(roundToNarrow(Number.MAX_VALUE, dtype)).toBe(Infinity);
  });

  it("leaves what is no finite number, and flushes what is far too small, sign and all", () => {
    expect(roundToNarrow(Number.NaN, dtype)).toBeNaN();
    expect(roundToNarrow(-Infinity, dtype)).toBe(-Infinity);
    expect(Object.is(roundToNarrow(-0, dtype), -0)).toBe(true);
    expect(Object.is(roundToNarrow(-Number.MIN_VALUE, dtype), -0)).toBe(true);
    expect(roundToNarrow(numbers[1]! / 2, dtype)).toBe(0);
    expect(roundToNarrow(numbers[1]! * 0.51, dtype)).toBe(numbers[1]);
  });
});

test("casts round to narrow floats, and not to f32", () => {
  expect(castNumber(1.00390625, "f32", "bf16")).toBe(1);
  expect(castNumber(65520, "f32", "f16")).toBe(Infinity);
  expect(castNumber(0.1, "f32", "f32")).toBe(0.1);
});

test.each(["f16", "bf16"] as const)("the rounder for many numbers rounds to %s alike", (dtype) => {
  const round = narrowRounder(dtype);
  fc.assert(
    fc.property(fc.double(), fc.integer({ min: -1080, max: 1023 }), (x, exponent) => {
      // Also the middle between two of the type's numbers, and next to it.
      for (const value of [
        x,
        Math.fround(x),
        (1 + 2 ** -8) * 2 ** exponent,
        (1 + 2 ** -11) * 2 ** exponent,
      ]) {
        for (const near of [value, -value, value * (1 + 2 ** -52)]) {
          expect(round(near)).toBe(roundToNarrow(near, dtype));
        }
      }
    }),
    { numRuns: 2000, seed: 20261122 },
  );
});
