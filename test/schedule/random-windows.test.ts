/**
 * Sums over random windows as compiled C, fused and unfused, against the interpreter. `NNC_FUZZ_RUNS` asks for more of them,
 * from the seed `NNC_FUZZ_SEED`.
 */

import fc from "fast-check";
import { test } from "vitest";
import { thisCpu } from "../targets/run-kernels.ts";
import { checkRandomGraph } from "./check-random-graph.ts";
import { randomWindows } from "./random-windows.ts";

const seed = Number(process.env.NNC_FUZZ_SEED ?? 20261124);
const numRuns = Number(process.env.NNC_FUZZ_RUNS ?? 20);
const windows = fc.sample(randomWindows(), { numRuns, seed });
const cpu = thisCpu();

test.each(windows.map((random, i) => [i, random] as const))(
  `random windows %i of seed ${seed}`,
  (_i, random) => checkRandomGraph(random, cpu),
);
