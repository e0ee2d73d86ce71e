/**
 * Arithmetic, rounding, and the larger and smaller of two. Integer results wrap at 32 bits; integer division
 * floors, and by zero gives 0 (as does the remainder), so that no target traps.
 */

import { floating, numeric, row, type ScalarFunction } from "./row.ts";

export type ArithmeticFunction =
  | "add"
  | "subtract"
  | "multiply"
  | "divide"
  | "floordivide"
  | "modulo"
  | "power"
  | "negate"
  | "absolute"
  | "sign"
  | "floor"
  | "ceil"
  | "round"
  | "trunc"
  | "square"
  | "reciprocal"
  | "maximum"
  | "minimum"
  | "fma";

const line = { min: -4, max: 4 };
const positive = { min: 0.25, max: 4 };

export const arithmetic: { readonly [K in ArithmeticFunction]: ScalarFunction } = {
  add: row({
    arity: 2,
    doc: "a + b",
    resultType: numeric,
    evaluate: (a, b) => a + b,
    derivative: (f) => [f.number(1), f.number(1)],
    isCommutative: true,
    spelling: { c: "+" },
    testDomain: [line, line],
  }),
  subtract: row({
    arity: 2,
    doc: "a - b",
    resultType: numeric,
    evaluate: (a, b) => a - b,
    derivative: (f) => [f.number(1), f.number(-1)],
    spelling: { c: "-" },
    testDomain: [line, line],
  }),
  multiply: row({
    arity: 2,
    doc: "a · b",
    resultType: numeric,
    evaluate: (a, b) => a * b,
    evaluateInteger: (a, b) => Math.imul(a, b),
    derivative: (_f, [a, b]) => [b!, a!],
    isCommutative: true,
    spelling: { c: "*" },
    testDomain: [line, line],
  }),
  divide: row({
    arity: 2,
    doc: "a / b, of floats; by zero it gives an infinity or NaN",
    resultType: floating,
    evaluate: (a, b) => a / b,
    derivative: (f, [, b], y) => [
      f.call("reciprocal", b!),
      f.negate(f.multiply(y, f.call("reciprocal", b!))),
    ],
    cost: 4,
    spelling: { c: "/" },
    testDomain: [line, positive],
  }),
  floordivide: row({
    arity: 2,
    doc: "floor(a / b), rounding towards minus infinity; of integers by zero 0",
    builtin: "floor_divide",
    resultType: numeric,
    evaluate: (a, b) => Math.floor(a / b),
    cost: 5,
    testDomain: [line, positive],
  }),
  modulo: row({
    arity: 2,
    doc: "a - b·floor(a / b): the remainder with the sign of b; of integers by zero 0",
    builtin: "mod",
    resultType: numeric,
    evaluate: (a, b) => {
      const remainder = a % b;
      return remainder !== 0 && remainder < 0 !== b < 0 ? remainder + b : remainder;
    },
    derivative: (f, [a, b]) => [f.number(1), f.negate(f.call("floordivide", a!, b!))],
    cost: 8,
    testDomain: [
      { min: 0.1, max: 0.9 },
      { min: 1, max: 2 },
    ],
  }),
  power: row({
    arity: 2,
    doc: "a to the power of b; NaN where a < 0 and b is no integer",
    builtin: "pow",
    resultType: floating,
    evaluate: (a, b) => a ** b,
    // d/da a^b = b·a^(b-1), 0 for b = 0 even at a = 0; d/db a^b = a^b·log(a), 0 for a ≤ 0.
    derivative: (f, [a, b], y) => [
      f.select(
        f.equal(b!, f.number(0)),
        f.number(0),
        f.multiply(b!, f.call("power", a!, f.subtract(b!, f.number(1)))),
      ),
      f.select(f.less(f.number(0), a!), f.multiply(y, f.call("log", a!)), f.number(0)),
    ],
    cost: 30,
    spelling: { c: "powf" },
    testDomain: [positive, { min: -2, max: 2 }],
    ulp: 4,
  }),
  negate: row({
    arity: 1,
    doc: "-x",
    resultType: numeric,
    evaluate: (x) => -x,
    derivative: (f) => [f.number(-1)],
    monotone: "decreasing",
    spelling: { c: "-" },
    testDomain: [line],
    ulp: 0,
  }),
  absolute: row({
    arity: 1,
    doc: "|x|; its derivative at 0 is 0",
    builtin: "abs",
    resultType: numeric,
    evaluate: (x) => Math.abs(x),
    derivative: (f, [x]) => [f.call("sign", x!)],
    range: { min: 0, max: Infinity },
    spelling: { c: "fabsf" },
    testDomain: [positive],
    ulp: 0,
  }),
  sign: row({
    arity: 1,
    doc: "-1, 0 or 1 as x is negative, zero or positive; derivative 0",
    builtin: "sign",
    resultType: numeric,
    evaluate: (x) => Math.sign(x),
    range: { min: -1, max: 1 },
    monotone: "increasing",
    cost: 2,
    expand: (f, [x]) =>
      f.select(
        f.less(f.number(0), x!),
        f.number(1),
        // Zero and NaN stand for themselves.
        f.select(f.less(x!, f.number(0)), f.number(-1), x!),
      ),
    testDomain: [positive],
    ulp: 0,
  }),
  floor: row({
    arity: 1,
    doc: "the largest whole number not above x; derivative 0",
    builtin: "floor",
    resultType: floating,
    evaluate: (x) => Math.floor(x),
    monotone: "increasing",
    testDomain: [{ min: 0.1, max: 0.9 }],
    ulp: 0,
  }),
  ceil: row({
    arity: 1,
    doc: "the smallest whole number not below x; derivative 0",
    builtin: "ceil",
    resultType: floating,
    evaluate: (x) => Math.ceil(x),
    monotone: "increasing",
    testDomain: [{ min: 0.1, max: 0.9 }],
    ulp: 0,
  }),
  round: row({
    arity: 1,
    doc: "the nearest whole number, the even one if two are as near; derivative 0",
    builtin: "round",
    resultType: floating,
    evaluate: (x) => {
      const up = Math.round(x);
      return up - x === 0.5 && up % 2 !== 0 ? up - 1 : up;
    },
    monotone: "increasing",
    // In the default rounding mode, which nothing changes, rint rounds half to even.
    spelling: { c: "rintf" },
    testDomain: [{ min: 0.6, max: 1.4 }],
    ulp: 0,
  }),
  trunc: row({
    arity: 1,
    doc: "x without its fraction; derivative 0",
    builtin: "trunc",
    resultType: floating,
    evaluate: (x) => Math.trunc(x),
    monotone: "increasing",
    testDomain: [{ min: 0.1, max: 0.9 }],
    ulp: 0,
  }),
  square: row({
    arity: 1,
    doc: "x²",
    builtin: "square",
    resultType: numeric,
    evaluate: (x) => x * x,
    evaluateInteger: (x) => Math.imul(x, x),
    derivative: (f, [x]) => [f.multiply(f.number(2), x!)],
    range: { min: 0, max: Infinity },
    expand: (f, [x]) => f.multiply(x!, x!),
    testDomain: [line],
  }),
  reciprocal: row({
    arity: 1,
    doc: "1 / x",
    builtin: "reciprocal",
    resultType: floating,
    evaluate: (x) => 1 / x,
    derivative: (f, _args, y) => [f.negate(f.multiply(y, y))],
    cost: 4,
    expand: (f, [x]) => f.divide(f.number(1), x!),
    testDomain: [positive],
  }),
  // Ties go to the first: where a = b it is a that gets the gradient, so that relu(x) = maximum(0, x) has
  // slope 0 at 0. clip(x, low, high) = minimum(maximum(x, low), high) passes the gradient at its bounds.
  maximum: row({
    arity: 2,
    doc: "the larger; NaN if either is; on ties the gradient goes to the first",
    builtin: "maximum",
    resultType: numeric,
    evaluate: (a, b) => Math.max(a, b),
    derivative: (f, [a], y) => [
      f.select(f.equal(a!, y), f.number(1), f.number(0)),
      f.select(f.equal(a!, y), f.number(0), f.number(1)),
    ],
    isCommutative: true,
    testDomain: [
      { min: 1, max: 2 },
      { min: -1, max: 0.9 },
    ],
    ulp: 0,
  }),
  minimum: row({
    arity: 2,
    doc: "the smaller; NaN if either is; on ties the gradient goes to the first",
    builtin: "minimum",
    resultType: numeric,
    evaluate: (a, b) => Math.min(a, b),
    derivative: (f, [a], y) => [
      f.select(f.equal(a!, y), f.number(1), f.number(0)),
      f.select(f.equal(a!, y), f.number(0), f.number(1)),
    ],
    isCommutative: true,
    testDomain: [
      { min: -2, max: -1 },
      { min: -0.9, max: 1 },
    ],
    ulp: 0,
  }),
  fma: row({
    arity: 3,
    doc: "a·b + c, rounded once",
    resultType: numeric,
    evaluate: (a, b, c) => a * b + c,
    evaluateInteger: (a, b, c) => Math.imul(a, b) + c,
    derivative: (f, [a, b]) => [b!, a!, f.number(1)],
    cost: 2,
    testDomain: [line, line, line],
  }),
};
