/** Keras' learning rate schedules: those of the library, as functions of the step number. */

import type { Rule, RuleTable } from "../case-rules.ts";
import { namedArguments } from "./optimizers.ts";

const schedule: Rule = ({ op, config }) => ({
  statements: [],
  outputs: { lr: `${op}(${namedArguments(config)})(steps)` },
});

export const kerasScheduleRules: RuleTable = {
  ExponentialDecay: schedule,
  InverseTimeDecay: schedule,
  PolynomialDecay: schedule,
  CosineDecay: schedule,
  CosineDecayRestarts: schedule,
  PiecewiseConstantDecay: schedule,
};
