/** Values of configurations as the language writes them. */

import { NotExpressible } from "../case-program.ts";

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
  throw new NotExpressible(`the argument ${JSON.stringify(value)}`);
}
