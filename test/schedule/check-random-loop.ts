/** A random loop with its derivatives, as compiled C and on workgroups, against the interpreter. */

import { arch } from "node:process";
import { expect } from "vitest";
import { gradientsOf } from "../../compiler/autodiff/differentiate.ts";
import { graphNodes } from "../../compiler/graph/context.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import { printGraph } from "../../compiler/graph/print.ts";
import { pruneLoops } from "../../compiler/graph/prune-loops.ts";
import { canonicalise } from "../../compiler/optimize/canonicalise.ts";
import { hoistFromLoops } from "../../compiler/optimize/hoist-from-loops.ts";
import { simplify } from "../../compiler/optimize/simplify.ts";
import { baselineCpu } from "../../compiler/targets/cpu/description.ts";
import { randomLeaves, weighted } from "../autodiff/check-gradient.ts";
import { lowerSound } from "../semantics/lowering.ts";
import { loopModel, type RandomLoop } from "../semantics/random-loops.ts";
import { thisCpu } from "../targets/run-kernels.ts";
import { expectClose } from "./expect-close.ts";
import { runGraph } from "./run-program.ts";
import type { GraphCase } from "./schedule-case.ts";
import { simulateGraph } from "./workgroup/simulate-graph.ts";
import { smallWorkgroups } from "./workgroup/small-workgroups.ts";

/** Every row a task, so that threads share all that they can. */
const narrow = { ...baselineCpu(arch), launchSeconds: 0, taskSeconds: 0 };

/** The model's results and the derivatives of a weighted sum of them by all leaves, as trainers get them. */
function trained(loop: RandomLoop, isHoisted: boolean, n: number): GraphCase {
  const { predict, context } = lowerSound(loopModel(loop, loop.words));
  const stable = canonicalise(context, predict);
  const graph = isHoisted ? hoistFromLoops(context, stable) : stable;
  const loss = weighted(context, graph.results[0]!.value);
  const leaves = graphNodes(graph).flatMap((node) => (node.kind === "leaf" ? node.values : []));
  const gradients = [...gradientsOf(context, loss, leaves, graph.batchMax).values()];
  const results = gradients.map((value, i) => ({ name: `d${i}`, value }));
  const whole = pruneLoops(context, { ...graph, results: [...graph.results, ...results] });
  return { context, graph: simplify(context, whole), n, leaf: randomLeaves() };
}

/** The number decides what is hoisted, how many rows there are and which machine is compiled for. */
export async function checkRandomLoop(loop: RandomLoop, i: number): Promise<void> {
  const given = trained(loop, i % 2 === 0, 1 + (i % 3));
  const wanted = interpret(given.graph, given).results;
  const check = (results: ReadonlyMap<string, ArrayLike<number>>, how: string): void => {
    for (const [name, data] of wanted) {
      expectClose(results.get(name)!, data, `${how}\n${printGraph(given.graph)}\n${name}`);
    }
  };
  for (const fusion of [true, false]) {
    const what = fusion ? "fused" : "unfused";
    const cpu = i % 2 === 0 ? thisCpu() : narrow;
    const one = await runGraph(given, { cpu, fusion });
    check(one.results, what);
    expect(await runGraph(given, { cpu, fusion, threads: 2 }), what).toEqual(one);
    const target = smallWorkgroups({ threads: 64, sharedBytes: 8192 });
    check(simulateGraph(given, { target, fusion }).results, `workgroups, ${what}`);
  }
}
