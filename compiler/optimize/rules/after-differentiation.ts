/** Identities that hold for values but not for derivatives: only for graphs that will not be differentiated. */

import { isConstant, named, onCall } from "./rule.ts";

export const afterDifferentiationRules = named({
  // stop_gradient(x) = x
  stopGradient: onCall("stopGradient", (_, { x }) => x),
  // scale_gradient(x, s) = x
  scaleGradient: onCall("scaleGradient", (_, { x }) => x),
  // max(c, x) = max(x, c) for a constant c; the derivative would prefer the first
  constantExtremumSecond: onCall(["maximum", "minimum"], ({ context }, { x, y }, { fn }) =>
    isConstant(x) && !isConstant(y) ? context.call(fn, y, x) : undefined,
  ),
});
