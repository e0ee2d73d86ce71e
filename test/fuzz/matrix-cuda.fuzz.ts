/**
 * Random models that fill matrix units, as CUDA on the emulation: `NNC_FUZZ_RUNS` / 200 in each precision and on each
 * kind of device, from the seed `NNC_FUZZ_SEED`, two by a seed, which a failure names.
 */

import { describe, test } from "vitest";
import { hasEmulation, needsEmulation } from "../cuda/emulation.ts";
import { cudaRunner } from "./cuda-runner.ts";
import { matrixModels } from "./matrix-models.ts";
import { checkRandomPrograms } from "./random-programs.ts";

const BATCH = 2;
const count = Math.ceil(Number(process.env.NNC_FUZZ_RUNS ?? 20_000) / 200);
const start = Number(process.env.NNC_FUZZ_SEED ?? Date.now() % 2 ** 30);

// Read by the emulation at its first launch.
process.env.NNC_EMULATION_ORDER = "shuffled";

describe.runIf(hasEmulation).each([80, 90] as const)(
  `on emulated CUDA of compute capability %i ${needsEmulation}`,
  (capability) => {
    test.each(["tf32", "bf16", "f16"] as const)(
      `models in %s of seed ${start}`,
      async (precision) => {
        for (let done = 0, seed = start; done < count; done += BATCH, seed++) {
          const runner = cudaRunner({ precision, capability });
          await checkRandomPrograms(matrixModels(precision), runner, seed, BATCH);
        }
      },
      0,
    );
  },
);
