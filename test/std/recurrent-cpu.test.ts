/** Recurrent layers trained by compiled kernels, as the interpreter trains them. */

import { expect, test } from "vitest";
import type { CaseProgram } from "../conformance/cases/case-program.ts";
import { cpuTarget } from "../conformance/cases/compiled-target.ts";
import { interpreterTarget } from "../conformance/cases/interpreter-target.ts";
import { numbers } from "./recurrent-reference.ts";

const tensor = (shape: readonly number[], data: readonly number[]) => ({
  dtype: "f32" as const,
  shape,
  data,
});

test.each([
  "LSTM(2, stateful = true, return_sequences = true)(with_mask(x * scale, x[:, :, 0] > -0.5))",
  'Bidirectional(GRU(3, reset_after = false), merge_mode = "mul")(x * scale)',
])("%s", async (expression) => {
  const program: CaseProgram = {
    params: new Map([["scale", tensor([2], [1, 0.5])]]),
    inputs: new Map([["x", tensor([3, 4, 2], numbers(24, 1))]]),
    statements: [`y = ${expression}`],
    outputs: [{ name: "loss", expression: "sum(y^2)", shape: [], cotangent: tensor([], [1]) }],
    optimizer: "SGD(0.1)",
  };
  const steps = [{}, {}, {}];
  const exact = await interpreterTarget.run(program, steps);
  const compiled = await cpuTarget.run(program, steps);
  const [wanted, found] = [exact.steps.at(-1)!, compiled.steps.at(-1)!];
  expect([...found.keys()].sort()).toEqual([...wanted.keys()].sort());
  for (const [path, values] of wanted) {
    const difference = Array.from(values, (value, i) => Math.abs(value - found.get(path)![i]!));
    expect(Math.max(...difference), path).toBeLessThan(1e-5);
  }
});
