/** Normal draws on a device, in f32: the ends of the generator's range are finite and exact. */

import { expect, test } from "vitest";
import type { CaseProgram } from "../conformance/cases/case-program.ts";
import { cpuTarget } from "../conformance/cases/compiled-target.ts";

/** The smallest and the largest uniform number, and those around a half. */
const draws = [0, 1 - 2 ** -24, 0.5, 0.5 - 2 ** -24];

test("the ends of the uniform numbers stay inside (−1, 1)", async () => {
  const program: CaseProgram = {
    params: new Map(),
    inputs: new Map([["u", { dtype: "f32", shape: [draws.length], data: draws }]]),
    statements: [],
    outputs: [
      { name: "inside", expression: "between_ones(u)", shape: [draws.length] },
      { name: "normal", expression: "erfinv(between_ones(u))", shape: [draws.length] },
    ],
  };
  const { outputs } = await cpuTarget.run(program, []);
  const found = (name: string): number[] => Array.from(outputs.get(name)!).slice(0, draws.length);
  const end = 1 - 2 ** -24;
  expect(found("inside")).toEqual([-end, end, 2 ** -24, -(2 ** -24)]);
  expect(found("normal").every(Number.isFinite)).toBe(true);
});
