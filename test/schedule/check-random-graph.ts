/** One random graph as compiled C against the float64 interpreter: unfused and fused, one thread and two. */

import { expect } from "vitest";
import { differentiate } from "../../compiler/autodiff/differentiate.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import { printGraph } from "../../compiler/graph/print.ts";
import type { CpuDescription } from "../../compiler/targets/cpu/description.ts";
import type { RandomGraph } from "../graph/random-graph.ts";
import { testCache } from "../targets/run-kernels.ts";
import { expectClose } from "./expect-close.ts";
import { type GraphOutcome, runGraph } from "./run-program.ts";

export async function checkRandomGraph(
  random: RandomGraph,
  cpu: CpuDescription,
  n = random.n,
  cacheDirectory = testCache,
): Promise<void> {
  const { context, leaf } = random;
  const graph = differentiate(context, random.graph);
  const counters = { seed: 7, batch: 3 };
  const wanted = interpret(graph, { n, leaf, ...counters });
  for (const fusion of [false, true]) {
    const test = { context, graph, n, leaf };
    const one = await runGraph(test, { cpu, fusion, cacheDirectory, ...counters });
    const what = `${fusion ? "fused" : "unfused"}, N = ${n}\n${printGraph(graph)}\n`;
    for (const [name, data] of wanted.results) {
      expectClose(one.results.get(name)!, data, what + name);
    }
    for (const { target, data } of wanted.assignments) {
      const path = target.node.kind === "leaf" ? target.node.path : "";
      expectClose(one.assignments.get(path)!, data, what + path);
    }
    const two = await runGraph(test, {
      cpu,
      fusion,
      threads: 2,
      cacheDirectory,
      ...counters,
    });
    expectSame(two, one, `two threads ${what}`);
  }
}

function expectSame(actual: GraphOutcome, wanted: GraphOutcome, what: string): void {
  for (const part of ["results", "assignments"] as const) {
    expect(actual[part], `${what} ${part}`).toEqual(wanted[part]);
  }
}
