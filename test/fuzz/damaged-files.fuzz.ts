/** Damaged data files and checkpoints, ten thousand or `NNC_FUZZ_RUNS`, from the seed `NNC_FUZZ_SEED`. */

import { afterAll, beforeAll, test } from "vitest";
import { DamagedFiles } from "./damaged-files.ts";

const runs = Number(process.env.NNC_FUZZ_RUNS ?? 10_000);
const seed = Number(process.env.NNC_FUZZ_SEED ?? Date.now() % 2 ** 30);
const files = new DamagedFiles();

beforeAll(() => files.prepare());
afterAll(() => files.remove());

test(`${runs} damaged files of seed ${seed}`, async () => {
  await files.check(seed, runs);
}, 0);
