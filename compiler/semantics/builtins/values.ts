/** Builtins that make or convert values: tensors filled with a number or drawn at random, other types. */

import { type DType, dtypes } from "../../graph/dtype.ts";
import { isStepElement, numberScalar } from "../arithmetic.ts";
import { convertElement, convertTensor } from "../conversions.ts";
import { joinPath } from "../paths.ts";
import { broadcastTo } from "../tensors/layout.ts";
import { stackedOrder } from "../tensors/reduce.ts";
import { boolValue, errorValue, floatValue, intValue, tensorValue, type Value } from "../values.ts";
import { argument, type Builtin, type BuiltinCall, optional, required } from "./builtin.ts";
import { boolArgument, shapeArgument, tensorArgument, wrongArgument } from "./checks.ts";

/** `f32(x)`: towards zero from floats to integers, 0 and 1 from truth values. */
function cast(call: BuiltinCall, dtype: DType): Value {
  const { value } = argument(call, "x");
  if (value.kind === "element" && !isStepElement(call.env, value)) {
    return convertElement(call.env, value, dtype);
  }
  if (value.kind === "int" || value.kind === "float" || value.kind === "bool") {
    return staticCast(Number(value.value), dtype);
  }
  const x = tensorArgument(call, "x");
  return x === undefined ? errorValue : convertTensor(call.env, x, dtype);
}

function staticCast(value: number, dtype: DType): Value {
  if (dtype === "bool") return boolValue(value !== 0);
  return dtype === "i32" || dtype === "u8" ? intValue(Math.trunc(value)) : floatValue(value);
}

function toInt(call: BuiltinCall): Value {
  const { value } = argument(call, "x");
  if (value.kind === "int" || value.kind === "extent") return value;
  if (value.kind === "float" || value.kind === "bool")
    return staticCast(Number(value.value), "i32");
  return wrongArgument(call, "x", "a number") ?? errorValue;
}

function toFloat(call: BuiltinCall): Value {
  const { value } = argument(call, "x");
  if (value.kind === "float") return value;
  if (value.kind === "int" || value.kind === "bool") return floatValue(Number(value.value));
  return wrongArgument(call, "x", "a number") ?? errorValue;
}

function fullTensor(call: BuiltinCall): Value {
  const { context } = call.env.session;
  const shape = shapeArgument(call, "shape");
  const { value } = argument(call, "value");
  if (shape === undefined) return errorValue;
  if (value.kind === "tensor" && value.value.shape.length === 0) {
    return tensorValue(broadcastTo(context, value.value, shape));
  }
  const dtype = value.kind === "int" ? "i32" : value.kind === "bool" ? "bool" : "f32";
  const body = numberScalar(call.env, value, dtype);
  if (body === undefined) return wrongArgument(call, "value", "a number") ?? errorValue;
  return tensorValue(context.compute({ parallel: shape, body }).values[0]!);
}

/** One draw an element, from a stream that belongs to the layer or param around the call. */
function uniformTensor(call: BuiltinCall): Value {
  const { session, pass, owner } = call.env;
  const shape = shapeArgument(call, "shape");
  const eachStep = boolArgument(call, "each_step", true);
  if (shape === undefined || eachStep === undefined) return errorValue;
  const loops = eachStep ? call.env.loops : [];
  const count = pass.draws.get(owner.path) ?? 0;
  pass.draws.set(owner.path, count + 1);
  const path = joinPath(pass.stream, owner.path);
  const stream = count === 0 ? path : `${path}#${count}`;
  const body = session.context.random(stream, stackedOrder(shape, loops));
  return tensorValue(session.context.compute({ parallel: shape, body }).values[0]!);
}

export const valueBuiltins: readonly Builtin[] = [
  ...dtypes.map((dtype) => ({
    name: dtype,
    parameters: [required("x")],
    doc: `x as ${dtype}; floats become integers by dropping their fraction`,
    call: (call: BuiltinCall) => cast(call, dtype),
  })),
  {
    name: "int",
    parameters: [required("x")],
    doc: "a static number without its fraction",
    call: toInt,
  },
  { name: "float", parameters: [required("x")], doc: "a static number as a float", call: toFloat },
  {
    name: "full",
    parameters: [required("shape"), required("value")],
    doc: "a tensor of that shape with one value everywhere",
    call: fullTensor,
  },
  {
    name: "uniform",
    parameters: [required("shape"), optional("each_step")],
    doc: "random numbers in [0, 1), the same for the same seed, path and step; with `each_step = false` also for all steps of a loop",
    call: uniformTensor,
  },
];
