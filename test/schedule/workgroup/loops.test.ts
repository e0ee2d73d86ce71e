/**
 * Loops on workgroups against the interpreter: by the simulator, which finds races, on SwiftShader, and as CUDA on the
 * emulation.
 */

import { afterAll, describe, expect, test } from "vitest";
import { interpret } from "../../../compiler/graph/interpret.ts";
import { hasEmulation, needsEmulation } from "../../cuda/emulation.ts";
import { missing, openDawn } from "../../dawn.ts";
import { batchMax, type LoopCase, loopCases } from "../../graph/loop-cases.ts";
import { expectClose } from "../expect-close.ts";
import { runOnCuda } from "./run-cuda-graph.ts";
import { excesses, runOnWorkgroups } from "./run-graph.ts";
import { simulateGraph } from "./simulate-graph.ts";
import { smallWorkgroups, wideSubgroup, wideWorkgroups } from "./small-workgroups.ts";

interface Outcome {
  readonly results: ReadonlyMap<string, ArrayLike<number>>;
  readonly assignments: ReadonlyMap<string, ArrayLike<number>>;
}

function expectInterpreted({ graph, leaf }: LoopCase, n: number, outcome: Outcome): void {
  const wanted = interpret(graph, { n, leaf });
  for (const [name, data] of wanted.results) expectClose(outcome.results.get(name)!, data, name);
  for (const { target, data } of wanted.assignments) {
    const path = target.node.kind === "leaf" ? target.node.path : "";
    expectClose(outcome.assignments.get(path)!, data, path);
  }
}

describe.each(Object.entries(loopCases))("%s", async (name, make) => {
  const made = make();
  const opened = await openDawn();
  afterAll(() => opened?.close());
  const skipped = opened === null ? `: ${missing}` : "";

  test.each([true, false])("without races, fused %s", (fusion) => {
    const limits = { threads: 64, sharedBytes: 8192 };
    const n = batchMax - 1;
    const plain = simulateGraph({ ...made, n }, { target: smallWorkgroups(limits), fusion });
    expectInterpreted(made, n, plain);
    const wide = wideWorkgroups({ threads: 64, sharedBytes: 16_384 });
    const quick = simulateGraph({ ...made, n }, { target: wide, subgroup: wideSubgroup, fusion });
    expectInterpreted(made, n, quick);
  });

  test.skipIf(opened === null).each([1, batchMax])(
    `on SwiftShader, N = %i${skipped}`,
    async (n) => {
      for (const fusion of [true, false]) {
        const given = { ...made, n };
        const outcome = await runOnWorkgroups(given, { opened: opened!, fusion, subgroups: false });
        expect(excesses(outcome.program)).toEqual([]);
        expectInterpreted(made, n, outcome);
      }
    },
  );

  test.skipIf(!hasEmulation)(`as CUDA ${needsEmulation}`, async () => {
    const n = batchMax - 1;
    const outcome = await runOnCuda({ ...made, n }, { fusion: true, order: "shuffled" });
    expectInterpreted(made, n, outcome);
    const loops = Object.values(outcome.kernels.variant.loops).flat();
    expect(loops.some(({ whole }) => whole !== null)).toBe(true);
    // Between two meetings the order of blocks makes no difference, nor does it whether loops are one launch.
    const sanitized = name === "a loop in a loop";
    const others = [{ order: "reverse", sanitized }, { isCooperative: false }] as const;
    for (const other of others) {
      const { results, assignments } = await runOnCuda({ ...made, n }, { fusion: true, ...other });
      expect({ results, assignments }).toEqual({
        results: outcome.results,
        assignments: outcome.assignments,
      });
    }
  });
});
