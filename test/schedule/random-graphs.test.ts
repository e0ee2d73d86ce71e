/** Random graphs as compiled C against the float64 interpreter: unfused and fused, one thread and two. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { differentiate } from "../../compiler/autodiff/differentiate.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import { printGraph } from "../../compiler/graph/print.ts";
import { type RandomGraph, randomGraph } from "../graph/random-graph.ts";
import { thisCpu } from "../targets/run-kernels.ts";
import { type GraphOutcome, runGraph } from "./run-graphs.ts";

const count = Number(process.env.NNC_RANDOM_GRAPHS ?? 24);
const seed = Number(process.env.NNC_SEED ?? 20261121);
const cpu = thisCpu();
const graphs = fc.sample(randomGraph({ updates: true }), { numRuns: count, seed });

function expectClose(actual: ArrayLike<number>, wanted: ArrayLike<number>, what: string): void {
  // A leaf that is a result itself may be given with more rows than the batch has.
  expect(actual.length, what).toBeLessThanOrEqual(wanted.length);
  for (let i = 0; i < actual.length; i++) {
    const error = Math.abs(actual[i]! - wanted[i]!);
    const bound = 2e-4 * Math.max(1, Math.abs(wanted[i]!));
    const isSame = Object.is(actual[i], wanted[i]) || error <= bound;
    expect(isSame, `${what}[${i}] is ${actual[i]}, not ${wanted[i]}`).toBe(true);
  }
}

function expectSame(actual: GraphOutcome, wanted: GraphOutcome, what: string): void {
  for (const part of ["results", "assignments"] as const) {
    expect(actual[part], `${what} ${part}`).toEqual(wanted[part]);
  }
}

async function check(random: RandomGraph, n: number): Promise<void> {
  const { context, leaf } = random;
  const graph = differentiate(context, random.graph);
  const options = { seed: 7, batch: 3 };
  const wanted = interpret(graph, { n, leaf, ...options });
  for (const fusion of [false, true]) {
    const one = await runGraph({ context, graph, n, leaf }, { cpu, fusion, ...options });
    const what = `${fusion ? "fused" : "unfused"}, N = ${n}\n${printGraph(graph)}\n`;
    for (const [name, data] of wanted.results)
      expectClose(one.results.get(name)!, data, what + name);
    for (const { target, data } of wanted.assignments) {
      const path = target.node.kind === "leaf" ? target.node.path : "";
      expectClose(one.assignments.get(path)!, data, what + path);
    }
    const two = await runGraph(
      { context, graph, n, leaf },
      { cpu, fusion, threads: 2, ...options },
    );
    expectSame(two, one, "two threads");
  }
}

test.each(graphs.map((graph, i) => [i, graph] as const))("random graph %i", async (_i, graph) => {
  await check(graph, graph.n);
  if (graph.n !== graph.graph.batchMax) await check(graph, graph.graph.batchMax);
});
