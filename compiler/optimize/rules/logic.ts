/**
 * Identities of comparison, logic and choice, and what becomes of them where they depend on the axes only:
 * such a truth is a `condition`, which can guard a load or leave a reduction for its `where`.
 */

import {
  type Affine,
  addAffine,
  constantAffine,
  scaleAffine,
  subtractAffine,
} from "../../graph/affine.ts";
import { rangeOf } from "../../graph/affine-range.ts";
import { and, type Condition, nonnegative, not, or, zero } from "../../graph/condition.ts";
import { isFloat } from "../../graph/dtype.ts";
import type { Scalar } from "../../graph/node.ts";
import { rangeOfScalar } from "../../graph/value-range.ts";
import { simplifyAffine, simplifyGuard } from "../simplify-index.ts";
import {
  argOf,
  argsOf,
  isConstant,
  isLoad,
  named,
  numberOf,
  onCall,
  onKind,
  type Scope,
} from "./rule.ts";

export const logicRules = named({
  // Conditions without what the box and `where` imply.
  simplifyCondition: onKind("condition", (scope, { condition }) =>
    scope.context.condition(simplifyGuard(condition, scope, scope.where)),
  ),
  // not not x = x
  notNot: onCall("logicalNot", (_, { x }) => argOf(x, "logicalNot")),
  // not (a = b) = (a ≠ b), of NaN too
  notEqual: onCall("logicalNot", ({ context }, { x }) => {
    const [a, b] = argsOf(x, "equal") ?? [];
    return a && b && context.call("notEqual", a, b);
  }),
  // not (a ≠ b) = (a = b), of NaN too
  notNotEqual: onCall("logicalNot", ({ context }, { x }) => {
    const [a, b] = argsOf(x, "notEqual") ?? [];
    return a && b && context.call("equal", a, b);
  }),
  // x and true = x, x and false = false
  andConstant: onCall("logicalAnd", (_, { x, y }) => choose(y, x, y)),
  // x or true = true, x or false = x
  orConstant: onCall("logicalOr", (_, { x, y }) => choose(y, y, x)),
  // x and x = x, x or x = x
  sameTwice: onCall(["logicalAnd", "logicalOr"], (_, { x, y }) => (x === y ? x : undefined)),
  // Comparing x with itself, where x is no float and so not NaN.
  compareSame: onCall(
    ["equal", "notEqual", "less", "lessEqual"],
    ({ context }, { x, y }, { fn }) =>
      x === y && !isFloat(x.dtype)
        ? context.constant(fn === "equal" || fn === "lessEqual" ? 1 : 0, "bool")
        : undefined,
  ),
  // a < b is false where a's range lies above b's
  neverLess: onCall(["less", "lessEqual"], ({ context }, { x, y }, { fn }) => {
    const low = rangeOfScalar(x).min;
    const high = rangeOfScalar(y).max;
    const isFalse = fn === "less" ? low >= high : low > high;
    return isFalse ? context.constant(0, "bool") : undefined;
  }),

  // The truth of a comparison of index expressions is a condition.
  compareIndexes: onCall(["equal", "notEqual", "less", "lessEqual"], (scope, { x, y }, { fn }) => {
    const a = affineOf(x, scope);
    const b = affineOf(y, scope);
    if (a === undefined || b === undefined) return undefined;
    const difference = subtractAffine(b, a);
    if (!fitsInteger(difference, scope)) return undefined;
    const holds = {
      equal: () => zero(difference),
      notEqual: () => not(zero(difference)),
      lessEqual: () => nonnegative(difference),
      less: () => nonnegative(addAffine(difference, constantAffine(-1))),
    }[fn as "equal" | "notEqual" | "less" | "lessEqual"]();
    return scope.context.condition(holds);
  }),
  // Boolean combinations of conditions are conditions.
  notCondition: onCall("logicalNot", ({ context }, { x }) => {
    const c = conditionOf(x);
    return c && context.condition(not(c));
  }),
  andCondition: onCall("logicalAnd", ({ context }, { x, y }) => {
    const a = conditionOf(x);
    const b = conditionOf(y);
    return a && b && context.condition(and(a, b));
  }),
  orCondition: onCall("logicalOr", ({ context }, { x, y }) => {
    const a = conditionOf(x);
    const b = conditionOf(y);
    return a && b && context.condition(or(a, b));
  }),

  // if true then x else y = x, if false then x else y = y
  selectConstant: onCall("select", (_, { x: condition, y, z }) => choose(condition, y, z)),
  // if c then x else x = x
  selectSame: onCall("select", (_, { y, z }) => (y === z ? y : undefined)),
  // if not c then x else y = if c then y else x
  selectNot: onCall("select", ({ context }, { x: condition, y, z }) => {
    const c = argOf(condition, "logicalNot");
    return c && context.call("select", c, z, y);
  }),
  // if c then true else false = c
  selectTruth: onCall("select", (_, { x: condition, y, z }) =>
    y.dtype === "bool" && isConstant(y, 1) && isConstant(z, 0) ? condition : undefined,
  ),
  // if c then (if c then x else y) else z = if c then x else z
  selectSelectFirst: onCall("select", ({ context }, { x: c, y, z }) => {
    const [d, a] = argsOf(y, "select") ?? [];
    return d === c && a ? context.call("select", c, a, z) : undefined;
  }),
  // if c then x else (if c then y else z) = if c then x else z
  selectSelectSecond: onCall("select", ({ context }, { x: c, y, z }) => {
    const [d, , b] = argsOf(z, "select") ?? [];
    return d === c && b ? context.call("select", c, y, b) : undefined;
  }),
  // if c then load else 0 = load guarded by c, for a condition c
  selectLoadOrZero: onCall("select", ({ context }, { x, y, z }) => {
    const c = conditionOf(x);
    if (c === undefined || !isLoad(y) || !isConstant(z, 0)) return undefined;
    return context.load(y.value, y.index, and(y.guard, c));
  }),
  // if c then 0 else load = load guarded by not c, for a condition c
  selectZeroOrLoad: onCall("select", ({ context }, { x, y, z }) => {
    const c = conditionOf(x);
    if (c === undefined || !isConstant(y, 0) || !isLoad(z)) return undefined;
    return context.load(z.value, z.index, and(z.guard, not(c)));
  }),
  // x · (if c then 1 else 0) = if c then x else 0, which is what a choice's derivative means where x is infinite
  multiplyIndicator: onCall("multiply", ({ context }, { x, y }) => {
    for (const [factor, choice] of [
      [x, y],
      [y, x],
    ] as const) {
      const [c, a, b] = argsOf(choice, "select") ?? [];
      if (c === undefined) continue;
      const none = context.constant(0, factor.dtype);
      if (isConstant(a!, 1) && isConstant(b!, 0)) return context.call("select", c, factor, none);
      if (isConstant(a!, 0) && isConstant(b!, 1)) return context.call("select", c, none, factor);
    }
    return undefined;
  }),
});

