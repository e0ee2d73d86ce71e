/** Builtins that tell what is known of a tensor's elements at build time. */

import { boundsOf, isFree } from "../value-bounds.ts";
import { boolValue, errorValue, type Value } from "../values.ts";
import { argument, type Builtin, type BuiltinCall, required } from "./builtin.ts";
import { tensorArgument, wrongArgument } from "./checks.ts";

function liesWithin(call: BuiltinCall): Value {
  const x = tensorArgument(call, "x");
  const low = staticNumber(call, "low");
  const high = staticNumber(call, "high");
  if (x === undefined || low === undefined || high === undefined) return errorValue;
  const { min, max } = boundsOf(x.value);
  return boolValue(min >= low && max <= high);
}

function staticNumber(call: BuiltinCall, name: string): number | undefined {
  const { value } = argument(call, name);
  if (value.kind === "int" || value.kind === "float") return value.value;
  return wrongArgument(call, name, "a static number");
}

function isUnbounded(call: BuiltinCall): Value {
  const x = tensorArgument(call, "x");
  return x === undefined ? errorValue : boolValue(isFree(x.value));
}

export const boundBuiltins: readonly Builtin[] = [
  {
    name: "lies_within",
    parameters: [required("x"), required("low"), required("high")],
    doc: "whether all elements are known to lie between two numbers",
    call: liesWithin,
  },
  {
    name: "is_unbounded",
    parameters: [required("x")],
    doc: "whether a param was added or multiplied last, so that elements may be any numbers",
    call: isUnbounded,
  },
];
