/** Hundreds of random training programs through every pass, as compiled C; `npm run fuzz` runs tens of thousands. */

import { expect, test } from "vitest";
import { thisCpu } from "../targets/run-kernels.ts";
import { checkRandomPrograms } from "./random-programs.ts";

const seeds = Array.from({ length: 12 }, (_, i) => 20_261_122 + i);

test.each(seeds)(
  "25 random programs of seed %i",
  async (seed) => {
    expect(await checkRandomPrograms(seed, 25, thisCpu())).toBe(25);
  },
  300_000,
);
