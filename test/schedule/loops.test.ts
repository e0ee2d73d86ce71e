/** Loops as compiled C against the interpreter: fused and unfused, partial batches, one thread and two. */

import { arch } from "node:process";
import { describe, expect, test } from "vitest";
import { interpret } from "../../compiler/graph/interpret.ts";
import { findFaults } from "../../compiler/graph/verify.ts";
import { baselineCpu } from "../../compiler/targets/cpu/description.ts";
import { batchMax, loopCases } from "../graph/loop-cases.ts";
import { thisCpu } from "../targets/run-kernels.ts";
import { expectClose } from "./expect-close.ts";
import { runGraph } from "./run-program.ts";

/** Every row a task, so that threads share all that they can. */
const narrow = { ...baselineCpu(arch), launchSeconds: 0, taskSeconds: 0 };

describe.each(Object.entries(loopCases))("%s", (_name, make) => {
  const { context, graph, leaf } = make();

  test("is a valid graph", () => {
    expect(findFaults(graph)).toEqual([]);
  });

  test.each([
    [1, true, thisCpu()],
    [batchMax, true, narrow],
    [batchMax - 1, false, narrow],
    [batchMax - 1, true, thisCpu()],
  ] as const)("N = %i, fused %s", async (n, fusion, cpu) => {
    const wanted = interpret(graph, { n, leaf });
    const one = await runGraph({ context, graph, n, leaf }, { cpu, fusion });
    for (const [name, data] of wanted.results) expectClose(one.results.get(name)!, data, name);
    for (const { target, data } of wanted.assignments) {
      const path = target.node.kind === "leaf" ? target.node.path : "";
      expectClose(one.assignments.get(path)!, data, path);
    }
    const two = await runGraph({ context, graph, n, leaf }, { cpu, fusion, threads: 2 });
    expect(two).toEqual(one);
  });
});
