/** Functions of the epoch that a callback calls while training: compiled as step scalars are, for JavaScript. */

import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import type { Graph } from "../graph/node.ts";
import { callValue } from "./calls.ts";
import type { ScheduleLowering } from "./named-arguments.ts";
import { type Environment, report } from "./session.ts";
import { singleNumber } from "./single-number.ts";
import { describe, tensorValue, type Value } from "./values.ts";

/** Lowers schedules into `graphs`: of the epoch, counted from 0, or of the epoch and the learning rate before it. */
export function scheduleLowering(env: Environment, graphs: Graph[]): ScheduleLowering {
  return (value: Value, span: Span) => {
    const { context, batchMax } = env.session;
    const isMade = value.kind === "function" && value.config !== null;
    if (!isMade) {
      const values = {
        what: "`schedule`",
        expected: "a function of the epoch",
        found: describe(value),
      };
      if (value.kind !== "error") report(env, diagnostics.wrongType(span, values));
      return undefined;
    }
    const numbers = [
      tensorValue(context.leaf("counter", "batch", "f32", [])),
      tensorValue(context.leaf("hyper", "learning_rate", "f32", [])),
    ].slice(0, value.declaration.parameters.length);
    const args = numbers.map((number) => ({ name: null, value: number, span }));
    const result = singleNumber(env, callValue(value, args, span, env), {
      what: "the learning rate of an epoch",
      span,
    });
    if (result === undefined) return undefined;
    const name = `schedule_${graphs.length}`;
    graphs.push({ name, batchMax, results: [{ name: "0", value: result }], assignments: [] });
    return name;
  };
}
