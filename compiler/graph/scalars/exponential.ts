/**
 * Exponentials, logarithms, roots, hyperbolic and error functions, and the two activations that need a stable
 * form of their own. Derivatives are written from the result where they can be, and none overflows in float32
 * for |x| up to 1e4.
 */

import { type Algebra, floating, row, type ScalarFunction } from "./row.ts";

export type ExponentialFunction =
  | "exp"
  | "expm1"
  | "log"
  | "log1p"
  | "sqrt"
  | "rsqrt"
  | "sinh"
  | "cosh"
  | "tanh"
  | "asinh"
  | "acosh"
  | "atanh"
  | "erf"
  | "erfinv"
  | "sigmoid"
  | "softplus";

const line = { min: -3, max: 3 };
const positive = { min: 0.25, max: 4 };

export const exponential: { readonly [K in ExponentialFunction]: ScalarFunction } = {
  exp: row({
    arity: 1,
    doc: "e to the power of x",
    builtin: "exp",
    resultType: floating,
    evaluate: (x) => Math.exp(x),
    derivative: (_f, _args, y) => [y],
    range: { min: 0, max: Infinity },
    cost: 10,
    monotone: "increasing",
    testDomain: [line],
    ulp: 2,
  }),
  expm1: row({
    arity: 1,
    doc: "exp(x) - 1, exact near 0",
    builtin: "expm1",
    resultType: floating,
    evaluate: (x) => Math.expm1(x),
    derivative: (f, _args, y) => [f.add(y, f.number(1))],
    range: { min: -1, max: Infinity },
    cost: 14,
    monotone: "increasing",
    testDomain: [line],
    ulp: 2,
  }),
  log: row({
    arity: 1,
    doc: "the natural logarithm; -infinity at 0, NaN below",
    builtin: "log",
    resultType: floating,
    evaluate: (x) => Math.log(x),
    derivative: (f, [x]) => [f.call("reciprocal", x!)],
    cost: 12,
    monotone: "increasing",
    testDomain: [positive],
    ulp: 2,
  }),
  log1p: row({
    arity: 1,
    doc: "log(1 + x), exact near 0",
    builtin: "log1p",
    resultType: floating,
    evaluate: (x) => Math.log1p(x),
    derivative: (f, [x]) => [f.call("reciprocal", f.add(f.number(1), x!))],
    cost: 14,
    monotone: "increasing",
    testDomain: [{ min: -0.7, max: 3 }],
    ulp: 2,
  }),
  sqrt: row({
    arity: 1,
    doc: "the square root; NaN below 0",
    builtin: "sqrt",
    resultType: floating,
    evaluate: (x) => Math.sqrt(x),
    derivative: (f, _args, y) => [f.divide(f.number(0.5), y)],
    range: { min: 0, max: Infinity },
    cost: 4,
    monotone: "increasing",
    testDomain: [positive],
  }),
  rsqrt: row({
    arity: 1,
    doc: "1 / sqrt(x)",
    builtin: "rsqrt",
    resultType: floating,
    evaluate: (x) => 1 / Math.sqrt(x),
    derivative: (f, _args, y) => [f.multiply(f.number(-0.5), f.multiply(y, f.multiply(y, y)))],
    range: { min: 0, max: Infinity },
    cost: 8,
    expand: (f, [x]) => f.divide(f.number(1), f.call("sqrt", x!)),
    testDomain: [positive],
    ulp: 2,
  }),
  sinh: row({
    arity: 1,
    doc: "the hyperbolic sine",
    builtin: "sinh",
    resultType: floating,
    evaluate: (x) => Math.sinh(x),
    derivative: (f, [x]) => [f.call("cosh", x!)],
    cost: 18,
    monotone: "increasing",
    testDomain: [line],
    ulp: 4,
  }),
  cosh: row({
    arity: 1,
    doc: "the hyperbolic cosine",
    builtin: "cosh",
    resultType: floating,
    evaluate: (x) => Math.cosh(x),
    derivative: (f, [x]) => [f.call("sinh", x!)],
    range: { min: 1, max: Infinity },
    cost: 18,
    testDomain: [line],
    ulp: 4,
  }),
  tanh: row({
    arity: 1,
    doc: "the hyperbolic tangent",
    builtin: "tanh",
    resultType: floating,
    evaluate: (x) => Math.tanh(x),
    // 1 - y² = (1 - y)(1 + y), which keeps its digits near ±1.
    derivative: (f, _args, y) => [f.multiply(f.subtract(f.number(1), y), f.add(f.number(1), y))],
    range: { min: -1, max: 1 },
    cost: 14,
    monotone: "increasing",
    testDomain: [line],
    ulp: 4,
  }),
  asinh: row({
    arity: 1,
    doc: "the inverse hyperbolic sine",
    builtin: "asinh",
    resultType: floating,
    evaluate: (x) => Math.asinh(x),
    derivative: (f, [x]) => [f.call("rsqrt", f.add(f.number(1), f.call("square", x!)))],
    cost: 20,
    monotone: "increasing",
    testDomain: [line],
    ulp: 4,
  }),
  acosh: row({
    arity: 1,
    doc: "the inverse hyperbolic cosine, of x ≥ 1",
    builtin: "acosh",
    resultType: floating,
    evaluate: (x) => Math.acosh(x),
    derivative: (f, [x]) => [
      f.call("rsqrt", f.multiply(f.subtract(x!, f.number(1)), f.add(x!, f.number(1)))),
    ],
    range: { min: 0, max: Infinity },
    cost: 20,
    monotone: "increasing",
    testDomain: [{ min: 1.25, max: 4 }],
    ulp: 4,
  }),
  atanh: row({
    arity: 1,
    doc: "the inverse hyperbolic tangent, of |x| < 1",
    builtin: "atanh",
    resultType: floating,
    evaluate: (x) => Math.atanh(x),
    derivative: (f, [x]) => [
      f.call("reciprocal", f.multiply(f.subtract(f.number(1), x!), f.add(f.number(1), x!))),
    ],
    cost: 20,
    monotone: "increasing",
    testDomain: [{ min: -0.8, max: 0.8 }],
    ulp: 4,
  }),
  erf: row({
    arity: 1,
    doc: "the error function, 2/√π · ∫₀ˣ exp(-t²) dt",
    builtin: "erf",
    resultType: floating,
    evaluate: erf,
    derivative: (f, [x]) => [
      f.multiply(f.number(2 / Math.sqrt(Math.PI)), f.call("exp", f.negate(f.call("square", x!)))),
    ],
    range: { min: -1, max: 1 },
    cost: 20,
    monotone: "increasing",
    testDomain: [line],
    ulp: 4,
  }),
  erfinv: row({
    arity: 1,
    doc: "the inverse of erf; infinite at ±1, NaN beyond",
    builtin: "erfinv",
    resultType: floating,
    evaluate: erfinv,
    derivative: (f, _args, y) => [
      f.multiply(f.number(Math.sqrt(Math.PI) / 2), f.call("exp", f.call("square", y))),
    ],
    cost: 30,
    monotone: "increasing",
    expand: <S>(f: Algebra<S>, [x]: readonly S[]): S => {
      // Mike Giles, "Approximating the erfinv function" (2011), the single precision polynomials.
      const horner = (w: S, coefficients: readonly number[]) =>
        coefficients
          .map((c) => f.number(c))
          .reduce((sum, coefficient) => f.call("fma", sum, w, coefficient));
      const w = f.negate(
        f.call("log", f.multiply(f.subtract(f.number(1), x!), f.add(f.number(1), x!))),
      );
      const central = horner(
        f.subtract(w, f.number(2.5)),
        [
          2.81022636e-8, 3.43273939e-7, -3.5233877e-6, -4.39150654e-6, 0.00021858087,
          -0.00125372503, -0.00417768164, 0.246640727, 1.50140941,
        ],
      );
      const tail = horner(
        f.subtract(f.call("sqrt", w), f.number(3)),
        [
          -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773,
          -0.0076224613, 0.00943887047, 1.00167406, 2.83297682,
        ],
      );
      const inner = f.multiply(f.select(f.less(w, f.number(5)), central, tail), x!);
      // At ±1 the tail meets infinity - infinity.
      const isEnd = f.equal(f.call("absolute", x!), f.number(1));
      return f.select(isEnd, f.multiply(x!, f.number(Infinity)), inner);
    },
    testDomain: [{ min: -0.9, max: 0.9 }],
    ulp: 8,
  }),
  sigmoid: row({
    arity: 1,
    doc: "1 / (1 + exp(-x))",
    builtin: "sigmoid",
    resultType: floating,
    evaluate: (x) => {
      const e = Math.exp(-Math.abs(x));
      return x >= 0 ? 1 / (1 + e) : e / (1 + e);
    },
    derivative: (f, _args, y) => [f.multiply(y, f.subtract(f.number(1), y))],
    range: { min: 0, max: 1 },
    cost: 16,
    monotone: "increasing",
    // 1 / (1 + exp(-x)): exp overflows to infinity below, whose reciprocal is the right 0.
    expand: (f, [x]) => f.divide(f.number(1), f.add(f.number(1), f.call("exp", f.negate(x!)))),
    testDomain: [line],
    ulp: 4,
  }),
  softplus: row({
    arity: 1,
    doc: "log(1 + exp(x)), computed as max(x, 0) + log1p(exp(-|x|))",
    builtin: "softplus",
    resultType: floating,
    evaluate: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
    derivative: (f, [x]) => [f.call("sigmoid", x!)],
    range: { min: 0, max: Infinity },
    cost: 26,
    monotone: "increasing",
    expand: (f, [x]) =>
      f.add(
        f.call("maximum", x!, f.number(0)),
        f.call("log1p", f.call("exp", f.negate(f.call("absolute", x!)))),
      ),
    testDomain: [line],
    ulp: 4,
  }),
};

