/** Loads by index on every target, against the interpreter; on the CPU with the same bits on one thread and two. */

import { afterAll, describe, expect, test } from "vitest";
import { interpret } from "../../compiler/graph/interpret.ts";
import { verifyGraph } from "../../compiler/graph/verify.ts";
import { hasEmulation, needsEmulation } from "../cuda/emulation.ts";
import { missing, openDawn } from "../dawn.ts";
import { thisCpu } from "../targets/run-kernels.ts";
import { expectClose } from "./expect-close.ts";
import {
  gathersCase,
  lookupSizes,
  scattersCase,
  type UpdateName,
  updateCase,
} from "./gather-cases.ts";
import { runGraph } from "./run-program.ts";
import { type GraphCase, scheduleCase } from "./schedule-case.ts";
import { runOnCuda } from "./workgroup/run-cuda-graph.ts";
import { runOnWorkgroups } from "./workgroup/run-graph.ts";
import { simulateGraph } from "./workgroup/simulate-graph.ts";
import { smallWorkgroups, wideSubgroup, wideWorkgroups } from "./workgroup/small-workgroups.ts";

interface Outcome {
  readonly results: ReadonlyMap<string, ArrayLike<number>>;
  readonly assignments: ReadonlyMap<string, ArrayLike<number>>;
}

function expectInterpreted({ graph, n, leaf }: GraphCase, outcome: Outcome, what: string): void {
  const wanted = interpret(graph, { n, leaf });
  for (const [name, data] of wanted.results) {
    expectClose(outcome.results.get(name)!, data, `${what} ${name}`);
  }
  for (const { target, data } of wanted.assignments) {
    const path = target.node.kind === "leaf" ? target.node.path : "";
    expectClose(outcome.assignments.get(path)!, data, `${what} ${path}`);
  }
}

const cases: readonly (readonly [string, GraphCase])[] = lookupSizes.flatMap((sizes) => [
  [`gathers of ${JSON.stringify(sizes)}`, gathersCase(sizes)] as const,
  [`scatters of ${JSON.stringify(sizes)}`, scattersCase(sizes)] as const,
]);
const updates: readonly UpdateName[] = ["sgd", "adagrad", "momentum", "decay"];
const updateCases = updates.map(
  (update, at) => [update, updateCase(lookupSizes[at]!, update)] as const,
);

test.each(updateCases)("%s updates only what has a gradient if that is the same", (name, test) => {
  const { grouped } = scheduleCase(test, thisCpu(), true);
  const parts = grouped.groups.flatMap(({ scatter }) => scatter?.part ?? []);
  const isSparse = name === "sgd" || name === "adagrad";
  expect(parts).toEqual(isSparse ? ["links", "sums"] : ["zeros", "links", "sums"]);
  const sums = grouped.groups.find(({ scatter }) => scatter?.part === "sums");
  const written = isSparse ? test.graph.assignments.map(({ target }) => target) : [undefined];
  const stored = sums?.writes.map((value) => grouped.stored.get(value));
  expect(new Set(stored)).toEqual(new Set(written));
});

test.each(cases)("%s are verified", (_, { graph }) => verifyGraph(graph));

test.each([...cases, ...updateCases])("%s on the CPU", async (what, test) => {
  for (const fusion of [false, true]) {
    const one = await runGraph(test, { cpu: thisCpu(), fusion });
    expectInterpreted(test, one, what);
    const two = await runGraph(test, { cpu: thisCpu(), fusion, threads: 2 });
    expect(two.results).toEqual(one.results);
    expect(two.assignments).toEqual(one.assignments);
  }
});

test.each([...cases, ...updateCases])("%s by simulated workgroups", (what, test) => {
  for (const fusion of [false, true]) {
    const limits = { threads: 64, sharedBytes: 16_384 };
    expectInterpreted(test, simulateGraph(test, { target: smallWorkgroups(limits), fusion }), what);
    const wide = { target: wideWorkgroups(limits), subgroup: wideSubgroup };
    expectInterpreted(test, simulateGraph(test, { ...wide, fusion }), what);
  }
});

describe("on SwiftShader", async () => {
  const opened = await openDawn();
  afterAll(() => opened?.close());
  const skipped = opened === null ? `: ${missing}` : "";

  test.skipIf(opened === null).each([...cases.slice(0, 2), updateCases[1]!])(
    `%s${skipped}`,
    async (what, test) => {
      const outcome = await runOnWorkgroups(test, {
        opened: opened!,
        fusion: true,
        subgroups: false,
      });
      expectInterpreted(test, outcome, what);
    },
  );
});

test.skipIf(!hasEmulation).each([...cases.slice(0, 2), updateCases[1]!])(
  `%s as CUDA ${needsEmulation}`,
  async (what, test) => {
    expectInterpreted(test, await runOnCuda(test, { fusion: true, order: "shuffled" }), what);
  },
  60_000,
);
