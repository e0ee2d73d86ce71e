/** Functions of static strings, such as paths. */

import { diagnostics } from "../../diagnostics/catalogue.generated.ts";
import { report } from "../session.ts";
import { boolValue, describe, errorValue, listValue, type Value } from "../values.ts";
import { argument, type Builtin, type BuiltinCall, required } from "./builtin.ts";

const contains: Builtin = {
  name: "contains",
  parameters: ["text", "part"].map(required),
  doc: "whether a static string has a part, or a list an item",
  call: (call) => {
    const part = argument(call, "part").value;
    const { value: text, span } = argument(call, "text");
    if (text.kind === "error" || part.kind === "error") return errorValue;
    if (text.kind === "list") return boolValue(text.items.some((item) => isSame(item, part)));
    if (text.kind === "string") {
      const found = stringPart(call, "part");
      return found === undefined ? errorValue : boolValue(text.value.includes(found));
    }
    const values = { what: "the text", expected: "a string or a list", found: describe(text) };
    return report(call.env, diagnostics.wrongType(span, values));
  },
};

function stringPart(call: BuiltinCall, name: string): string | undefined {
  const { value, span } = argument(call, name);
  if (value.kind === "string") return value.value;
  const values = { what: `the ${name}`, expected: "a string", found: describe(value) };
  if (value.kind !== "error") report(call.env, diagnostics.wrongType(span, values));
  return undefined;
}

function isSame(a: Value, b: Value): boolean {
  return a.kind === b.kind && "value" in a && "value" in b && a.value === b.value;
}

/** For text that says something, such as the equation of an einsum. */
const characters: Builtin = {
  name: "characters",
  parameters: [required("text")],
  doc: "a static string as the list of its characters",
  call: (call) => {
    const text = stringPart(call, "text");
    if (text === undefined) return errorValue;
    return listValue([...text].map((character) => ({ kind: "string", value: character })));
  },
};

/** Of names and paths: `matches("trunk/dense/kernel", "trunk/.*")`. */
const matches: Builtin = {
  name: "matches",
  parameters: ["text", "pattern"].map(required),
  doc: "whether the whole of a static string is of a regular expression's form",
  call: (call) => {
    const text = stringPart(call, "text");
    const pattern = stringPart(call, "pattern");
    if (text === undefined || pattern === undefined) return errorValue;
    const whole = wholePattern(pattern);
    if (whole !== undefined) return boolValue(whole.test(text));
    const { span } = argument(call, "pattern");
    const values = { what: "the pattern", expected: "a regular expression" };
    return report(call.env, diagnostics.wrongType(span, { ...values, found: `"${pattern}"` }));
  },
};

function wholePattern(pattern: string): RegExp | undefined {
  try {
    return new RegExp(`^(?:${pattern})$`, "u");
  } catch {
    return undefined;
  }
}

export const stringBuiltins: readonly Builtin[] = [contains, characters, matches];
