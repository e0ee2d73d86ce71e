/**
 * Every row of the table of scalar functions as compiled C, against its float64 evaluation: within the error
 * that the row allows, at all widths of vectors with the same bits, and right at the edges of its domain.
 */

import { describe, expect, test } from "vitest";
import { scalarFunctionNames } from "../../compiler/graph/scalar-functions.ts";
import { symbol } from "../../compiler/kernel/build.ts";
import { runKernels } from "./run-kernels.ts";
import { atEdges, expectAccurate, expectRightAtEdges, inDomain } from "./scalar-function-cases.ts";
import {
  evaluateAll,
  expectExactIntegers,
  type ScalarTarget,
  type Values,
} from "./scalar-function-programs.ts";

const target: ScalarTarget = {
  threads: 1,
  element: symbol("task"),
  flags: Uint8Array,
  run: async (program) => (await runKernels(program)).results,
};

const widths = [1, 4, 8, 16];

describe("scalar functions in C", async () => {
  const inside = new Map<number, Values>();
  const edges = new Map<number, Values>();
  for (const lanes of widths) {
    inside.set(lanes, await evaluateAll(target, inDomain, lanes));
    edges.set(lanes, await evaluateAll(target, atEdges, lanes));
  }

  test.each(scalarFunctionNames)("%s is as accurate as its row says", (fn) => {
    expectAccurate(fn, inside.get(16)!.get(fn)!);
  });

  test.each(scalarFunctionNames)("%s has the same bits at every width", (fn) => {
    for (const lanes of widths) {
      expect(inside.get(lanes)!.get(fn)).toEqual(inside.get(1)!.get(fn));
      expect(edges.get(lanes)!.get(fn)).toEqual(edges.get(1)!.get(fn));
    }
  });

  test.each(scalarFunctionNames)("%s is right at the edges", (fn) => {
    expectRightAtEdges(fn, edges.get(16)!.get(fn)!);
  });
});

test.each(widths)("integer rows wrap, floor and never trap, %i at a time", async (lanes) => {
  await expectExactIntegers(target, lanes);
});
