/** Float32 results against float64 ones, of random graphs whose values stay within single digits. */

import { expect } from "vitest";

export function expectClose(
  actual: ArrayLike<number>,
  wanted: ArrayLike<number>,
  what: string,
): void {
  // A leaf that is a result itself may be given with more rows than the batch has.
  expect(actual.length, what).toBeLessThanOrEqual(wanted.length);
  for (let i = 0; i < actual.length; i++) {
    const error = Math.abs(actual[i]! - wanted[i]!);
    const bound = 2e-4 * Math.max(1, Math.abs(wanted[i]!));
    const isSame = Object.is(actual[i], wanted[i]) || error <= bound;
    // An assertion of vitest takes longer than all else here, so only what fails is one.
    if (!isSame) expect.fail(`${what}[${i}] is ${actual[i]}, not ${wanted[i]}`);
  }
}
