/** What happens to the sums of tiles: short and long maps, dropout, optimizer updates, partial tiles and batches. */

import { describe, expect, test } from "vitest";
import { interpret } from "../../../compiler/graph/interpret.ts";
import { scheduleGroup } from "../../../compiler/schedule/schedule-group.ts";
import { describeCuda } from "../../../compiler/targets/cuda/description.ts";
import { describeWgsl } from "../../../compiler/targets/wgsl/description.ts";
import { hasEmulation, needsEmulation } from "../../cuda/emulation.ts";
import type { ProductCase } from "../contraction-cases.ts";
import { expectClose } from "../expect-close.ts";
import { pathOf } from "../schedule-case.ts";
import { adam, dense } from "./epilogue-cases.ts";
import { expectInterpreted } from "./expect-interpreted.ts";
import { runOnCuda } from "./run-cuda-graph.ts";
import { simulateGraph } from "./simulate-group.ts";

function check(
  { context, graph, n, leaf }: ProductCase,
  groups: readonly (readonly [string, number])[],
) {
  const wanted = interpret(graph, { n, leaf });
  const actual = simulateGraph({ context, graph, n, leaf }, describeWgsl(), scheduleGroup);
  expect(actual.groups.map(({ kind, stages }) => [kind, stages.length])).toEqual(groups);
  expectInterpreted(wanted, actual, 1e-5);
}

test.each([
  [20, 10, 5, 9],
  [7, 33, 4, 4],
])("a layer of %i to %i with dropout, N = %i of %i", (inputs, outputs, n, batchMax) => {
  check(
    dense(inputs, outputs, n, batchMax, (f, x) => f.call("maximum", f.number(0), x)),
    [["contraction", 3]],
  );
});

test("a long activation, in loops over the outputs", () => {
  check(
    dense(9, 20, 6, 10, (f, x) => f.multiply(x, f.call("erf", f.call("tanh", x)))),
    [["contraction", 3]],
  );
});

test.each([
  [17, 10, 5, 8],
  [64, 12, 20, 20],
  [9, 70, 1, 3],
])("Adam's update of w[%i, %i], N = %i of %i", (inputs, outputs, n, batchMax) => {
  check(adam(inputs, outputs, n, batchMax), [["contraction", 4]]);
});

describe.runIf(hasEmulation)(`through shared memory, as CUDA ${needsEmulation}`, () => {
  // For few multiprocessors tiles are so large that long epilogues are written once.
  const described = describeCuda();
  const target = { ...described, workgroup: { ...described.workgroup!, concurrency: 1 } };
  test.each<readonly [string, () => ProductCase]>([
    ["Adam's update", () => adam(132, 128, 20, 24)],
    ["Adam's update of odd columns", () => adam(65, 131, 7, 8)],
    [
      "a long activation",
      () => dense(20, 72, 100, 130, (f, x) => f.multiply(x, f.call("erf", f.call("tanh", x)))),
    ],
  ])("%s", async (_name, make) => {
    const made = make();
    const wanted = interpret(made.graph, made);
    const actual = await runOnCuda(made, { fusion: true, target, order: "shuffled" });
    expect(actual.kernels.source).toContain("staged");
    for (const [name, data] of wanted.results) expectClose(actual.results.get(name)!, data, name);
    for (const { target: to, data } of wanted.assignments) {
      expectClose(actual.assignments.get(pathOf(to))!, data, pathOf(to));
    }
  });
});