/**
 * By the Maclaurin series exp(-x²)·Σ 2ⁿx²ⁿ⁺¹/(2n+1)!! (all terms positive, so nothing cancels) up to 2.5, and
 * by the continued fraction of erfc beyond (Abramowitz and Stegun 7.1.6 and 7.1.14).
 */
function erf(x: number): number {
  const a = Math.abs(x);
  if (Number.isNaN(a)) return a;
  if (a > 6) return Math.sign(x);
  if (a < 2.5) {
    let term = a;
    let sum = a;
    for (let n = 1; term > sum * 1e-17; n++) {
      term *= (2 * a * a) / (2 * n + 1);
      sum += term;
    }
    return (Math.sign(x) * 2 * sum * Math.exp(-a * a)) / Math.sqrt(Math.PI);
  }
  let tail = 0;
  for (let n = 60; n >= 1; n--) tail = n / 2 / (a + tail);
  return Math.sign(x) * (1 - Math.exp(-a * a) / Math.sqrt(Math.PI) / (a + tail));
}

/**
 * Halley's iteration on erf(y) = x, started from Winitzki's approximation; the residue is taken on the side
 * of erfc for |x| near 1, where 1 - erf(y) has the digits.
 */
function erfinv(x: number): number {
  const a = Math.abs(x);
  if (!(a < 1)) return a === 1 ? Math.sign(x) * Infinity : NaN;
  if (a === 0) return x;
  const series = (y: number): number => {
    let term = y;
    let sum = y;
    for (let n = 1; term > sum * 1e-17; n++) {
      term *= (2 * y * y) / (2 * n + 1);
      sum += term;
    }
    return (2 * sum * Math.exp(-y * y)) / Math.sqrt(Math.PI);
  };
  const complement = (y: number): number => {
    let tail = 0;
    for (let n = 60; n >= 1; n--) tail = n / 2 / (y + tail);
    return Math.exp(-y * y) / Math.sqrt(Math.PI) / (y + tail);
  };
  const l = Math.log((1 - a) * (1 + a));
  const b = 2 / (Math.PI * 0.147) + l / 2;
  let y = Math.sqrt(Math.sqrt(b * b - l / 0.147) - b);
  for (let step = 0; step < 4; step++) {
    const residue = y < 2.5 ? series(y) - a : 1 - a - complement(y);
    const newton = residue / ((2 / Math.sqrt(Math.PI)) * Math.exp(-y * y));
    const change = newton / (1 + y * newton);
    y -= change;
    // What is left is of the order of the change's cube.
    if (Math.abs(change) < 1e-7 * y) break;
  }
  return Math.sign(x) * y;
}
