/** Builtins about layers that were made: copies of them, their names and what arguments they take. */

import { copyInstance, nameOf, readingThrough } from "../layer-copies.ts";
import { boolValue, errorValue, type Value } from "../values.ts";
import { argument, type Builtin, type BuiltinCall, optional, required } from "./builtin.ts";
import { wrongArgument } from "./checks.ts";

function layerArgument(call: BuiltinCall) {
  const { value } = argument(call, "layer");
  if (value.kind === "instance") return value.instance;
  return wrongArgument(call, "layer", "a layer that was made, with its arguments");
}

function copyLayer(call: BuiltinCall): Value {
  const instance = layerArgument(call);
  const { value: name } = argument(call, "name");
  if (instance === undefined || name.kind === "error") return errorValue;
  if (name.kind !== "none" && name.kind !== "string") {
    wrongArgument(call, "name", "a string");
    return errorValue;
  }
  const given = name.kind === "string" ? name.value : null;
  return copyInstance(instance, given, call.others, call.span, call.env);
}

function nameOfLayer(call: BuiltinCall): Value {
  const instance = layerArgument(call);
  return instance === undefined ? errorValue : { kind: "string", value: nameOf(instance) };
}

function takes(call: BuiltinCall): Value {
  const instance = layerArgument(call);
  const { value: name } = argument(call, "name");
  if (name.kind !== "string") wrongArgument(call, "name", "a string");
  if (instance === undefined || name.kind !== "string") return errorValue;
  return boolValue(instance.config.has(name.value));
}

/** The same layer, of whose param its body reads a function. */
function readThrough(call: BuiltinCall): Value {
  const instance = layerArgument(call);
  const { value: name } = argument(call, "name");
  const { value: by } = argument(call, "by");
  if (name.kind !== "string") wrongArgument(call, "name", "a string");
  if (instance === undefined || name.kind !== "string" || by.kind === "error") return errorValue;
  return readingThrough(instance, name.value, by);
}

export const layerBuiltins: readonly Builtin[] = [
  {
    name: "copy",
    parameters: [required("layer"), optional("name")],
    takesOthers: true,
    doc: "a layer like that one with params of its own, under a name if one is given; further arguments change the layer's",
    call: copyLayer,
  },
  {
    name: "name_of",
    parameters: [required("layer")],
    doc: "what a layer is called in the paths of its params",
    call: nameOfLayer,
  },
  {
    name: "takes",
    parameters: [required("layer"), required("name")],
    doc: "whether a layer has an argument of that name",
    call: takes,
  },
  {
    name: "read_through",
    parameters: [required("layer"), required("name"), required("by")],
    doc: "the layer, whose body reads by(w) in place of its param w of that name",
    call: readThrough,
  },
];
