/** Builtins on static lists. */

import { boolValue, errorValue, intValue, listValue, type Value } from "../values.ts";
import { argument, type Builtin, type BuiltinCall, required } from "./builtin.ts";
import { wrongArgument } from "./checks.ts";

function lengthOf(call: BuiltinCall): Value {
  const { value } = argument(call, "list");
  if (value.kind === "list") return intValue(value.items.length);
  return wrongArgument(call, "list", "a list") ?? errorValue;
}

/** Tells `strides = 2` from `strides = (2, 1)`. */
function isList(call: BuiltinCall): Value {
  return boolValue(argument(call, "value").value.kind === "list");
}

/** Tells an initializer that is a function from one that is a number. */
function isFunction(call: BuiltinCall): Value {
  const { kind } = argument(call, "value").value;
  return boolValue(kind === "function" || kind === "builtin");
}

/** Pairs of the items of two lists, as many as the shorter has. */
function zipLists(call: BuiltinCall): Value {
  const a = argument(call, "a").value;
  const b = argument(call, "b").value;
  if (a.kind !== "list") return wrongArgument(call, "a", "a list") ?? errorValue;
  if (b.kind !== "list") return wrongArgument(call, "b", "a list") ?? errorValue;
  const length = Math.min(a.items.length, b.items.length);
  return listValue(a.items.slice(0, length).map((item, i) => listValue([item, b.items[i]!], true)));
}

/** A parameter's path: `Digits/dense/kernel`. */
function pathOf(call: BuiltinCall): Value {
  const { value } = argument(call, "w");
  const node = value.kind === "tensor" ? value.value.node : null;
  if (node?.kind === "leaf") return { kind: "string", value: node.path };
  return wrongArgument(call, "w", "a parameter") ?? errorValue;
}

export const listBuiltins: readonly Builtin[] = [
  { name: "len", parameters: [required("list")], doc: "the number of items", call: lengthOf },
  {
    name: "zip",
    parameters: [required("a"), required("b")],
    doc: "the pairs of two lists' items",
    call: zipLists,
  },
  {
    name: "is_list",
    parameters: [required("value")],
    doc: "whether a value is a list or tuple",
    call: isList,
  },
  {
    name: "is_function",
    parameters: [required("value")],
    doc: "whether a value is a function",
    call: isFunction,
  },
  { name: "path", parameters: [required("w")], doc: "a parameter's path", call: pathOf },
];
