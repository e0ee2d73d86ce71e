/** The figures that a trainer's self-test compares with, as part of its plan. */

import type { SelfTestCheck } from "../../runtime/plan.ts";
import { selfTestDataset } from "../../runtime/training/self-test.ts";
import type { CompiledProgram } from "../compiled-program.ts";
import { type Accuracy, accuracies, computeSelfTest, selfTestRanges } from "../self-test.ts";
import type { LoweredProgram } from "../semantics/program.ts";
import { instantiateProgram } from "../trainer/instantiate.ts";

/** Enough to see that rows are told apart; of two, normalising over the rows would leave only +1 and −1. */
const SELF_TEST_ROWS = 3;

/** Computes one small step of the model in the reference interpreter. */
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
    accuracyOf(program),
  );
  const selfTest = { ...figures, checks: checks.map(roundExpected) };
  return { ...program, plan: { ...plan, selfTest } };
}

function accuracyOf({ code }: CompiledProgram): Accuracy {
  if (code.target !== "wgsl") return accuracies[code.target];
  const usesHalves = code.program.kernels.some(({ requires }) => requires.includes("shader-f16"));
  return usesHalves ? accuracies.halves : accuracies.wgsl;
}

/** Nine digits say more than float32 has, and a trainer is to be small. */
function roundExpected(check: SelfTestCheck): SelfTestCheck {
  return { ...check, expected: check.expected.map((value) => Number(value.toPrecision(9))) };
}
