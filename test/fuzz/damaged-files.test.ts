/** Some damaged data files and checkpoints through the commands; `npm run fuzz` damages ten thousand. */

import { afterAll, beforeAll, expect, test } from "vitest";
import { DamagedFiles } from "./damaged-files.ts";

const RUNS = 150;
const files = new DamagedFiles();

beforeAll(() => files.prepare());
afterAll(() => files.remove());

test.each([1, 2, 3, 4])(`${RUNS} damaged files of seed %i`, async (seed) => {
  const succeeded = await files.check(seed, RUNS);
  // A changed digit is other data; most else cannot go unnoticed.
  expect(succeeded).toBeGreaterThan(0);
  expect(succeeded).toBeLessThan(0.7 * RUNS);
});
