/**
 * Random graphs on workgroups against the interpreter: simulated, where races show, and a few as WGSL on SwiftShader,
 * within the limits that every device has, and as CUDA on the emulation. `NNC_FUZZ_RUNS` asks for more, from the seed `NNC_FUZZ_SEED`.
 */

import fc from "fast-check";
import { afterAll, describe, test } from "vitest";
import { hasEmulation, needsEmulation } from "../../cuda/emulation.ts";
import { missing, openDawn } from "../../dawn.ts";
import { randomGraph } from "../../graph/random-graph.ts";
import { emulateRandomGraph, runRandomGraph, simulateRandomGraph } from "./check-random-graph.ts";

const seed = Number(process.env.NNC_FUZZ_SEED ?? 20261122);
const asked = process.env.NNC_FUZZ_RUNS;
const simulated = Number(asked ?? 40);
const onDevice = asked === undefined ? 4 : Math.ceil(Number(asked) / 10);
const graphs = fc.sample(randomGraph({ updates: true }), { numRuns: simulated, seed });
const cases = graphs.map((graph, i) => [i, graph] as const);

test.each(cases)(`random graph %i of seed ${seed}, simulated`, (i, graph) => {
  simulateRandomGraph(graph);
  if (i % 4 === 0) simulateRandomGraph(graph, graph.graph.batchMax);
});

describe("on SwiftShader", async () => {
  const opened = await openDawn();
  afterAll(() => opened?.close());
  const skipped = opened === null ? `: ${missing}` : "";

  test.skipIf(opened === null).each(cases.slice(0, onDevice))(
    `random graph %i of seed ${seed}${skipped}`,
    async (_i, graph) => runRandomGraph(graph, opened!),
  );
});

test.skipIf(!hasEmulation).each(cases.slice(0, onDevice))(
  `random graph %i of seed ${seed} as CUDA ${needsEmulation}`,
  async (_i, graph) => emulateRandomGraph(graph),
  60_000,
);
