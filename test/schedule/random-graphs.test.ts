/**
 * Random graphs as compiled C against the interpreter, on this machine's vectors and on narrower ones. More of
 * them run under `npm run fuzz`.
 */

import { arch } from "node:process";
import fc from "fast-check";
import { test } from "vitest";
import { baselineCpu } from "../../compiler/targets/cpu/description.ts";
import { randomGraph } from "../graph/random-graph.ts";
import { thisCpu } from "../targets/run-kernels.ts";
import { checkRandomGraph } from "./check-random-graph.ts";

const seed = 20261121;
const graphs = fc.sample(randomGraph({ updates: true }), { numRuns: 60, seed });
const cpu = thisCpu();

test.each(graphs.map((graph, i) => [i, graph] as const))(
  `random graph %i of seed ${seed}`,
  async (i, graph) => {
    await checkRandomGraph(graph, cpu);
    if (i % 4 === 0) await checkRandomGraph(graph, cpu, graph.graph.batchMax);
  },
);

const narrow = { ...baselineCpu(arch), launchSeconds: 0, taskSeconds: 0 };

test.each(graphs.slice(0, 12).map((graph, i) => [i, graph] as const))(
  `random graph %i of seed ${seed} on the baseline, each row a task`,
  async (_i, graph) => checkRandomGraph(graph, narrow),
);
