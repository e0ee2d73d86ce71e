/** One random graph on workgroups against the float64 interpreter: unfused and fused, without subgroups and with them. */

import { expect } from "vitest";
import { differentiate } from "../../../compiler/autodiff/differentiate.ts";
import { interpret } from "../../../compiler/graph/interpret.ts";
import { printGraph } from "../../../compiler/graph/print.ts";
import type { OpenedDevice } from "../../dawn.ts";
import type { RandomGraph } from "../../graph/random-graph.ts";
import { expectClose } from "../expect-close.ts";
import { excesses, runOnWorkgroups } from "./run-graph.ts";

export async function checkRandomGraph(
  random: RandomGraph,
  opened: OpenedDevice,
  n = random.n,
): Promise<void> {
  const { context, leaf } = random;
  const graph = differentiate(context, random.graph);
  const counters = { seed: 7, batch: 3 };
  const wanted = interpret(graph, { n, leaf, ...counters });
  const test = { context, graph, n, leaf };
  for (const fusion of [false, true]) {
    const what = `${fusion ? "fused" : "unfused"}, N = ${n}\n${printGraph(graph)}\n`;
    const run = (subgroups: boolean) =>
      runOnWorkgroups(test, { opened, fusion, subgroups, ...counters });
    const plain = await run(false);
    expect(excesses(plain.program), what).toEqual([]);
    for (const [name, data] of wanted.results) {
      expectClose(plain.results.get(name)!, data, what + name);
    }
    for (const { target, data } of wanted.assignments) {
      const path = target.node.kind === "leaf" ? target.node.path : "";
      expectClose(plain.assignments.get(path)!, data, what + path);
    }
    if (!opened.device.features.has("subgroups")) continue;
    const exchanged = await run(true);
    expect(exchanged.results, `results with subgroups ${what}`).toEqual(plain.results);
    expect(exchanged.assignments, `with subgroups ${what}`).toEqual(plain.assignments);
  }
}
