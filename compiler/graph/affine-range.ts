/**
 * What values affine expressions have over a box of axes, for every N at once, and which of their quotients that decides.
 */

import {
  type Affine,
  type Atom,
  addAffine,
  atomAffine,
  constantAffine,
  divAffine,
  isQuotient,
  make,
  mapAtoms,
  modAffine,
  offsetAffine,
  scaleAffine,
  soleAtom,
} from "./affine.ts";
import type { Extent } from "./extent.ts";

export interface Range {
  readonly min: number;
  readonly max: number;
}

/** Bounds over the box of the axes (each 0 … extent−1) at one N; sound, and tight without div and mod. */
export function rangeAt(a: Affine, axes: readonly Extent[], n: number): Range {
  return rangeBetween(a, axes, n, n);
}

/** Bounds that hold for every 1 ≤ N ≤ nmax. */
export function rangeOf(a: Affine, axes: readonly Extent[], nmax: number): Range {
  return rangeBetween(a, axes, 1, nmax);
}

function rangeBetween(a: Affine, axes: readonly Extent[], first: number, last: number): Range {
  const { min, max } = boundsOf(a, axes, first, last);
  return {
    min: Math.min(at(min, first), at(min, last)),
    max: Math.max(at(max, first), at(max, last)),
  };
}

/** batch·N + constant */
interface Bound {
  readonly batch: number;
  readonly constant: number;
}

interface Bounds {
  readonly min: Bound;
  readonly max: Bound;
}

function at({ batch, constant }: Bound, n: number): number {
  return batch * n + constant;
}

/**
 * Bounds at every N between `first` and `last`. A sum of axes has its own at corners of the box, and extents are affine
 * in N, so they are, too; those of a quotient are where the divisor divides their part in N, and numbers elsewhere.
 */
function boundsOf(a: Affine, axes: readonly Extent[], first: number, last: number): Bounds {
  const min = { batch: a.batch, constant: a.constant };
  const max = { batch: a.batch, constant: a.constant };
  for (let i = 0; i < a.terms.length; i++) {
    const { coefficient, atom } = a.terms[i]!;
    const inner = atomBounds(atom, axes, first, last);
    const low = coefficient > 0 ? inner.min : inner.max;
    const high = coefficient > 0 ? inner.max : inner.min;
    min.batch += coefficient * low.batch;
    min.constant += coefficient * low.constant;
    max.batch += coefficient * high.batch;
    max.constant += coefficient * high.constant;
  }
  return { min, max };
}

function fromZero(batch: number, constant: number): Bounds {
  return { min: { batch: 0, constant: 0 }, max: { batch, constant } };
}

function atomBounds(atom: Atom, axes: readonly Extent[], first: number, last: number): Bounds {
  if (atom.kind === "step") return fromZero(0, atom.length - 1);
  if (atom.kind === "axis") {
    const { batch, constant } = axes[atom.axis]!;
    return fromZero(batch, constant - 1);
  }
  const { kind, divisor } = atom;
  const base = boundsOf(atom.base, axes, first, last);
  const quotient = (bound: Bound, ends: (...values: number[]) => number): Bound =>
    bound.batch % divisor === 0
      ? { batch: bound.batch / divisor, constant: Math.floor(bound.constant / divisor) }
      : { batch: 0, constant: Math.floor(ends(at(bound, first), at(bound, last)) / divisor) };
  const low = quotient(base.min, Math.min);
  const high = quotient(base.max, Math.max);
  if (kind === "div") return { min: low, max: high };
  if (low.batch !== high.batch || low.constant !== high.constant) return fromZero(0, divisor - 1);
  const rest = ({ batch, constant }: Bound): Bound => ({
    batch: batch - divisor * low.batch,
    constant: constant - divisor * low.constant,
  });
  return { min: rest(base.min), max: rest(base.max) };
}

/**
 * The same function over the box of the axes, for every 1 ≤ N ≤ nmax, with fewer quotients: those whose value
 * the ranges tell, and those of quotients. `i1 div 28 -> 0` and `i1 mod 28 -> i1` for an axis below 28.
 */
export function simplifyAffine(a: Affine, axes: readonly Extent[], nmax: number): Affine {
  if (a.terms.every(({ atom }) => !isQuotient(atom))) return a;
  return rejoinQuotients(mapAtoms(a, (atom) => simplifyAtom(atom, axes, nmax)));
}

/** c·(u div c) + (u mod c) = u */
function rejoinQuotients(a: Affine): Affine {
  for (const { coefficient, atom } of a.terms) {
    if (atom.kind !== "mod") continue;
    const { base, divisor } = atom;
    const quotient = a.terms.find(
      (other) =>
        other.atom.kind === "div" &&
        other.atom.divisor === divisor &&
        other.atom.base.key === base.key &&
        other.coefficient === coefficient * divisor,
    );
    if (quotient === undefined) continue;
    const rest = a.terms.filter((term) => term.atom !== atom && term !== quotient);
    return rejoinQuotients(
      addAffine(make(a.constant, a.batch, rest), scaleAffine(base, coefficient)),
    );
  }
  return a;
}

function simplifyAtom(atom: Atom, axes: readonly Extent[], nmax: number): Affine {
  if (!isQuotient(atom)) return atomAffine(atom);
  const { divisor } = atom;
  const base = simplifyAffine(atom.base, axes, nmax);
  const { min, max } = rangeOf(base, axes, nmax);
  const quotient = Math.floor(min / divisor);
  if (quotient === Math.floor(max / divisor)) {
    return atom.kind === "div" ? constantAffine(quotient) : offsetAffine(base, -quotient * divisor);
  }
  const inner = soleAtom(base);
  // (x div a) div b = x div ab
  if (atom.kind === "div" && inner?.kind === "div") {
    return divAffine(inner.base, inner.divisor * divisor);
  }
  // (x mod ab) mod b = x mod b
  if (atom.kind === "mod" && inner?.kind === "mod" && inner.divisor % divisor === 0) {
    return modAffine(inner.base, divisor);
  }
  return atom.kind === "div" ? divAffine(base, divisor) : modAffine(base, divisor);
}
