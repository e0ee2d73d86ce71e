/** Every reducer over every type it takes, as compiled C against the interpreter. */

import { describe, test } from "vitest";
import { GraphContext } from "../../compiler/graph/context.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import type { Graph } from "../../compiler/graph/node.ts";
import { thisCpu } from "../targets/run-kernels.ts";
import { expectReduced, reducerCases, reducerElement, reducersOfTypes } from "./reducer-cases.ts";
import { runGraph } from "./run-program.ts";

const cpu = thisCpu();
const batchMax = 9;

describe.each(reducersOfTypes)("%s of %s", (reducer, dtype) => {
  test.each([true, false])("fused: %s", async (fusion) => {
    const context = new GraphContext();
    const results = reducerCases(context, reducer, dtype, [1, 37]);
    const graph: Graph = { name: "reduce", batchMax, results, assignments: [] };
    const n = 5;
    const leaf = (_role: string, path: string) =>
      Float64Array.from({ length: batchMax * Number(path.slice(1)) }, (_, i) =>
        reducerElement(dtype, path, i),
      );
    const wanted = interpret(graph, { n, leaf });
    const actual = await runGraph({ context, graph, n, leaf }, { cpu, fusion });
    for (const [name, data] of wanted.results) expectReduced(actual.results.get(name)!, data, name);
  });
});
