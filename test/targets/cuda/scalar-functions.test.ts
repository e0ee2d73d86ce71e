/** Every row of the table of scalar functions as CUDA on the emulation, against its float64 evaluation. */

import { beforeAll, describe, expect, test } from "vitest";
import { scalarFunctionNames } from "../../../compiler/graph/scalar-functions.ts";
import { add, constant, multiply, symbol } from "../../../compiler/kernel/build.ts";
import { hasEmulation, needsEmulation } from "../../cuda/emulation.ts";
import { atEdges, expectAccurate, expectRightAtEdges, inDomain } from "../scalar-function-cases.ts";
import {
  evaluateAll,
  expectExactIntegers,
  type ScalarTarget,
  type Values,
} from "../scalar-function-programs.ts";
import { runKernels } from "./run-kernels.ts";

const threads = 64;
const target: ScalarTarget = {
  threads,
  element: add(multiply(symbol("task"), constant(threads)), symbol("thread")),
  flags: Uint8Array,
  run: async (program) => (await runKernels(program)).results,
};

describe.runIf(hasEmulation)(`scalar functions on emulated CUDA ${needsEmulation}`, () => {
  let inside: Values;
  let edges: Values;
  beforeAll(async () => {
    inside = await evaluateAll(target, inDomain, 1);
    edges = await evaluateAll(target, atEdges, 1);
  });

  test.each(scalarFunctionNames)("%s is as accurate as its row says", (fn) => {
    expectAccurate(fn, inside.get(fn)!);
  });

  test.each(scalarFunctionNames)("%s is right at the edges", (fn) => {
    expectRightAtEdges(fn, edges.get(fn)!);
  });

  test("vectors give the same bits", async () => {
    expect(await evaluateAll(target, atEdges, 4)).toEqual(edges);
  });

  test("integer rows wrap, floor and never trap", async () => {
    await expectExactIntegers(target, 1);
  });
});
