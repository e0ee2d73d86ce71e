/**
 * The error function: an odd polynomial about 0 (N. Juffa's coefficients), and 1 − exp(−x²)·q(x) further out. The
 * derivatives of what it is used in have the same exp(−x²), so that C compilers compute it once.
 */

import { fma, multiply, operation, select } from "../build.ts";
import { exp } from "./exponential.ts";
import {
  absolute,
  copySign,
  type Formula,
  greater,
  negate,
  number,
  polynomial,
} from "./formula.ts";

/**
 * Coefficients of erfc(x)·exp(x²) that make the largest error of erf smallest for 0.9277 ≤ x ≤ 3.95, where it becomes 1, by
 * weighted least squares (Lawson 1961): 0.4 units in the last place.
 */
const farCoefficients = [
  -4.5477622e-4, 6.8224231e-3, -4.5245811e-2, 1.7612763e-1, -4.5155972e-1, 8.119469e-1, -1.058461,
  9.8840779e-1,
];

export const erf: Formula = (b, x) => {
  const t = b.let("t", absolute(x));
  const s = b.let("s", multiply(x, x));
  const near = fma(
    polynomial(
      b,
      s,
      [-5.96761703e-4, 4.99119423e-3, -2.67681349e-2, 1.12819925e-1, -3.76125336e-1, 1.28379166e-1],
    ),
    x,
    x,
  );
  // exp is 0 from there on; the bound keeps the polynomial finite.
  const far = b.let("far", operation("min", number(10), t));
  const quotient = polynomial(b, far, farCoefficients);
  const rest = b.let("rest", exp(b, b.let("exponent", negate(s))));
  const outer = fma(b.let("quotient", negate(quotient)), rest, number(1));
  const signed = copySign(b.let("outer", outer), x);
  return select(greater(t, number(0.927734375)), signed, near);
};
