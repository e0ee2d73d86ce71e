/** Random graphs as compiled C, as many as one has time for: `NNC_FUZZ_RUNS`, from the seed `NNC_FUZZ_SEED`. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { test } from "vitest";
import { randomGraph } from "../graph/random-graph.ts";
import { thisCpu } from "../targets/run-kernels.ts";
import { checkRandomGraph } from "./check-random-graph.ts";

const runs = Number(process.env.NNC_FUZZ_RUNS ?? 20_000);
const seed = Number(process.env.NNC_FUZZ_SEED ?? Date.now() % 2 ** 31);
const cpu = thisCpu();

test(`${runs} random graphs of seed ${seed}`, async () => {
  const property = fc.asyncProperty(
    randomGraph({ updates: true, maxSteps: 12 }),
    fc.boolean(),
    async (graph, isWhole) => {
      const cache = await mkdtemp(join(tmpdir(), "nnc-fuzz-"));
      try {
        await checkRandomGraph(graph, cpu, isWhole ? graph.graph.batchMax : graph.n, cache);
      } finally {
        await rm(cache, { recursive: true, force: true });
      }
    },
  );
  await fc.assert(property, { numRuns: runs, seed });
}, 0);
