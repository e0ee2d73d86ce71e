/** A layer's configuration, as Keras' cases give it, in the words of the language. */

import { NotExpressible } from "../case-program.ts";

export function literal(value: unknown): string {
  if (value === null) return "none";
  if (typeof value === "string") return `"${value}"`;
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  throw new NotExpressible(`the argument ${JSON.stringify(value)}`);
}

export const argumentsOf = (config: readonly (readonly [string, unknown])[]): string =>
  config.map(([name, value]) => `${name} = ${literal(value)}`).join(", ");
