/** Keras' optimizers, by the names and arguments that the standard library has from Keras. */

import { NotExpressible } from "../case-program.ts";
import { literal } from "./literal.ts";

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

/** What counts iterations of a loop, and so is no quantity. */
const counts: ReadonlySet<string> = new Set(["ns_steps"]);

/** Arguments by name. */
export function namedArguments(config: Config): string {
  return Object.entries(config)
    .filter(([key]) => key !== "name")
    .map(([key, value]) => `${aliases[key] ?? key} = ${literal(value, !counts.has(key))}`)
    .join(", ");
}

/** Arguments of optimizers around others; all others are those of what is inside. */
const wrapperArguments: Readonly<Record<string, ReadonlySet<string>>> = {
  LossScaleOptimizer: new Set(["initial_scale", "dynamic_growth_steps"]),
};

/** `SGD(learning_rate = 0.5, momentum = 0.9)`, as a user would write it; `LossScaleOptimizer(SGD)` is one around one. */
export function kerasOptimizer(name: string, config: Config): OptimizerUse {
  const [, outer = name, named] = /^(\w+)\((\w+)\)$/.exec(name) ?? [];
  const ofOuter = wrapperArguments[outer];
  if (ofOuter === undefined) return { optimizer: `${name}(${namedArguments(config)})` };
  const { inner_optimizer: given, ...others } = config;
  const inner = named ?? given;
  const part = (isOuter: boolean) =>
    namedArguments(
      Object.fromEntries(Object.entries(others).filter(([key]) => ofOuter.has(key) === isOuter)),
    );
  if (inner === undefined) throw new NotExpressible(`${name} without an optimizer inside`);
  const made = typeof inner === "string" ? `${inner}(${part(false)})` : literal(inner, true);
  return { optimizer: `${outer}(${[made, part(true)].filter((text) => text !== "").join(", ")})` };
}
