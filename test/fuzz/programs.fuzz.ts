/**
 * Random programs, as many as one has time for: `NNC_FUZZ_RUNS` graphs and a fifth as many models, from the seed
 * `NNC_FUZZ_SEED`. Each library holds some of them and has a seed of its own, which a failure names.
 */

import { test } from "vitest";
import { thisCpu } from "../targets/run-kernels.ts";
import { cpuRunner } from "./cpu-runner.ts";
import { randomModels } from "./random-models.ts";
import { checkRandomPrograms, randomGraphs } from "./random-programs.ts";

const runs = Number(process.env.NNC_FUZZ_RUNS ?? 20_000);
const start = Number(process.env.NNC_FUZZ_SEED ?? Date.now() % 2 ** 30);

test.each([
  ["graphs", randomGraphs, runs, 25],
  ["models", randomModels, Math.ceil(runs / 5), 8],
] as const)(
  `%s of seed ${start}`,
  async (_, make, count, batch) => {
    for (let done = 0, seed = start; done < count; done += batch, seed++) {
      await checkRandomPrograms(make, cpuRunner(thisCpu()), seed, Math.min(batch, count - done));
    }
  },
  0,
);
