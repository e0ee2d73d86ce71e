/**
 * Random graphs that also read and add where data say, in loops and out of them, with their derivatives: as compiled C
 * on two threads and on simulated workgroups, against the interpreter. `NNC_FUZZ_RUNS` asks for more, from the seed
 * `NNC_FUZZ_SEED`.
 */

import fc from "fast-check";
import { test } from "vitest";
import { differentiate } from "../../compiler/autodiff/differentiate.ts";
import { inlineCalls } from "../../compiler/graph/calls.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import { printGraph } from "../../compiler/graph/print.ts";
import { pruneLoops } from "../../compiler/graph/prune-loops.ts";
import { canonicalise } from "../../compiler/optimize/canonicalise.ts";
import { simplify } from "../../compiler/optimize/simplify.ts";
import { type RandomGraph, randomGraph } from "../graph/random-graph.ts";
import { thisCpu } from "../targets/run-kernels.ts";
import { expectClose } from "./expect-close.ts";
import { type GraphOutcome, runGraph } from "./run-program.ts";
import { simulateGraph } from "./workgroup/simulate-graph.ts";
import { smallWorkgroups, wideSubgroup, wideWorkgroups } from "./workgroup/small-workgroups.ts";

const seed = Number(process.env.NNC_FUZZ_SEED ?? 20261125);
const numRuns = Number(process.env.NNC_FUZZ_RUNS ?? 8);
const graphs = fc.sample(randomGraph({ updates: true, loops: true }), { numRuns, seed });

/** As the passes make it, or with nothing simplified. */
function prepared({ context, graph }: RandomGraph, isSimple: boolean) {
  const canonical = isSimple ? canonicalise(context, graph) : graph;
  const whole = pruneLoops(context, inlineCalls(context, differentiate(context, canonical)));
  return isSimple ? simplify(context, whole) : whole;
}

test.each(graphs.map((graph, i) => [i, graph] as const))(
  `random graph %i of seed ${seed}`,
  async (i, random) => {
    const { context, leaf, n } = random;
    const graph = prepared(random, i % 2 === 1);
    const fusion = i % 3 > 0;
    const options = { fusion, seed: 7, batch: 3 };
    const wanted = interpret(graph, { n, leaf, ...options });
    const expectInterpreted = (outcome: Omit<GraphOutcome, "source">, where: string): void => {
      const what = `${where}, ${fusion ? "fused" : "unfused"}, N = ${n}\n${printGraph(graph)}\n`;
      for (const [name, data] of wanted.results) {
        expectClose(outcome.results.get(name)!, data, what + name);
      }
      for (const { target, data } of wanted.assignments) {
        const path = target.node.kind === "leaf" ? target.node.path : "";
        expectClose(outcome.assignments.get(path)!, data, what + path);
      }
    };
    const given = { context, graph, n, leaf };
    const onThreads = await runGraph(given, { cpu: thisCpu(), threads: 2, ...options });
    expectInterpreted(onThreads, "on the CPU");
    const small = smallWorkgroups({ threads: 64, sharedBytes: 8192 });
    expectInterpreted(simulateGraph(given, { target: small, ...options }), "by workgroups");
    const wide = wideWorkgroups({ threads: 64, sharedBytes: 16_384 });
    const simulated = simulateGraph(given, { target: wide, subgroup: wideSubgroup, ...options });
    expectInterpreted(simulated, "by wide workgroups");
  },
);
