/** Keras' optimizers, by the names and arguments that the standard library has from Keras. */

import { NotExpressible } from "../case-program.ts";
import { float } from "../case-rules.ts";

type Config = Readonly<Record<string, unknown>>;

export interface OptimizerUse {
  readonly optimizer: string;
}

/** What the cases call by shorter names. */
const aliases: Readonly<Record<string, string>> = {
  l1: "l1_regularization_strength",
  l2: "l2_regularization_strength",
  l2_shrinkage: "l2_shrinkage_regularization_strength",
};

/** A static value as the language writes it. */
export function literal(value: unknown): string {
  if (typeof value === "number") return float(value);
  if (typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  throw new NotExpressible(`the argument ${JSON.stringify(value)}`);
}

/** Arguments by name, without those that are not given. */
export function namedArguments(config: Config): string {
  return Object.entries(config)
    .filter(([, value]) => value !== null)
    .map(([key, value]) => `${aliases[key] ?? key} = ${literal(value)}`)
    .join(", ");
}

/** `SGD(learning_rate = 0.5, momentum = 0.9)`, as a user would write it. */
export function kerasOptimizer(name: string, config: Config): OptimizerUse {
  return { optimizer: `${name}(${namedArguments(config)})` };
}
