import { describe, expect, it } from "vitest";
import { axisAffine, modAffine, offsetAffine, scaleAffine } from "../../compiler/graph/affine.ts";
import { always, and, nonnegative, not, or, zero } from "../../compiler/graph/condition.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import type { DType } from "../../compiler/graph/dtype.ts";
import { fixed } from "../../compiler/graph/extent.ts";
import type { Scalar } from "../../compiler/graph/node.ts";
import { algebraOf, type ScalarFunctionName } from "../../compiler/graph/scalar-functions.ts";
import { indexRules, rewriteScalar } from "../../compiler/optimize/rewrite-scalars.ts";
import { afterDifferentiationRules } from "../../compiler/optimize/rules/after-differentiation.ts";
import { logarithmRules } from "../../compiler/optimize/rules/logarithms.ts";
import type { ScalarRule, Scope } from "../../compiler/optimize/rules/rule.ts";
import { scalarRules } from "../../compiler/optimize/simplify.ts";

const context = new GraphContext();
const f = algebraOf(context, "f32");
const call = (fn: ScalarFunctionName, ...args: Scalar[]) => context.call(fn, ...args);
const number = (value: number, dtype: DType = "f32") => context.constant(value, dtype);
const leaf = (path: string, dtype: DType) => context.leaf("input", path, dtype, [fixed(9)]);
const element = (path: string, dtype: DType = "f32", guard = always) =>
  context.load(leaf(path, dtype), [axisAffine(0)], guard);

const x = element("x");
const y = element("y");
const k = element("k", "i32");
const byte = element("byte", "u8");
const p = element("p", "bool");
const q = element("q", "bool");
const i = axisAffine(0);
/** Axis 0 in the first half; never before 0. */
const half = nonnegative(offsetAffine(scaleAffine(i, -1), 4));
const isHalf = context.condition(half);
const index = context.index(i);
const positive = call("absolute", x);
const unused = number(Number.NaN);

const scope: Scope = { context, axes: [fixed(9)], batchMax: 1, where: always };