/** Picks a side by a constant truth. */
function choose(condition: Scalar, whenTrue: Scalar, whenFalse: Scalar): Scalar | undefined {
  const truth = numberOf(condition);
  return truth === undefined ? undefined : truth !== 0 ? whenTrue : whenFalse;
}

function conditionOf(scalar: Scalar): Condition | undefined {
  return scalar.kind === "condition" ? scalar.condition : undefined;
}

/** A scalar as an affine of the axes, exactly: an index, a whole constant, or a float made from an index. */
function affineOf(scalar: Scalar, scope: Scope): Affine | undefined {
  switch (scalar.kind) {
    case "index":
      return simplifyAffine(scalar.index, scope);
    case "constant":
      return Number.isSafeInteger(scalar.value) && scalar.dtype !== "bool"
        ? constantAffine(scalar.value)
        : undefined;
    case "cast": {
      if (scalar.of.kind !== "index" || scalar.dtype !== "f32") return undefined;
      const { min, max } = rangeOf(scalar.of.index, scope.axes, scope.batchMax);
      return Math.max(-min, max) <= 2 ** 24 ? scalar.of.index : undefined;
    }
    default:
      return undefined;
  }
}

/** Whether no value of the affine, and of its negation, leaves 32 bits. */
function fitsInteger(affine: Affine, scope: Scope): boolean {
  const { min, max } = rangeOf(scaleAffine(affine, 1), scope.axes, scope.batchMax);
  return min >= -(2 ** 31) + 1 && max < 2 ** 31 - 1;
}
