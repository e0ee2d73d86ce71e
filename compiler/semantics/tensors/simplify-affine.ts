/** Quotients and remainders that a box makes plain: `j div 28` where j < 28 is 0, `j mod 28` is j. */

import {
  type Affine,
  addAffine,
  atomAffine,
  constantAffine,
  divAffine,
  extentAffine,
  isQuotient,
  modAffine,
  offsetAffine,
  scaleAffine,
} from "../../graph/affine.ts";
import { rangeOf } from "../../graph/affine-range.ts";
import type { Extent } from "../../graph/extent.ts";

/** The same function over the box, for every 1 ≤ N ≤ nmax. */
export function simplifyAffine(a: Affine, axes: readonly Extent[], nmax: number): Affine {
  if (a.terms.every(({ atom }) => !isQuotient(atom))) return a;
  let result = extentAffine(a);
  for (const term of a.terms) {
    result = addAffine(result, scaleAffine(simplifyTerm(term.atom, axes, nmax), term.coefficient));
  }
  return result;
}

function simplifyTerm(
  atom: Affine["terms"][number]["atom"],
  axes: readonly Extent[],
  nmax: number,
): Affine {
  if (!isQuotient(atom)) return atomAffine(atom);
  const base = simplifyAffine(atom.base, axes, nmax);
  const range = rangeOf(base, axes, nmax);
  const low = Math.floor(range.min / atom.divisor);
  const high = Math.floor(range.max / atom.divisor);
  if (low !== high) {
    return atom.kind === "div" ? divAffine(base, atom.divisor) : modAffine(base, atom.divisor);
  }
  return atom.kind === "div" ? constantAffine(low) : offsetAffine(base, -low * atom.divisor);
}
