/** Values of configurations as the language writes them. */

import { NotExpressible } from "../case-program.ts";

type Entries = Readonly<Record<string, unknown>>;

/** `none`, `true`, `0.5`, `"sum"`, `[1, 2]`; a number may have to be a float. */
export function literal(value: unknown, isFloat = false): string {
  if (value === null || value === undefined) return "none";
  if (typeof value === "boolean") return String(value);
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number") {
    const text = String(value);
    return isFloat && !/[.e]/.test(text) ? `${text}.0` : text;
  }
  if (Array.isArray(value)) return `[${value.map((item) => literal(item, isFloat)).join(", ")}]`;
  if (typeof value === "object") return entriesLiteral(value as Entries, isFloat);
  throw new NotExpressible(`the argument ${JSON.stringify(value)}`);
}

/** An object that Keras serialized, `{ class_name, config }` or `{ Name: config }`, is made; others are pairs. */
function entriesLiteral(value: Entries, isFloat: boolean): string {
  const entries = Object.entries(value);
  const [only] = entries;
  const made =
    typeof value.class_name === "string"
      ? ([value.class_name, value.config ?? {}] as const)
      : entries.length === 1 && /^[A-Z]/.test(only![0])
        ? only!
        : undefined;
  if (made === undefined) return literal(entries, isFloat);
  const given = Object.entries(made[1] as Entries).filter(([key]) => key !== "name");
  return `${made[0]}(${given.map(([key, item]) => `${key} = ${literal(item, isFloat)}`).join(", ")})`;
}
