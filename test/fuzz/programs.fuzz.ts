/**
 * Random training programs, as many as one has time for: `NNC_FUZZ_RUNS`, from the seed `NNC_FUZZ_SEED`. Each library
 * holds 25 of them and has a seed of its own, which a failure names.
 */

import { test } from "vitest";
import { thisCpu } from "../targets/run-kernels.ts";
import { checkRandomPrograms } from "./random-programs.ts";

const BATCH = 25;
const runs = Number(process.env.NNC_FUZZ_RUNS ?? 20_000);
const seed = Number(process.env.NNC_FUZZ_SEED ?? Date.now() % 2 ** 30);

test(`${runs} random programs of seed ${seed}`, async () => {
  const cpu = thisCpu();
  for (let done = 0; done < runs; done += BATCH) {
    await checkRandomPrograms(seed + done / BATCH, Math.min(BATCH, runs - done), cpu);
  }
}, 0);
