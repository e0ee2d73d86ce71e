/**
 * Comparison, logic and choice. Greater-than is less-than with its arguments swapped. Comparisons with NaN
 * are false, but for notEqual. Nothing here but `select` passes a derivative.
 */

import { type DType, isFloat } from "../dtype.ts";
import { boolean, equality, floating, ordering, row, type ScalarFunction } from "./row.ts";

export type LogicFunction =
  | "less"
  | "lessEqual"
  | "equal"
  | "notEqual"
  | "logicalAnd"
  | "logicalOr"
  | "logicalNot"
  | "select"
  | "stopGradient"
  | "scaleGradient"
  | "isNan"
  | "isFinite";

const line = { min: -4, max: 4 };
const truth = { min: 0, max: 1 };

/** A test of one float. */
const test = ([x]: readonly DType[]): DType | undefined =>
  x !== undefined && isFloat(x) ? "bool" : undefined;

export const logic: { readonly [K in LogicFunction]: ScalarFunction } = {
  less: row({
    arity: 2,
    doc: "a < b",
    resultType: ordering,
    evaluate: (a, b) => (a < b ? 1 : 0),
    range: truth,
    spelling: { c: "<" },
    testDomain: [line, line],
    ulp: 0,
  }),
  lessEqual: row({
    arity: 2,
    doc: "a ≤ b",
    resultType: ordering,
    evaluate: (a, b) => (a <= b ? 1 : 0),
    range: truth,
    spelling: { c: "<=" },
    testDomain: [line, line],
    ulp: 0,
  }),
  equal: row({
    arity: 2,
    doc: "a = b",
    resultType: equality,
    evaluate: (a, b) => (a === b ? 1 : 0),
    range: truth,
    isCommutative: true,
    spelling: { c: "==" },
    testDomain: [line, line],
    ulp: 0,
  }),
  notEqual: row({
    arity: 2,
    doc: "a ≠ b",
    resultType: equality,
    evaluate: (a, b) => (a !== b ? 1 : 0),
    range: truth,
    isCommutative: true,
    spelling: { c: "!=" },
    testDomain: [line, line],
    ulp: 0,
  }),
  logicalAnd: row({
    arity: 2,
    doc: "a and b",
    resultType: boolean,
    evaluate: (a, b) => (a !== 0 && b !== 0 ? 1 : 0),
    range: truth,
    isCommutative: true,
    spelling: { c: "&&" },
    testDomain: [truth, truth],
    ulp: 0,
  }),
  logicalOr: row({
    arity: 2,
    doc: "a or b",
    resultType: boolean,
    evaluate: (a, b) => (a !== 0 || b !== 0 ? 1 : 0),
    range: truth,
    isCommutative: true,
    spelling: { c: "||" },
    testDomain: [truth, truth],
    ulp: 0,
  }),
  logicalNot: row({
    arity: 1,
    doc: "not a",
    resultType: boolean,
    evaluate: (a) => (a !== 0 ? 0 : 1),
    range: truth,
    monotone: "decreasing",
    spelling: { c: "!" },
    testDomain: [truth],
    ulp: 0,
  }),
  select: row({
    arity: 3,
    doc: "the second where the condition holds, else the third; the other may be NaN unharmed",
    resultType: ([condition, a, b]) => (condition === "bool" && a === b ? a : undefined),
    evaluate: (condition, a, b) => (condition !== 0 ? a : b),
    derivative: (f, [condition]) => [
      null,
      f.select(condition!, f.number(1), f.number(0)),
      f.select(condition!, f.number(0), f.number(1)),
    ],
    spelling: { c: "?:" },
    testDomain: [truth, line, line],
    ulp: 0,
  }),
  stopGradient: row({
    arity: 1,
    doc: "x, with derivative 0",
    builtin: "stop_gradient",
    resultType: ([x]) => x,
    evaluate: (x) => x,
    cost: 0,
    monotone: "increasing",
    expand: (_f, [x]) => x!,
    testDomain: [line],
    ulp: 0,
  }),
  scaleGradient: row({
    arity: 2,
    doc: "the first, with its derivative multiplied by the second",
    resultType: floating,
    evaluate: (x) => x,
    derivative: (_f, [, scale]) => [scale!, null],
    cost: 0,
    expand: (_f, [x]) => x!,
    testDomain: [line, line],
    ulp: 0,
  }),
  isNan: row({
    arity: 1,
    doc: "whether x is NaN",
    builtin: "is_nan",
    resultType: test,
    evaluate: (x) => (Number.isNaN(x) ? 1 : 0),
    range: truth,
    expand: (f, [x]) => f.call("notEqual", x!, x!),
    testDomain: [line],
    ulp: 0,
  }),
  isFinite: row({
    arity: 1,
    doc: "whether x is neither infinite nor NaN",
    builtin: "is_finite",
    resultType: test,
    evaluate: (x) => (Number.isFinite(x) ? 1 : 0),
    range: truth,
    // Infinity - infinity and NaN - NaN are NaN, and NaN equals nothing.
    expand: (f, [x]) => f.equal(f.subtract(x!, x!), f.number(0)),
    testDomain: [line],
    ulp: 0,
  }),
};
