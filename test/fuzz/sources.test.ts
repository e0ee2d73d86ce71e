/** Some mutated programs through the whole compiler; `npm run fuzz` takes ten thousand. */

import { expect, test } from "vitest";
import { checkMutatedSources } from "./mutated-sources.ts";

const RUNS = 200;

test.each([1, 2, 3, 4, 5])(
  `${RUNS} mutated programs of seed %i compile or say why not`,
  (seed) => {
    const { compiled, refused, slowestMilliseconds } = checkMutatedSources(seed, RUNS);
    // Neither all too tame nor all too wild.
    expect(compiled).toBeGreaterThan(0.1 * RUNS);
    expect(refused).toBeGreaterThan(0.3 * RUNS);
    expect(slowestMilliseconds).toBeLessThan(20_000);
  },
  300_000,
);
