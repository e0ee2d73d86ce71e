/** Reducers as functions of a tensor: `sum(x, axis = -1, keepdims = true)`; of static numbers at build time. */

import { diagnostics } from "../../diagnostics/catalogue.generated.ts";
import type { Value as GraphValue } from "../../graph/node.ts";
import { type ReducerName, reducerNames, reducers } from "../../graph/reducers.ts";
import { asElement, isStepElement } from "../arithmetic.ts";
import { convertTensor } from "../conversions.ts";
import { widensTo } from "../dtypes.ts";
import { reduceMasked } from "../masked-means.ts";
import { keepMask } from "../masks.ts";
import { type Environment, report } from "../session.ts";
import { reduceAxes } from "../tensors/reduce.ts";
import {
  type DimensionSource,
  describe,
  errorValue,
  floatValue,
  intValue,
  listValue,
  type TensorValue,
  tensorValue,
  type Value,
} from "../values.ts";
import { argument, type Builtin, type BuiltinCall, optional, required } from "./builtin.ts";
import { axesArgument, boolArgument, tensorArgument } from "./checks.ts";

function reduce(call: BuiltinCall, reducer: ReducerName): Value {
  const known = staticReduction(call, reducer);
  if (known !== undefined) return known;
  const { env } = call;
  const operand = argument(call, "x");
  // Inside an index notation an element is a tensor of rank 0: reducing it changes nothing.
  if (operand.value.kind === "element" && !isStepElement(env, operand.value))
    return asElement(env, operand) ?? errorValue;
  const x = tensorArgument(call, "x");
  if (x === undefined) return errorValue;
  const { dtype, shape } = x.value;
  const axes = axesArgument(call, "axis", shape.length);
  const keepDims = boolArgument(call, "keepdims", false);
  if (axes === undefined || keepDims === undefined) return errorValue;
  const wanted = [dtype, "i32" as const, "f32" as const].find(
    (type) => widensTo(dtype, type) && reducers[reducer].resultTypes(type) !== undefined,
  );
  if (wanted === undefined) {
    const found = describe(x);
    return report(env, diagnostics.operandTypes(call.span, { operation: call.name, found }));
  }
  const converted = convertTensor(env, x, wanted);
  const sources: (DimensionSource | null)[] = keepDims
    ? x.sources.map((source, d) => (axes.includes(d) ? null : source))
    : x.sources.filter((_, d) => !axes.includes(d));
  const results = reduceOver(env, reducer, converted, axes, keepDims);
  // What was reduced behind the masked axes leaves them in place; `keepMask` sees that the others are gone.
  const isBehind = axes.every((axis) => axis >= (x.mask?.shape.length ?? 0));
  const values = results
    .map((value) => tensorValue(value, sources))
    .map((value) => (isBehind ? keepMask(value, [x]) : value));
  // max and min also give where; as functions they give the value.
  return reducer === "moments" ? listValue(values, true) : values[0]!;
}

/** In a loss or a metric, what a mask leaves out counts nothing. */
function reduceOver(
  env: Environment,
  reducer: ReducerName,
  { value, mask }: TensorValue,
  axes: readonly number[],
  keepDims: boolean,
): readonly GraphValue[] {
  const { context } = env.session;
  const weighs = (reducer === "sum" || reducer === "mean") && value.dtype === "f32";
  const covers = mask?.shape.every((_, d) => axes.includes(d));
  if (!env.maskedMeans || !mask || !weighs || !covers) {
    return reduceAxes(context, reducer, value, axes, keepDims);
  }
  return reduceMasked(context, reducer, { value, mask }, axes, keepDims, env.maskedMeans);
}

/** `max(1.0, n)`, `sum([2, 3])`: of numbers, or of one list of them. */
function staticReduction(call: BuiltinCall, reducer: ReducerName): Value | undefined {
  const first = argument(call, "x").value;
  const second = argument(call, "axis").value;
  const items =
    first.kind === "list"
      ? first.items
      : second.kind === "int" || second.kind === "float"
        ? [first, second]
        : [];
  const numbers = items.flatMap((item) =>
    item.kind === "int" || item.kind === "float" ? [item.value] : [],
  );
  if (numbers.length === 0 || numbers.length !== items.length) return undefined;
  const isWhole = items.every(({ kind }) => kind === "int");
  const result = (value: number) => (isWhole ? intValue(value) : floatValue(value));
  switch (reducer) {
    case "max":
      return result(Math.max(...numbers));
    case "min":
      return result(Math.min(...numbers));
    case "sum":
      return result(numbers.reduce((a, b) => a + b, 0));
    case "prod":
      return result(numbers.reduce((a, b) => a * b, 1));
    default:
      return undefined;
  }
}

export const reductionBuiltins: readonly Builtin[] = reducerNames.map((reducer) => ({
  name: reducer,
  parameters: [required("x"), optional("axis"), optional("keepdims")],
  doc: `${reducers[reducer].doc}; over all axes unless some are given`,
  call: (call) => reduce(call, reducer),
}));
