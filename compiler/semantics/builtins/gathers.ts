/** Builtins that read tensors where other tensors say. */

import { diagnostics } from "../../diagnostics/catalogue.generated.ts";
import { isFloat } from "../../graph/dtype.ts";
import { report } from "../session.ts";
import { take } from "../tensors/gathers.ts";
import { describe, errorValue, tensorValue, type Value } from "../values.ts";
import { argument, type Builtin, type BuiltinCall, optional, required } from "./builtin.ts";
import { axisOf, intArgument, tensorArgument } from "./checks.ts";

function takeSlices(call: BuiltinCall): Value {
  const x = tensorArgument(call, "x");
  const indices = tensorArgument(call, "indices");
  const given = intArgument(call, "axis", 0);
  if (x === undefined || indices === undefined || given === undefined) return errorValue;
  const { dtype, shape } = indices.value;
  if (isFloat(dtype) || dtype === "bool") {
    const { span } = argument(call, "indices");
    return report(call.env, diagnostics.indexType(span, { found: describe(indices) }));
  }
  const axis = axisOf(call, "axis", given, x.value.shape.length);
  if (axis === undefined) return errorValue;
  if (axis > 0 && shape.some(({ batch }) => batch !== 0)) {
    return report(call.env, diagnostics.batchMustLead(call.span, { found: describe(indices) }));
  }
  return tensorValue(take(call.env.session.context, x.value, indices.value, axis), [
    ...x.sources.slice(0, axis),
    ...indices.sources,
    ...x.sources.slice(axis + 1),
  ]);
}

export const gatherBuiltins: readonly Builtin[] = [
  {
    name: "take",
    parameters: [required("x"), required("indices"), optional("axis")],
    doc: "the slices of x at the indices along an axis, the first unless given; 0 where there is none",
    call: takeSlices,
  },
];
