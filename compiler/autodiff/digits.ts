/**
 * Digits in mixed radix: `(u div low) mod (high / low)` is the digit of u between the places `low` and
 * `high`, and `u div low` the leading one, whose high is infinite. A number is the sum of its digits, each
 * times its low place: that is how a reshape is undone.
 */

import {
  type Affine,
  type Atom,
  addAffine,
  divAffine,
  isQuotient,
  offsetAffine,
  scaleAffine,
  soleAtom,
  zeroAffine,
} from "../graph/affine.ts";
import type { Range } from "../graph/affine-range.ts";
import { always, and, type Condition, inRange } from "../graph/condition.ts";
import { type Extent, fixed } from "../graph/extent.ts";

export interface Digit {
  readonly of: Affine;
  readonly low: number;
  readonly high: number;
}

/** The digit that a quotient or remainder is; undefined for an axis. */
export function digitOf(atom: Atom): Digit | undefined {
  if (!isQuotient(atom)) return undefined;
  const { base, divisor } = atom;
  const below = soleAtom(base);
  const inner = below === undefined ? undefined : digitOf(below);
  if (inner !== undefined) {
    const place = inner.low * divisor;
    const fits = inner.high === Infinity || inner.high % place === 0;
    if (fits && atom.kind === "div") return { of: inner.of, low: place, high: inner.high };
    if (fits) return { of: inner.of, low: inner.low, high: place };
  }
  return atom.kind === "div"
    ? { of: base, low: divisor, high: Infinity }
    : { of: base, low: 1, high: divisor };
}

/**
 * A number from some of its digits. A digit that is missing becomes a new axis. Undefined if the places do
 * not form one chain of divisors.
 */
export function joinDigits(
  digits: readonly { readonly digit: Digit; readonly value: Affine }[],
  newAxis: (extent: Extent) => Affine,
  rangeOf: (a: Affine) => Range,
): { readonly value: Affine; readonly domain: Condition } | undefined {
  const sorted = [...digits].sort((a, b) => a.digit.low - b.digit.low);
  const chain: { low: number; high: number; value: Affine | undefined }[] = [];
  let place = 1;
  for (const { digit, value } of sorted) {
    if (digit.low % place !== 0 || digit.low < place || place === Infinity) return undefined;
    if (digit.low > place) chain.push({ low: place, high: digit.low, value: undefined });
    chain.push({ low: digit.low, high: digit.high, value });
    place = digit.high;
  }
  if (place !== Infinity) chain.push({ low: place, high: Infinity, value: undefined });

  let total = zeroAffine;
  let domain: Condition = always;
  for (const { low, high, value } of chain) {
    let digit = value;
    if (digit === undefined && high !== Infinity) digit = newAxis(fixed(high / low));
    else if (digit === undefined) {
      // The leading digit takes the values that the number's range allows.
      const { min, max } = rangeOf(divAffine(sorted[0]!.digit.of, low));
      digit = offsetAffine(newAxis(fixed(max - min + 1)), min);
    } else if (high !== Infinity) {
      domain = and(domain, inRange(digit, fixed(high / low)));
    }
    total = addAffine(total, scaleAffine(digit, low));
  }
  return { value: total, domain };
}
