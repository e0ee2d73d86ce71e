/** Dozens of random programs through every pass, as CUDA on the emulation; `npm run fuzz` runs thousands. */

import { describe, expect, test } from "vitest";
import { hasEmulation, needsEmulation } from "../cuda/emulation.ts";
import { cudaRunner } from "./cuda-runner.ts";
import { randomModels } from "./random-models.ts";
import { checkRandomPrograms, randomGraphs } from "./random-programs.ts";

const seeds = (count: number) => Array.from({ length: count }, (_, i) => 20_261_422 + i);

// Read by the emulation at its first launch.
process.env.NNC_EMULATION_ORDER = "shuffled";

describe.runIf(hasEmulation)(`on emulated CUDA ${needsEmulation}`, () => {
  test.each(seeds(4))("5 random graphs of seed %i", async (seed) => {
    expect(await checkRandomPrograms(randomGraphs, cudaRunner(), seed, 5)).toBe(5);
  });

  test.each(seeds(3))("2 random models of seed %i", async (seed) => {
    expect(await checkRandomPrograms(randomModels, cudaRunner(), seed, 2)).toBe(2);
  });
});
