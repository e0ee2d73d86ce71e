/** Every row of the table of scalar functions as WGSL on SwiftShader, against its float64 evaluation. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { scalarFunctionNames } from "../../../compiler/graph/scalar-functions.ts";
import { add, constant, multiply, symbol } from "../../../compiler/kernel/build.ts";
import { missing, openDawn } from "../../dawn.ts";
import { atEdges, expectAccurate, expectRightAtEdges, inDomain } from "../scalar-function-cases.ts";
import {
  evaluateAll,
  expectExactIntegers,
  type ScalarTarget,
  type Values,
} from "../scalar-function-programs.ts";
import { runKernels } from "./run-kernels.ts";

const opened = await openDawn();
if (opened === null) console.log(`[SKIP] scalar functions as WGSL: ${missing}`);
afterAll(() => opened?.close());

const threads = 64;
const target: ScalarTarget = {
  threads,
  element: add(multiply(symbol("task"), constant(threads)), symbol("thread")),
  flags: Uint32Array,
  run: async (program) => (await runKernels({ ...program, opened: opened! }))!.results,
};

describe.skipIf(opened === null)("scalar functions on SwiftShader", () => {
  let inside: Values;
  let edges: Values;
  beforeAll(async () => {
    inside = await evaluateAll(target, inDomain, 1);
    edges = await evaluateAll(target, atEdges, 1);
  });

  const exactOnes = scalarFunctionNames.filter((fn) => fn !== "fma");
  test.each(exactOnes)("%s is as accurate as its row says", (fn) => {
    expectAccurate(fn, inside.get(fn)!);
  });

  test("fma rounds once or twice, as the device likes", () => {
    inside.get("fma")!.forEach((value, i) => {
      const [a, b, c] = [0, 1, 2].map((k) => inDomain("fma", k, i)) as [number, number, number];
      const error = Math.abs(value - (a * b + c));
      expect(error).toBeLessThanOrEqual(2 ** -23 * (Math.abs(a * b) + Math.abs(c)));
    });
  });

  test.each(scalarFunctionNames)("%s is right at the edges", (fn) => {
    expectRightAtEdges(fn, edges.get(fn)!, true);
  });

  test("integer rows wrap, floor and never trap", async () => {
    await expectExactIntegers(target, 1);
  });
});
