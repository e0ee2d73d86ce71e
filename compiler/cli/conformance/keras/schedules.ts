/** Keras' learning rate schedules, as functions of the step number. */

import { NotExpressible } from "../case-program.ts";
import { float, isSet, numberIn, type RuleCase, type RuleTable } from "../case-rules.ts";

const rate = (expression: string, statements: readonly string[] = []) => ({
  statements,
  outputs: { lr: expression },
});

const number = (c: RuleCase, key: string, otherwise?: number) => float(numberIn(c, key, otherwise));

const elapsed = (c: RuleCase): string => {
  const share = `(steps / ${number(c, "decay_steps")})`;
  return isSet(c, "staircase") ? `floor${share}` : share;
};

export const kerasScheduleRules: RuleTable = {
  ExponentialDecay: (c) =>
    rate(`${number(c, "initial_learning_rate")} * ${number(c, "decay_rate")} ^ ${elapsed(c)}`),
  InverseTimeDecay: (c) =>
    rate(
      `${number(c, "initial_learning_rate")} / (1 + ${number(c, "decay_rate")} * ${elapsed(c)})`,
    ),
  PolynomialDecay: (c) => {
    const decay = number(c, "decay_steps");
    const end = number(c, "end_learning_rate", 1e-4);
    const span = float(
      numberIn(c, "initial_learning_rate") - numberIn(c, "end_learning_rate", 1e-4),
    );
    const whole = isSet(c, "cycle")
      ? `${decay} * maximum(1.0, ceil(steps / ${decay}))`
      : `${decay} + 0.0 * steps`;
    return rate(
      `${span} * (1 - minimum(steps, whole) / whole) ^ ${number(c, "power", 1)} + ${end}`,
      [`whole = ${whole}`],
    );
  },
  CosineDecay: (c) => {
    const alpha = numberIn(c, "alpha", 0);
    const warm = typeof c.config.warmup_steps === "number" ? numberIn(c, "warmup_steps") : 0;
    const start = numberIn(c, "initial_learning_rate");
    const target =
      typeof c.config.warmup_target === "number" ? numberIn(c, "warmup_target") : undefined;
    const peak = target ?? start;
    const share = `clip((steps - ${float(target === undefined ? 0 : warm)}) / ${number(c, "decay_steps")}, 0.0, 1.0)`;
    const cosine = `0.5 * (1 + cos(3.141592653589793 * ${share}))`;
    const decayed = `${float(peak)} * (${float(1 - alpha)} * ${cosine} + ${float(alpha)})`;
    if (target === undefined) return rate(decayed);
    const warming = `${float(start)} + ${float(target - start)} * steps / ${float(warm)}`;
    return rate(`if steps < ${float(warm)} then ${warming} else ${decayed}`);
  },
  // Periods grow by t_mul, and each starts from m_mul times the rate of the one before.
  CosineDecayRestarts: (c) => {
    const [grow, fade] = [numberIn(c, "t_mul", 2), numberIn(c, "m_mul", 1)];
    const alpha = numberIn(c, "alpha", 0);
    const share = `(steps / ${number(c, "first_decay_steps")})`;
    const restarts =
      grow === 1
        ? `floor${share}`
        : `floor(log(1 - ${share} * ${float(1 - grow)}) / ${float(Math.log(grow))})`;
    const before = grow === 1 ? "restarts" : `(1 - ${float(grow)} ^ restarts) / ${float(1 - grow)}`;
    const within = `(${share} - ${before}) / ${float(grow)} ^ restarts`;
    const cosine = `0.5 * ${float(fade)} ^ restarts * (1 + cos(3.141592653589793 * (${within})))`;
    const decayed = `(${float(1 - alpha)} * ${cosine} + ${float(alpha)})`;
    return rate(`${number(c, "initial_learning_rate")} * ${decayed}`, [`restarts = ${restarts}`]);
  },
  PiecewiseConstantDecay: (c) => {
    const { boundaries, values } = c.config as { boundaries: number[]; values: number[] };
    if (!Array.isArray(boundaries) || !Array.isArray(values)) {
      throw new NotExpressible("a schedule without boundaries and values");
    }
    const pieces = boundaries.reduceRight(
      (rest, boundary, i) =>
        `(if steps <= ${float(boundary)} then ${float(values[i]!)} else ${rest})`,
      float(values.at(-1)!),
    );
    return rate(pieces);
  },
};
