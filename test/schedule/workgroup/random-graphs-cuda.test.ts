/**
 * Random graphs as CUDA on the emulation, against the interpreter, where address sanitizer sees every access; in both
 * orders of threads, whose bits are the same. `NNC_FUZZ_RUNS` asks for more, from the seed `NNC_FUZZ_SEED`.
 */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { differentiate } from "../../../compiler/autodiff/differentiate.ts";
import { interpret } from "../../../compiler/graph/interpret.ts";
import { printGraph } from "../../../compiler/graph/print.ts";
import { hasEmulation, needsEmulation } from "../../cuda/emulation.ts";
import { randomGraph } from "../../graph/random-graph.ts";
import { expectClose } from "../expect-close.ts";
import { runOnCuda } from "./run-cuda-graph.ts";

const seed = Number(process.env.NNC_FUZZ_SEED ?? 20261422);
const count = Number(process.env.NNC_FUZZ_RUNS ?? 4);
const graphs = fc.sample(randomGraph({ updates: true }), { numRuns: count, seed });
const counters = { seed: 7, batch: 3 };

describe.runIf(hasEmulation)(`on emulated CUDA ${needsEmulation}`, () => {
  test.each(graphs.map((graph, i) => [i, graph] as const))(
    `random graph %i of seed ${seed}`,
    async (i, { context, graph, leaf, n }) => {
      const test = { context, graph: differentiate(context, graph), n, leaf };
      const wanted = interpret(test.graph, { ...test, ...counters });
      const fusion = i % 2 === 0;
      const what = `${fusion ? "fused" : "unfused"}, N = ${n}\n${printGraph(test.graph)}\n`;
      const options = { fusion, sanitized: true, ...counters };
      const forward = await runOnCuda(test, { ...options, order: "forward" });
      for (const [name, data] of wanted.results) {
        expectClose(forward.results.get(name)!, data, what + name);
      }
      for (const { target, data } of wanted.assignments) {
        const path = target.node.kind === "leaf" ? target.node.path : "";
        expectClose(forward.assignments.get(path)!, data, what + path);
      }
      const reverse = await runOnCuda(test, { ...options, order: "reverse" });
      expect(reverse.results, what).toEqual(forward.results);
      expect(reverse.assignments, what).toEqual(forward.assignments);
    },
  );
});
