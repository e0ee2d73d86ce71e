/** Some random models that fill matrix units, as CUDA on the emulation; `npm run fuzz` runs hundreds. */

import { describe, expect, test } from "vitest";
import { hasEmulation, needsEmulation } from "../cuda/emulation.ts";
import { cudaRunner } from "./cuda-runner.ts";
import { matrixModels } from "./matrix-models.ts";
import { checkRandomPrograms } from "./random-programs.ts";

// Read by the emulation at its first launch.
process.env.NNC_EMULATION_ORDER = "shuffled";

describe.runIf(hasEmulation)(`on emulated CUDA ${needsEmulation}`, () => {
  test.each([
    ["tf32", 90, 2],
    ["bf16", 90, 4],
    ["f16", 80, 5],
    ["f16", 90, 6],
  ] as const)(
    "models in %s on compute capability %i of seed %i",
    async (precision, capability, seed) => {
      const runner = cudaRunner({ precision, capability });
      expect(await checkRandomPrograms(matrixModels(precision), runner, seed, 1)).toBe(1);
    },
  );
});
