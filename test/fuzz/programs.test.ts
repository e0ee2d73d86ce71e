/** More than a hundred random programs through every pass, as compiled C; `npm run fuzz` runs tens of thousands. */

import { expect, test } from "vitest";
import { thisCpu } from "../targets/run-kernels.ts";
import { cpuRunner } from "./cpu-runner.ts";
import { randomModels } from "./random-models.ts";
import { checkRandomPrograms, randomGraphs } from "./random-programs.ts";

const seeds = (count: number) => Array.from({ length: count }, (_, i) => 20_261_122 + i);

test.each(seeds(4))(
  "25 random graphs of seed %i",
  async (seed) => {
    expect(await checkRandomPrograms(randomGraphs, cpuRunner(thisCpu()), seed, 25)).toBe(25);
  },
  300_000,
);

test.each(seeds(3))(
  "8 random models of seed %i",
  async (seed) => {
    expect(await checkRandomPrograms(randomModels, cpuRunner(thisCpu()), seed, 8)).toBe(8);
  },
  300_000,
);
