/** The figures that a trainer's self-test compares with, as part of its plan. */

import type { SelfTestCheck } from "../../runtime/plan.ts";
import { selfTestDataset } from "../../runtime/training/self-test.ts";
import type { CompiledProgram } from "../compiled-program.ts";
import { computeSelfTest, selfTestRanges } from "../self-test.ts";
import type { Precision } from "../semantics/precision.ts";
import type { LoweredProgram } from "../semantics/program.ts";
import { instantiateProgram } from "../trainer/instantiate.ts";

/** Enough to see that rows are told apart; of two, normalising over the rows would leave only +1 and −1. */
const SELF_TEST_ROWS = 3;

/** Computes one small step of the model in float64. */
export function withSelfTest(program: CompiledProgram, lowered: LoweredProgram): CompiledProgram {
  const definition = instantiateProgram(program);
  const { plan } = definition;
  const seed = plan.training?.seed ?? 0;
  const rows = Math.min(SELF_TEST_ROWS, plan.batchMax);
  const test = { seed, rows, ranges: selfTestRanges(lowered) };
  const dataset = selfTestDataset(plan.columns, { ...test, checks: [] });
  const columns = new Map([...dataset.columns].map(([name, { data }]) => [name, data]));
  const { checks, ...figures } = computeSelfTest(
    lowered,
    definition,
    { ...test, columns },
    precisionOf(program, lowered),
  );
  const selfTest = { ...figures, checks: checks.map(roundExpected) };
  return { ...program, plan: { ...plan, selfTest } };
}

/** To what the kernels round operands of products. */
function precisionOf({ code }: CompiledProgram, { precision }: LoweredProgram): Precision {
  switch (code.target) {
    case "cpu":
      return "f32";
    case "wgsl": {
      const { kernels } = code.program;
      return kernels.some(({ requires }) => requires.includes("shader-f16")) ? "f16" : "f32";
    }
    case "cuda":
      return precision;
  }
}

/** Nine digits say more than float32 has, and a trainer is to be small. */
function roundExpected(check: SelfTestCheck): SelfTestCheck {
  return { ...check, expected: check.expected.map((value) => Number(value.toPrecision(9))) };
}
