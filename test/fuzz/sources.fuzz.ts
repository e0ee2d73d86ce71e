/** Mutated programs, ten thousand or `NNC_FUZZ_RUNS`, from the seed `NNC_FUZZ_SEED`, a hundred by a seed. */

import { expect, test } from "vitest";
import { checkMutatedSources } from "./mutated-sources.ts";

const BATCH = 100;
const runs = Number(process.env.NNC_FUZZ_RUNS ?? 10_000);
const seed = Number(process.env.NNC_FUZZ_SEED ?? Date.now() % 2 ** 30);

test(`${runs} mutated programs of seed ${seed}`, () => {
  for (let done = 0; done < runs; done += BATCH) {
    const { slowestMilliseconds } = checkMutatedSources(seed + done / BATCH, BATCH);
    expect(slowestMilliseconds, `seed ${seed + done / BATCH}`).toBeLessThan(20_000);
  }
}, 0);
