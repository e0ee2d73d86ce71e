/** Functions of static strings, such as paths. */

import { diagnostics } from "../../diagnostics/catalogue.generated.ts";
import { report } from "../session.ts";
import { boolValue, describe, errorValue, type Value } from "../values.ts";
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
      const found = stringPart(call, part);
      return found === undefined ? errorValue : boolValue(text.value.includes(found));
    }
    const values = { what: "the text", expected: "a string or a list", found: describe(text) };
    return report(call.env, diagnostics.wrongType(span, values));
  },
};

function stringPart(call: BuiltinCall, part: Value): string | undefined {
  if (part.kind === "string") return part.value;
  const values = { what: "the part", expected: "a string", found: describe(part) };
  report(call.env, diagnostics.wrongType(argument(call, "part").span, values));
  return undefined;
}

function isSame(a: Value, b: Value): boolean {
  return a.kind === b.kind && "value" in a && "value" in b && a.value === b.value;
}

export const stringBuiltins: readonly Builtin[] = [contains];
