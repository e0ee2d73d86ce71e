/** Identities of powers, roots, exponentials and logarithms. See `rule.ts` for what a rule promises. */

import { rangeOfScalar } from "../../graph/value-range.ts";
import { argOf, isConstant, named, onCall } from "./rule.ts";

export const elementaryRules = named({
  // x^0 = 1, of NaN too
  powerZero: onCall("power", ({ context }, { x, y }) =>
    isConstant(y, 0) ? context.constant(1, x.dtype) : undefined,
  ),
  // x^1 = x
  powerOne: onCall("power", (_, { x, y }) => (isConstant(y, 1) ? x : undefined)),
  // x^2 = x²
  powerTwo: onCall("power", ({ context }, { x, y }) =>
    isConstant(y, 2) ? context.call("square", x) : undefined,
  ),
  // x^3 = x² · x
  powerThree: onCall("power", ({ context }, { x, y }) =>
    isConstant(y, 3) ? context.call("multiply", context.call("square", x), x) : undefined,
  ),
  // x^4 = (x²)²
  powerFour: onCall("power", ({ context }, { x, y }) =>
    isConstant(y, 4) ? context.call("square", context.call("square", x)) : undefined,
  ),
  // x^−1 = 1/x
  powerMinusOne: onCall("power", ({ context }, { x, y }) =>
    isConstant(y, -1) ? context.call("reciprocal", x) : undefined,
  ),
  // x^½ = √x, but for x = −∞, where the power is ∞
  powerHalf: onCall("power", ({ context }, { x, y }) =>
    isConstant(y, 0.5) ? context.call("sqrt", x) : undefined,
  ),
  // x^−½ = 1/√x, but for x = −∞, where the power is 0
  powerMinusHalf: onCall("power", ({ context }, { x, y }) =>
    isConstant(y, -0.5) ? context.call("rsqrt", x) : undefined,
  ),
  // 1 / √x = rsqrt(x)
  reciprocalOfRoot: onCall("reciprocal", ({ context }, { x }) => {
    const a = argOf(x, "sqrt");
    return a && context.call("rsqrt", a);
  }),
  // 1 / (1 / x) = x
  reciprocalTwice: onCall("reciprocal", (_, { x }) => argOf(x, "reciprocal")),
  // √(x²) = |x|
  rootOfSquare: onCall("sqrt", ({ context }, { x }) => {
    const a = argOf(x, "square");
    return a && context.call("absolute", a);
  }),
  // log(exp x) = x
  logOfExp: onCall("log", (_, { x }) => argOf(x, "exp")),
  // exp(log x) = x where x ≥ 0
  expOfLog: onCall("exp", (_, { x }) => {
    const a = argOf(x, "log");
    return a && rangeOfScalar(a).min >= 0 ? a : undefined;
  }),
  // log1p(exp x) = softplus(x)
  log1pOfExp: onCall("log1p", ({ context }, { x }) => {
    const a = argOf(x, "exp");
    return a && context.call("softplus", a);
  }),
  // 1 / (1 + exp(−x)) = sigmoid(x)
  sigmoidWrittenOut: onCall("reciprocal", ({ context }, { x }) => {
    if (x.kind !== "call" || x.fn !== "add" || !isConstant(x.args[1]!, 1)) return undefined;
    const a = argOf(x.args[0]!, "exp");
    return a && context.call("sigmoid", context.call("negate", a));
  }),
});
