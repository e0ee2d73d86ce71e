/** `gradient(y, x)`: the derivative of one tensor by another, itself a tensor like any other. */

import { diagnostics } from "../../diagnostics/catalogue.generated.ts";
import { isFloat } from "../../graph/dtype.ts";
import type { Obstacle } from "../gradients.ts";
import { report } from "../session.ts";
import { describe, errorValue, type TensorValue, tensorValue, type Value } from "../values.ts";
import { argument, type Builtin, type BuiltinCall, required } from "./builtin.ts";
import { wrongArgument } from "./checks.ts";

function gradientOf(call: BuiltinCall): Value {
  const y = floatArgument(call, "y");
  const x = floatArgument(call, "x");
  if (y === undefined || x === undefined) return errorValue;
  const { context, gradients, batchMax } = call.env.session;
  const value = context.inherited(
    () =>
      gradients.obstacle(y.value, x.value, batchMax) ?? gradients.of(y.value, x.value, batchMax),
  );
  if (typeof value === "string") return reportObstacle(call, value);
  const derivative = tensorValue(value, x.sources);
  return x.mask === undefined ? derivative : { ...derivative, mask: x.mask };
}

function floatArgument(call: BuiltinCall, name: string): TensorValue | undefined {
  const { value } = argument(call, name);
  if (value.kind === "tensor" && isFloat(value.value.dtype)) return value;
  return wrongArgument(call, name, "a tensor of floats");
}

/** What a derivative cannot go through, as the error says it. */
const obstacles = {
  step: "the steps of a loop before this one",
  update: "the gradients that an optimizer is given",
} as const;

function reportObstacle(call: BuiltinCall, obstacle: Obstacle): Value {
  const { env, span } = call;
  const [y, x] = [argument(call, "y"), argument(call, "x")];
  if (obstacle === "unrelated") {
    const labels = [{ span: y.span, text: describe(y.value) }];
    return report(env, diagnostics.gradientOfUnrelated(x.span, {}, { labels }));
  }
  return report(env, diagnostics.gradientOutOfReach(span, { what: obstacles[obstacle] }));
}

export const derivativeBuiltins: readonly Builtin[] = [
  {
    name: "gradient",
    parameters: [required("y"), required("x")],
    doc: "the derivative of the sum of y by x, of x's shape",
    call: gradientOf,
  },
];
