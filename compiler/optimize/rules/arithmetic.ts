/** Identities of +, −, ·, / and of the functions close to them. See `rule.ts` for what a rule promises. */

import { isFloat } from "../../graph/dtype.ts";
import type { Scalar } from "../../graph/node.ts";
import { rangeOfScalar } from "../../graph/value-range.ts";
import { argOf, argsOf, isConstant, named, numberOf, onCall, type Scope } from "./rule.ts";

const negated = (scope: Scope, x: Scalar) => scope.context.call("negate", x);

export const arithmeticRules = named({
  // c ∘ x = x ∘ c for a constant c. Not for maximum and minimum, whose derivative prefers the first argument.
  constantSecond: onCall(
    ["add", "multiply", "equal", "notEqual", "logicalAnd", "logicalOr"],
    ({ context }, { x, y }, { fn }) =>
      isConstant(x) && !isConstant(y) ? context.call(fn, y, x) : undefined,
  ),

  // x + 0 = x
  addZero: onCall("add", (_, { x, y }) => (isConstant(y, 0) ? x : undefined)),
  // x − 0 = x
  subtractZero: onCall("subtract", (_, { x, y }) => (isConstant(y, 0) ? x : undefined)),
  // 0 − x = −x
  subtractFromZero: onCall("subtract", (scope, { x, y }) =>
    isConstant(x, 0) ? negated(scope, y) : undefined,
  ),
  // x − c = x + (−c)
  subtractConstant: onCall("subtract", ({ context }, { x, y }) =>
    y.kind === "constant" && isFloat(y.dtype)
      ? context.call("add", x, context.constant(-y.value, y.dtype))
      : undefined,
  ),
  // x · 1 = x
  multiplyOne: onCall("multiply", (_, { x, y }) => (isConstant(y, 1) ? x : undefined)),
  // x · (−1) = −x
  multiplyMinusOne: onCall("multiply", (scope, { x, y }) =>
    isConstant(y, -1) ? negated(scope, x) : undefined,
  ),
  // x · 0 = 0, of integers
  multiplyZero: onCall("multiply", (_, { y }) =>
    isConstant(y, 0) && y.dtype === "i32" ? y : undefined,
  ),
  // x · x = x²
  multiplySame: onCall("multiply", ({ context }, { x, y }) =>
    x === y ? context.call("square", x) : undefined,
  ),
  // x / 1 = x
  divideOne: onCall("divide", (_, { x, y }) => (isConstant(y, 1) ? x : undefined)),
  // 1 / x = reciprocal(x)
  divideIntoOne: onCall("divide", ({ context }, { x, y }) =>
    isConstant(x, 1) ? context.call("reciprocal", y) : undefined,
  ),
  // x / c = x · (1 / c) where 1 / c is exact: c is a power of two
  dividePowerOfTwo: onCall("divide", ({ context }, { x, y }) => {
    const c = numberOf(y);
    if (c === undefined || !isPowerOfTwo(c)) return undefined;
    return context.call("multiply", x, context.constant(1 / c, y.dtype));
  }),
  // x div 1 = x, of integers
  floorDivideOne: onCall("floordivide", (_, { x, y }) =>
    isConstant(y, 1) && x.dtype === "i32" ? x : undefined,
  ),

  // −(−x) = x
  negateNegate: onCall("negate", (_, { x }) => argOf(x, "negate")),
  // −(x − y) = y − x
  negateSubtract: onCall("negate", ({ context }, { x }) => {
    const [a, b] = argsOf(x, "subtract") ?? [];
    return a && b && context.call("subtract", b, a);
  }),
  // −(x · c) = x · (−c)
  negateMultiple: onCall("negate", ({ context }, { x }) => {
    const [a, c] = argsOf(x, "multiply") ?? [];
    if (a === undefined || c?.kind !== "constant" || !isFloat(c.dtype)) return undefined;
    return context.call("multiply", a, context.constant(-c.value, c.dtype));
  }),
  // x + (−y) = x − y
  addNegated: onCall("add", ({ context }, { x, y }) => {
    const b = argOf(y, "negate");
    return b && context.call("subtract", x, b);
  }),
  // (−x) + y = y − x
  negatedAdd: onCall("add", ({ context }, { x, y }) => {
    const a = argOf(x, "negate");
    return a && context.call("subtract", y, a);
  }),
  // x − (−y) = x + y
  subtractNegated: onCall("subtract", ({ context }, { x, y }) => {
    const b = argOf(y, "negate");
    return b && context.call("add", x, b);
  }),
  // (−x) · c = x · (−c)
  negatedMultiple: onCall("multiply", ({ context }, { x, y }) => {
    const a = argOf(x, "negate");
    if (a === undefined || y.kind !== "constant" || !isFloat(y.dtype)) return undefined;
    return context.call("multiply", a, context.constant(-y.value, y.dtype));
  }),
  // (−x) ∘ y = −(x ∘ y) for ∘ one of · and /
  negatedFirst: onCall(["multiply", "divide"], (scope, { x, y }, { fn }) => {
    const a = argOf(x, "negate");
    return a && negated(scope, scope.context.call(fn, a, y));
  }),
  // x ∘ (−y) = −(x ∘ y) for ∘ one of · and /
  negatedSecond: onCall(["multiply", "divide"], (scope, { x, y }, { fn }) => {
    const b = argOf(y, "negate");
    return b && negated(scope, scope.context.call(fn, x, b));
  }),
  // f(−x) = f(x) for even f
  evenOfNegated: onCall(["absolute", "square", "cosh", "cos"], ({ context }, { x }, { fn }) => {
    const a = argOf(x, "negate");
    return a && context.call(fn, a);
  }),
  // |x|² = x²
  squareOfAbsolute: onCall("square", ({ context }, { x }) => {
    const a = argOf(x, "absolute");
    return a && context.call("square", a);
  }),
  // |x| = x where x ≥ 0
  absoluteOfNonnegative: onCall("absolute", (_, { x }) =>
    rangeOfScalar(x).min >= 0 ? x : undefined,
  ),

  // max(x, x) = x, min(x, x) = x
  extremumOfSame: onCall(["maximum", "minimum"], (_, { x, y }) => (x === y ? x : undefined)),
  // max(max(x, a), b) = max(x, max(a, b)) for constants
  maximumTwice: onCall("maximum", ({ context }, { x, y }) => {
    const [a, c] = argsOf(x, "maximum") ?? [];
    if (a === undefined || c?.kind !== "constant" || y.kind !== "constant") return undefined;
    return context.call("maximum", a, c.value >= y.value ? c : y);
  }),
  // min(min(x, a), b) = min(x, min(a, b)) for constants
  minimumTwice: onCall("minimum", ({ context }, { x, y }) => {
    const [a, c] = argsOf(x, "minimum") ?? [];
    if (a === undefined || c?.kind !== "constant" || y.kind !== "constant") return undefined;
    return context.call("minimum", a, c.value <= y.value ? c : y);
  }),
  // max(x, c) = x where x ≥ c
  maximumBelowRange: onCall("maximum", (_, { x, y }) =>
    y.kind === "constant" && rangeOfScalar(x).min >= y.value ? x : undefined,
  ),
  // min(x, c) = x where x ≤ c
  minimumAboveRange: onCall("minimum", (_, { x, y }) =>
    y.kind === "constant" && rangeOfScalar(x).max <= y.value ? x : undefined,
  ),
});

/** Whether the reciprocal of c is exact in every float type, far from their limits. */
function isPowerOfTwo(c: number): boolean {
  const exponent = Math.log2(Math.abs(c));
  return Number.isInteger(exponent) && Math.abs(exponent) <= 12;
}
