/** Keras' learning rate schedules: those of the library, as functions of the step number. */

import type { CaseProgram } from "../case-program.ts";
import type { RuleCase } from "../case-rules.ts";
import { namedArguments } from "./optimizers.ts";

export function kerasScheduleProgram({ op, config, inputs, outputs }: RuleCase): CaseProgram {
  const [steps] = inputs.keys();
  return {
    params: new Map(),
    inputs,
    statements: [],
    outputs: [...outputs].map(([name, shape]) => ({
      name,
      shape,
      expression: `${op}(${namedArguments(config)})(${steps})`,
    })),
  };
}
