/**
 * The order in which an epoch visits the rows. It depends on the seed and the number of the epoch only, never on
 * what ran before, so a run resumed in the middle of an epoch computes the same order again instead of storing it.
 */

import { hash32, threefry2x32 } from "./threefry.ts";

const SHUFFLE_STREAM = hash32("shuffle");

/**
 * Permutes `rows` in place by Fisher and Yates' shuffle. A draw j ≤ i is ⌊word · (i + 1) / 2³²⌋, which is exact
 * enough in float64 to be the same on every machine; its bias is below 2⁻³² · (i + 1).
 */
export function shuffleRows(rows: Int32Array, seed: number, epoch: number): void {
  const words = new Int32Array(2);
  for (let i = rows.length - 1; i > 0; i--) {
    if ((i & 1) === 1 || i === rows.length - 1) {
      threefry2x32(seed, SHUFFLE_STREAM, i >> 1, epoch, words);
    }
    const word = words[i & 1]! >>> 0;
    const j = Math.floor((word * (i + 1)) / 4294967296);
    const swapped = rows[i]!;
    rows[i] = rows[j]!;
    rows[j] = swapped;
  }
}

/** The rows first … first + count - 1, in order. */
export function consecutiveRows(first: number, count: number): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => first + i);
}
