/** Trigonometric functions and their inverses, in radians. */

import { floating, row, type ScalarFunction } from "./row.ts";

export type TrigonometricFunction = "sin" | "cos" | "tan" | "asin" | "acos" | "atan" | "atan2";

const line = { min: -3, max: 3 };
const inside = { min: -0.8, max: 0.8 };
const quarter = Math.PI / 2;

export const trigonometric: { readonly [K in TrigonometricFunction]: ScalarFunction } = {
  sin: row({
    arity: 1,
    doc: "the sine",
    builtin: "sin",
    resultType: floating,
    evaluate: (x) => Math.sin(x),
    derivative: (f, [x]) => [f.call("cos", x!)],
    range: { min: -1, max: 1 },
    cost: 14,
    testDomain: [line],
    ulp: 4,
  }),
  cos: row({
    arity: 1,
    doc: "the cosine",
    builtin: "cos",
    resultType: floating,
    evaluate: (x) => Math.cos(x),
    derivative: (f, [x]) => [f.negate(f.call("sin", x!))],
    range: { min: -1, max: 1 },
    cost: 14,
    testDomain: [line],
    ulp: 4,
  }),
  tan: row({
    arity: 1,
    doc: "the tangent",
    builtin: "tan",
    resultType: floating,
    evaluate: (x) => Math.tan(x),
    derivative: (f, _args, y) => [f.add(f.number(1), f.call("square", y))],
    cost: 20,
    testDomain: [{ min: -1.2, max: 1.2 }],
    ulp: 4,
  }),
  asin: row({
    arity: 1,
    doc: "the arc sine, of |x| ≤ 1",
    builtin: "asin",
    resultType: floating,
    evaluate: (x) => Math.asin(x),
    // 1 - x² = (1 - x)(1 + x)
    derivative: (f, [x]) => [
      f.call("rsqrt", f.multiply(f.subtract(f.number(1), x!), f.add(f.number(1), x!))),
    ],
    range: { min: -quarter, max: quarter },
    cost: 18,
    monotone: "increasing",
    testDomain: [inside],
    ulp: 4,
  }),
  acos: row({
    arity: 1,
    doc: "the arc cosine, of |x| ≤ 1",
    builtin: "acos",
    resultType: floating,
    evaluate: (x) => Math.acos(x),
    derivative: (f, [x]) => [
      f.negate(f.call("rsqrt", f.multiply(f.subtract(f.number(1), x!), f.add(f.number(1), x!)))),
    ],
    range: { min: 0, max: Math.PI },
    cost: 18,
    monotone: "decreasing",
    testDomain: [inside],
    ulp: 4,
  }),
  atan: row({
    arity: 1,
    doc: "the arc tangent",
    builtin: "atan",
    resultType: floating,
    evaluate: (x) => Math.atan(x),
    derivative: (f, [x]) => [f.call("reciprocal", f.add(f.number(1), f.call("square", x!)))],
    range: { min: -quarter, max: quarter },
    cost: 18,
    monotone: "increasing",
    testDomain: [line],
    ulp: 4,
  }),
  atan2: row({
    arity: 2,
    doc: "the angle of the point (x, y) = (second, first argument), in -π … π",
    builtin: "atan2",
    resultType: floating,
    evaluate: (y, x) => Math.atan2(y, x),
    // d/dy = x / (x² + y²), d/dx = -y / (x² + y²)
    derivative: (f, [y, x]) => {
      const squares = f.add(f.call("square", x!), f.call("square", y!));
      const scale = f.call("reciprocal", squares);
      return [f.multiply(x!, scale), f.negate(f.multiply(y!, scale))];
    },
    range: { min: -Math.PI, max: Math.PI },
    cost: 24,
    testDomain: [line, { min: 0.25, max: 3 }],
    ulp: 4,
  }),
};
