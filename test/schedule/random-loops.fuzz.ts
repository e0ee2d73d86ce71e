/** Random loops as `random-loops.test.ts` has them, `NNC_FUZZ_RUNS` of them, from the seed `NNC_FUZZ_SEED`. */

import { env } from "node:process";
import fc from "fast-check";
import { test } from "vitest";
import { randomLoop } from "../semantics/random-loops.ts";
import { checkRandomLoop } from "./check-random-loop.ts";

const seed = Number(env.NNC_FUZZ_SEED ?? Date.now() % 2 ** 31);
const numRuns = Number(env.NNC_FUZZ_RUNS ?? 500);
const loops = fc.sample(randomLoop, { numRuns, seed }).map((loop, i) => [i, loop] as const);

test.each(loops)(
  `random loop %i of seed ${seed}`,
  async (i, loop) => checkRandomLoop(loop, i),
  120_000,
);
