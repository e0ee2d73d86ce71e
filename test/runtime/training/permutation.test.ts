/** Threefry against its published vectors, and the shuffle's laws. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { consecutiveRows, shuffleRows } from "../../../runtime/training/permutation.ts";
import { threefry2x32 } from "../../../runtime/training/threefry.ts";

describe("threefry2x32", () => {
  // Random123's kat_vectors, threefry2x32 with 20 rounds.
  it.each([
    [0, 0, 0, 0, 0x6b200159, 0x99ba4efe],
    [-1, -1, -1, -1, 0x1cb996fc, 0xbb002be7],
    [0x13198a2e, 0x03707344, 0x243f6a88, 0x85a308d3, 0xc4923a9c, 0x483df7a0],
  ])("key %i %i, counter %i %i", (key0, key1, counter0, counter1, word0, word1) => {
    const out = new Int32Array(2);
    threefry2x32(key0, key1, counter0, counter1, out);
    expect([...out]).toEqual([word0 | 0, word1 | 0]);
  });
});

describe("shuffleRows", () => {
  const shuffled = (count: number, seed: number, epoch: number) => {
    const rows = consecutiveRows(0, count);
    shuffleRows(rows, seed, epoch);
    return [...rows];
  };

  it("gives every row once, and the same order for the same seed and epoch", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 500 }),
        fc.integer(),
        fc.nat(1000),
        (count, seed, epoch) => {
          const rows = shuffled(count, seed, epoch);
          expect([...rows].sort((a, b) => a - b)).toEqual([...consecutiveRows(0, count)]);
          expect(shuffled(count, seed, epoch)).toEqual(rows);
        },
      ),
    );
  });

  it("differs between seeds and epochs", () => {
    const orders = [shuffled(50, 1, 0), shuffled(50, 1, 1), shuffled(50, 2, 0)].map(String);
    expect(new Set(orders).size).toBe(3);
  });

  it("puts every row in every place about equally often", () => {
    const counts = new Map<string, number>();
    for (let epoch = 0; epoch < 6000; epoch++) {
      const order = shuffled(3, 7, epoch).join();
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });
});
