/**
 * One random graph on workgroups against the float64 interpreter: unfused and fused, without subgroups and with them,
 * simulated or on a device.
 */

import { expect } from "vitest";
import { differentiate } from "../../../compiler/autodiff/differentiate.ts";
import { interpret } from "../../../compiler/graph/interpret.ts";
import { printGraph } from "../../../compiler/graph/print.ts";
import type { OpenedDevice } from "../../dawn.ts";
import type { RandomGraph } from "../../graph/random-graph.ts";
import { expectClose } from "../expect-close.ts";
import type { GraphCase } from "../schedule-case.ts";
import { runOnCuda } from "./run-cuda-graph.ts";
import { excesses, runOnWorkgroups } from "./run-graph.ts";
import { simulateGraph } from "./simulate-graph.ts";
import { smallWorkgroups, wideSubgroup, wideWorkgroups } from "./small-workgroups.ts";

const counters = { seed: 7, batch: 3 };

interface Outcome {
  readonly results: ReadonlyMap<string, ArrayLike<number>>;
  readonly assignments: ReadonlyMap<string, ArrayLike<number>>;
}

function trainingCase({ context, graph, leaf }: RandomGraph, n: number): GraphCase {
  return { context, graph: differentiate(context, graph), n, leaf };
}

function describeRun({ graph, n }: GraphCase, fusion: boolean): string {
  return `${fusion ? "fused" : "unfused"}, N = ${n}\n${printGraph(graph)}\n`;
}

function expectInterpreted(test: GraphCase, outcome: Outcome, what: string): void {
  const wanted = interpret(test.graph, { ...test, ...counters });
  for (const [name, data] of wanted.results) {
    expectClose(outcome.results.get(name)!, data, what + name);
  }
  for (const { target, data } of wanted.assignments) {
    const path = target.node.kind === "leaf" ? target.node.path : "";
    expectClose(outcome.assignments.get(path)!, data, what + path);
  }
}

/** By the simulator, which finds races and undefined values as well. */
export function simulateRandomGraph(random: RandomGraph, n = random.n): void {
  const test = trainingCase(random, n);
  const limits = { threads: 64, sharedBytes: 8192 };
  for (const fusion of [false, true]) {
    const what = describeRun(test, fusion);
    const plain = simulateGraph(test, { target: smallWorkgroups(limits), fusion, ...counters });
    expectInterpreted(test, plain, what);
    const target = smallWorkgroups({ ...limits, subgroups: true });
    const exchanged = simulateGraph(test, { target, subgroup: 4, fusion, ...counters });
    expect(exchanged, `with subgroups ${what}`).toEqual(plain);
    const wide = {
      target: wideWorkgroups({ threads: 64, sharedBytes: 16_384 }),
      subgroup: wideSubgroup,
    };
    expectInterpreted(test, simulateGraph(test, { ...wide, fusion, ...counters }), `wide ${what}`);
  }
}

/** As CUDA on the emulation, threads in an order that is not theirs. */
export async function emulateRandomGraph(random: RandomGraph): Promise<void> {
  const test = trainingCase(random, random.n);
  for (const fusion of [false, true]) {
    const outcome = await runOnCuda(test, { fusion, order: "shuffled", ...counters });
    expectInterpreted(test, outcome, describeRun(test, fusion));
  }
}

export async function runRandomGraph(random: RandomGraph, opened: OpenedDevice): Promise<void> {
  const test = trainingCase(random, random.n);
  for (const fusion of [false, true]) {
    const what = describeRun(test, fusion);
    const run = (subgroups: boolean) =>
      runOnWorkgroups(test, { opened, fusion, subgroups, ...counters });
    const plain = await run(false);
    expect(excesses(plain.program), what).toEqual([]);
    expectInterpreted(test, plain, what);
    if (!opened.device.features.has("subgroups")) continue;
    const exchanged = await run(true);
    expect(exchanged.results, `results with subgroups ${what}`).toEqual(plain.results);
    expect(exchanged.assignments, `with subgroups ${what}`).toEqual(plain.assignments);
  }
}