/** By rule: what it rewrites, and to what. */
const examples: Readonly<Record<string, readonly [left: Scalar, right: Scalar]>> = {
  // conversion
  simplifyLoad: [context.load(leaf("x", "f32"), [modAffine(i, 9)], nonnegative(i)), x],
  simplifyIndex: [context.index(modAffine(i, 9)), index],
  simplifyRandom: [context.random("s", modAffine(i, 9)), context.random("s", i)],
  fixedIndex: [context.index(modAffine(scaleAffine(i, 2), 2)), number(0, "i32")],
  gatherAtAxes: [
    context.gather(leaf("x", "f32"), [context.index(offsetAffine(i, -2))]),
    context.load(leaf("x", "f32"), [offsetAffine(i, -2)], nonnegative(offsetAffine(i, -2))),
  ],
  guardedOut: [element("x", "f32", nonnegative(offsetAffine(i, -9))), number(0)],
  castTwice: [f.cast(f.cast(byte, "i32"), "f32"), f.cast(byte, "f32")],
  castConstant: [f.cast(number(2.5), "i32"), number(2, "i32")],
  foldConstants: [call("exp", number(1)), number(Math.E)],
  addIndexes: [
    call("add", index, call("multiply", index, number(3, "i32"))),
    context.index(scaleAffine(i, 4)),
  ],
  negateIndex: [call("negate", index), context.index(scaleAffine(i, -1))],

  // arithmetic
  constantSecond: [f.add(number(2), x), f.add(x, number(2))],
  addZero: [f.add(x, number(0)), x],
  subtractZero: [call("subtract", k, number(0, "i32")), k],
  subtractFromZero: [f.subtract(number(0), x), f.negate(x)],
  subtractConstant: [f.subtract(x, number(2)), f.add(x, number(-2))],
  multiplyOne: [f.multiply(x, number(1)), x],
  multiplyMinusOne: [f.multiply(x, number(-1)), f.negate(x)],
  multiplyZero: [call("multiply", k, number(0, "i32")), number(0, "i32")],
  multiplySame: [f.multiply(x, x), call("square", x)],
  divideOne: [f.divide(x, number(1)), x],
  divideIntoOne: [f.divide(number(1), x), call("reciprocal", x)],
  dividePowerOfTwo: [f.divide(x, number(8)), f.multiply(x, number(0.125))],
  floorDivideOne: [call("floordivide", k, number(1, "i32")), k],
  negateNegate: [f.negate(f.negate(x)), x],
  negateSubtract: [f.negate(f.subtract(x, y)), f.subtract(y, x)],
  negateMultiple: [f.negate(f.multiply(x, number(3))), f.multiply(x, number(-3))],
  addNegated: [f.add(x, f.negate(y)), f.subtract(x, y)],
  negatedAdd: [f.add(f.negate(x), y), f.subtract(y, x)],
  subtractNegated: [f.subtract(x, f.negate(y)), f.add(x, y)],
  negatedMultiple: [f.multiply(f.negate(x), number(3)), f.multiply(x, number(-3))],
  negatedFirst: [f.divide(f.negate(x), y), f.negate(f.divide(x, y))],
  negatedSecond: [f.multiply(x, f.negate(y)), f.negate(f.multiply(x, y))],
  evenOfNegated: [call("cosh", f.negate(x)), call("cosh", x)],
  squareOfAbsolute: [call("square", positive), call("square", x)],
  absoluteOfNonnegative: [call("absolute", call("exp", x)), call("exp", x)],
  extremumOfSame: [call("maximum", x, x), x],
  maximumTwice: [
    call("maximum", call("maximum", x, number(1)), number(2)),
    call("maximum", x, number(2)),
  ],
  minimumTwice: [
    call("minimum", call("minimum", x, number(1)), number(2)),
    call("minimum", x, number(1)),
  ],
  maximumBelowRange: [call("maximum", call("exp", x), number(-1)), call("exp", x)],
  minimumAboveRange: [call("minimum", call("tanh", x), number(1)), call("tanh", x)],

  // elementary
  powerZero: [call("power", x, number(0)), number(1)],
  powerOne: [call("power", x, number(1)), x],
  powerTwo: [call("power", x, number(2)), call("square", x)],
  powerThree: [call("power", x, number(3)), f.multiply(call("square", x), x)],
  powerFour: [call("power", x, number(4)), call("square", call("square", x))],
  powerMinusOne: [call("power", x, number(-1)), call("reciprocal", x)],
  powerHalf: [call("power", x, number(0.5)), call("sqrt", x)],
  powerMinusHalf: [call("power", x, number(-0.5)), call("rsqrt", x)],
  reciprocalOfRoot: [call("reciprocal", call("sqrt", x)), call("rsqrt", x)],
  reciprocalTwice: [call("reciprocal", call("reciprocal", x)), x],
  rootOfSquare: [call("sqrt", call("square", x)), positive],
  logOfExp: [call("log", call("exp", x)), x],
  expOfLog: [call("exp", call("log", positive)), positive],
  log1pOfExp: [call("log1p", call("exp", x)), call("softplus", x)],
  sigmoidWrittenOut: [
    f.divide(number(1), f.add(number(1), call("exp", f.negate(x)))),
    call("sigmoid", x),
  ],

  // logic
  simplifyCondition: [context.condition(and(half, nonnegative(i))), isHalf],
  notNot: [call("logicalNot", call("logicalNot", p)), p],
  notEqual: [call("logicalNot", call("equal", x, y)), call("notEqual", x, y)],
  notNotEqual: [call("logicalNot", call("notEqual", x, y)), call("equal", x, y)],
  andConstant: [call("logicalAnd", p, number(0, "bool")), number(0, "bool")],
  orConstant: [call("logicalOr", p, number(0, "bool")), p],
  sameTwice: [call("logicalAnd", p, p), p],
  compareSame: [call("less", k, k), number(0, "bool")],
  neverLess: [call("less", call("exp", x), number(0)), number(0, "bool")],
  compareIndexes: [call("lessEqual", index, number(4, "i32")), isHalf],
  notCondition: [call("logicalNot", context.condition(zero(i))), context.condition(not(zero(i)))],
  andCondition: [
    call("logicalAnd", isHalf, context.condition(zero(modAffine(i, 2)))),
    context.condition(and(half, zero(modAffine(i, 2)))),
  ],
  orCondition: [
    call("logicalOr", isHalf, context.condition(zero(modAffine(i, 2)))),
    context.condition(or(half, zero(modAffine(i, 2)))),
  ],
  selectConstant: [f.select(number(1, "bool"), x, y), x],
  selectSame: [f.select(p, x, x), x],
  selectNot: [f.select(call("logicalNot", p), x, y), f.select(p, y, x)],
  selectTruth: [f.select(p, number(1, "bool"), number(0, "bool")), p],
  selectSelectFirst: [f.select(p, f.select(p, x, y), unused), f.select(p, x, unused)],
  selectSelectSecond: [f.select(p, x, f.select(p, unused, y)), f.select(p, x, y)],
  selectLoadOrZero: [f.select(isHalf, x, number(0)), element("x", "f32", half)],
  selectZeroOrLoad: [f.select(isHalf, number(0), x), element("x", "f32", not(half))],
  multiplyIndicator: [f.multiply(f.select(q, number(1), number(0)), y), f.select(q, y, number(0))],

  // after differentiation
  stopGradient: [call("stopGradient", x), x],
  scaleGradient: [call("scaleGradient", x, y), x],
  constantExtremumSecond: [call("maximum", number(0), x), call("maximum", x, number(0))],

  // logarithms
  stableLog: [call("log", call("sigmoid", x)), f.negate(call("softplus", f.negate(x)))],
  stableLog1p: [call("log1p", f.negate(call("sigmoid", x))), f.negate(call("softplus", x))],
  logOfOnePlus: [call("log", f.add(x, number(1))), call("log1p", x)],
  logOfOneMinus: [call("log", f.subtract(number(1), x)), call("log1p", f.negate(x))],
  expMinusOne: [f.add(call("exp", x), number(-1)), call("expm1", x)],
};

const lists: Readonly<Record<string, readonly ScalarRule[]>> = {
  "exact rules": scalarRules,
  "rules after differentiation": afterDifferentiationRules,
  "rules of logarithms": logarithmRules,
};

describe.each(Object.entries(lists))("%s", (_, rules) => {
  it.each(rules.filter((rule) => rule.name in examples).map((rule) => [rule.name, rule] as const))(
    "%s",
    (name, rule) => {
      const [left, right] = examples[name]!;
      const all = indexRules([rule], rules, scalarRules);
      expect(rewriteScalar(left, scope, all)).toBe(rewriteScalar(right, scope, all));
      if (left !== right) expect(rewriteScalar(left, scope, all)).toBe(right);
    },
  );

  it("has an example of each", () => {
    // normaliseOnce acts on sums; canonicalise.test.ts has its example.
    const missing = rules.map((rule) => rule.name).filter((name) => !(name in examples));
    expect(missing.filter((name) => name !== "normaliseOnce")).toEqual([]);
  });
});
