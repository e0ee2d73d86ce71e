/**
 * Every reducer over every type it takes, by workgroups: in rows that one thread, a few threads or all of a workgroup
 * share, in registers and in loops, with a batch that is not full and with literal rows; with subgroups of any size to
 * the same bits. Simulated throughout, and once on SwiftShader.
 */

import { afterAll, describe, expect, test } from "vitest";
import { GraphContext } from "../../../compiler/graph/context.ts";
import { batchExtent, type Extent, fixed } from "../../../compiler/graph/extent.ts";
import { interpret } from "../../../compiler/graph/interpret.ts";
import type { Graph } from "../../../compiler/graph/node.ts";
import { missing, openDawn } from "../../dawn.ts";
import { expectReduced, reducerCases, reducerElement, reducersOfTypes } from "../reducer-cases.ts";
import type { GraphCase } from "../schedule-case.ts";
import { excesses, runOnWorkgroups } from "./run-graph.ts";
import { simulateGraph } from "./simulate-graph.ts";
import { smallWorkgroups } from "./small-workgroups.ts";

interface Layout {
  readonly rows: Extent;
  readonly batchMax: number;
  readonly n: number;
  readonly sizes: readonly number[];
}

const layouts: { readonly [name: string]: Layout } = {
  "a batch that is not full": { rows: batchExtent, batchMax: 7, n: 5, sizes: [1, 37] },
  "columns of many rows": { rows: fixed(37), batchMax: 1, n: 1, sizes: [3] },
};

type Reduction = (typeof reducersOfTypes)[number];

function reductionCase(
  [reducer, dtype]: Reduction,
  { rows, batchMax, n, sizes }: Layout,
): GraphCase {
  const context = new GraphContext();
  const results = reducerCases(context, reducer, dtype, sizes, rows);
  const graph: Graph = { name: "reduce", batchMax, results, assignments: [] };
  const leaf = (_role: string, path: string) =>
    Float64Array.from({ length: 70 * Number(path.slice(1)) }, (_, i) =>
      reducerElement(dtype, path, i),
    );
  return { context, graph, n, leaf };
}

describe.each(reducersOfTypes)("%s of %s", (...reduction) => {
  test.each(Object.keys(layouts))("in %s", (layout) => {
    const graphCase = reductionCase(reduction, layouts[layout]!);
    const wanted = interpret(graphCase.graph, graphCase);
    const plain = simulateGraph(graphCase, { target: smallWorkgroups(), fusion: true });
    for (const [name, data] of wanted.results) expectReduced(plain.results.get(name)!, data, name);
    for (const subgroup of [4, 32]) {
      const target = smallWorkgroups({ subgroups: true });
      const exchanged = simulateGraph(graphCase, { target, fusion: true, subgroup });
      expect(exchanged, `subgroups of ${subgroup}`).toEqual(plain);
    }
  });
});

describe("on SwiftShader", async () => {
  const opened = await openDawn();
  afterAll(() => opened?.close());

  const onDevice = { rows: batchExtent, batchMax: 3, n: 2, sizes: [70] };
  test.skipIf(opened === null).each(reducersOfTypes)(
    `%s of %s${opened === null ? `: ${missing}` : ""}`,
    async (...reduction) => {
      const graphCase = reductionCase(reduction, onDevice);
      const wanted = interpret(graphCase.graph, graphCase);
      const subgroups = opened!.device.features.has("subgroups");
      const run = (withSubgroups: boolean) =>
        runOnWorkgroups(graphCase, { opened: opened!, fusion: true, subgroups: withSubgroups });
      const plain = await run(false);
      expect(excesses(plain.program)).toEqual([]);
      for (const [name, data] of wanted.results)
        expectReduced(plain.results.get(name)!, data, name);
      if (subgroups) expect((await run(true)).results).toEqual(plain.results);
    },
  );
});
