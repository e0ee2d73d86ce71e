/** Every reducer over every type it takes, as compiled C against the interpreter. */

import { describe, expect, test } from "vitest";
import { axisAffine } from "../../compiler/graph/affine.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import { fixed } from "../../compiler/graph/extent.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import type { Graph } from "../../compiler/graph/node.ts";
import { thisCpu } from "../targets/run-kernels.ts";
import { expectReduced, reducerCases, reducerElement, reducersOfTypes } from "./reducer-cases.ts";
import { runGraph } from "./run-program.ts";

const cpu = thisCpu();
const batchMax = 9;

/** Windows of four numbers side by side, of which many are extreme. */
describe.each(["max", "min", "argmax", "argmin"] as const)(
  "%s of few extreme numbers",
  (reducer) => {
    test("is as in the interpreter", async () => {
      const context = new GraphContext();
      const [windows, columns] = [64, 5];
      const x = context.leaf("param", "x", "f32", [windows, 2, 2, columns].map(fixed));
      const { values } = context.compute({
        parallel: [fixed(windows), fixed(columns)],
        reduction: [fixed(2), fixed(2)],
        reducer,
        body: context.load(x, [0, 2, 3, 1].map(axisAffine)),
      });
      const results = values.map((value, i) => ({ name: `${i}`, value }));
      const graph: Graph = { name: "reduce", batchMax: 1, results, assignments: [] };
      const highest = 3.4028234663852886e38;
      const numbers = [NaN, Infinity, -Infinity, highest, -highest, 0, 1, -1];
      const leaf = () =>
        Float64Array.from(
          { length: 4 * windows * columns },
          (_, i) => numbers[(i * 7919 + (i >> 3)) % 8]!,
        );
      const wanted = interpret(graph, { n: 1, leaf });
      const actual = await runGraph({ context, graph, n: 1, leaf }, { cpu, fusion: true });
      for (const [name, data] of wanted.results)
        expect(Array.from(actual.results.get(name)!)).toEqual(Array.from(data));
    });
  },
);

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
