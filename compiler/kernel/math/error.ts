/**
 * The error function: an odd polynomial about 0, and 1 − exp of a polynomial further out (N. Juffa's
 * coefficients; both sides below one unit in the last place).
 */

import { fma, multiply, select, subtract } from "../build.ts";
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
  // Beyond 4 erf is 1 to float32's last digit; the bound keeps the polynomial from overflowing.
  const far = b.let("far", select(greater(t, number(4)), number(4), t));
  const exponent = fma(
    polynomial(
      b,
      far,
      [
        -1.7285347e-5, 3.83197126e-4, -3.88396438e-3, 2.42546219e-2, -1.06777877e-1, -6.34846687e-1,
        -1.28717512e-1,
      ],
    ),
    far,
    negate(far),
  );
  const complement = subtract(number(1), exp(b, b.let("exponent", exponent)));
  const outer = copySign(b.let("outer", complement), x);
  return select(greater(t, number(0.927734375)), outer, near);
};
