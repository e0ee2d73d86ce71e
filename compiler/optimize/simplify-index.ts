/**
 * Simplifies index expressions and conditions by what is known of the axes: their extents, and conditions
 * that are assumed to hold. Reshapes compose into chains of `div` and `mod` that mostly cancel here; padding
 * and slicing compose into guards that mostly hold.
 *
 * Everything is exact integer arithmetic. The results are never larger than the input.
 */

import {
  type Affine,
  type Atom,
  addAffine,
  atomAffine,
  coefficientDivisor,
  constantAffine,
  divAffine,
  extentAffine,
  isQuotient,
  mapAtoms,
  modAffine,
  offsetAffine,
  scaleAffine,
  subtractAffine,
  type Term,
  zeroAffine,
} from "../graph/affine.ts";
import { rangeOf } from "../graph/affine-range.ts";
import {
  always,
  and,
  type Condition,
  divides,
  never,
  nonnegative,
  not,
  or,
  zero,
} from "../graph/condition.ts";
import { type Extent, isFixed, type Shape } from "../graph/extent.ts";

/** The box of an iteration space, for every 1 ≤ N ≤ batchMax. */
export interface Box {
  readonly axes: readonly Extent[];
  readonly batchMax: number;
}

/** An equal affine over the box, with fewer and simpler `div` and `mod`. */
export function simplifyAffine(affine: Affine, box: Box): Affine {
  if (affine.terms.every(({ atom }) => isSimple(atom, box))) return affine;
  return cancelRemainders(
    mapAtoms(affine, (atom) => simplifyAtom(atom, box)),
    box,
  );
}

/** Whether there is nothing to simplify. */
function isSimple(atom: Atom, box: Box): boolean {
  if (atom.kind === "step") return atom.length !== 1;
  if (atom.kind !== "axis") return false;
  const extent = box.axes[atom.axis]!;
  return !(isFixed(extent) && extent.constant === 1);
}

function simplifyAtom(atom: Atom, box: Box): Affine {
  switch (atom.kind) {
    // i = 0 on an axis of extent 1
    case "axis":
    case "step":
      return isSimple(atom, box) ? atomAffine(atom) : zeroAffine;
    case "div":
      return simplifyDiv(simplifyAffine(atom.base, box), atom.divisor, box);
    case "mod":
      return simplifyMod(simplifyAffine(atom.base, box), atom.divisor, box);
  }
}

/** floor(base / divisor) of a simplified base. */
function simplifyDiv(base: Affine, divisor: number, box: Box): Affine {
  const quotient = plainQuotient(base, divisor, box);
  if (quotient !== undefined) return quotient;
  const inner = onlyAtom(base);
  // (x div a + c) div b = (x + a·c) div (a·b)
  if (inner?.kind === "div") {
    const merged = offsetAffine(inner.base, inner.divisor * base.constant);
    return simplifyDiv(merged, inner.divisor * divisor, box);
  }
  // (x mod (a·b)) div b = (x div b) mod a
  if (inner?.kind === "mod" && base.constant === 0 && inner.divisor % divisor === 0) {
    return simplifyMod(simplifyDiv(inner.base, divisor, box), inner.divisor / divisor, box);
  }
  return withoutPlainQuotients(divAffine(base, divisor), box);
}

/** base − divisor·floor(base / divisor) of a simplified base. */
function simplifyMod(base: Affine, divisor: number, box: Box): Affine {
  const quotient = plainQuotient(base, divisor, box);
  if (quotient !== undefined) return subtractAffine(base, scaleAffine(quotient, divisor));
  // c·(x mod a) ≡ c·x (mod b) where b | c·a
  const absorbed = base.terms.find(
    ({ coefficient, atom }) => atom.kind === "mod" && (coefficient * atom.divisor) % divisor === 0,
  );
  if (absorbed?.atom.kind === "mod") {
    const { coefficient, atom } = absorbed;
    const others = subtractAffine(base, termAffine(absorbed));
    return simplifyMod(addAffine(others, scaleAffine(atom.base, coefficient)), divisor, box);
  }
  return withoutPlainQuotients(modAffine(base, divisor), box);
}

/** floor(base / divisor) if it is one number all over the box, or as many more than one as the base is of two neighbours. */
function plainQuotient(base: Affine, divisor: number, box: Box): Affine | undefined {
  const { min, max } = rangeOf(base, box.axes, box.batchMax);
  const low = Math.floor(min / divisor);
  if (low === Math.floor(max / divisor)) return constantAffine(low);
  // (i + d − 1) div d = i for 0 ≤ i ≤ 1
  return max - min === 1 ? offsetAffine(base, low - min) : undefined;
}

/** Replaces each `div` and `mod` whose quotient needs no division all over the box. */
function withoutPlainQuotients(affine: Affine, box: Box): Affine {
  return mapAtoms(affine, (atom) => {
    if (!isQuotient(atom)) return atomAffine(atom);
    const { kind, base, divisor } = atom;
    const quotient = plainQuotient(base, divisor, box);
    if (quotient === undefined) return atomAffine(atom);
    return kind === "div" ? quotient : subtractAffine(base, scaleAffine(quotient, divisor));
  });
}

/** c·m·(x div m) + c·(x mod m) = c·x, wherever that leaves fewer quotients and remainders. */
function cancelRemainders(affine: Affine, box: Box): Affine {
  for (const term of affine.terms) {
    if (term.atom.kind !== "mod") continue;
    const { base, divisor } = term.atom;
    const expanded = subtractAffine(base, scaleAffine(simplifyDiv(base, divisor, box), divisor));
    const others = subtractAffine(affine, termAffine(term));
    const candidate = addAffine(others, scaleAffine(expanded, term.coefficient));
    if (quotients(candidate) < quotients(affine)) return cancelRemainders(candidate, box);
  }
  return affine;
}

/**
 * c·b·((x div b) mod a) + c·(x mod b) = c·(x mod a·b): neighbouring parts of a number that was taken apart. It
 * hides the parts from other rules, so it comes last.
 */
export function joinRemainders(affine: Affine, box: Box): Affine {
  for (const low of affine.terms) {
    if (low.atom.kind !== "mod") continue;
    const { base, divisor } = low.atom;
    const next = simplifyDiv(base, divisor, box).key;
    const high = affine.terms.find(
      ({ coefficient, atom }) =>
        atom.kind === "mod" && atom.base.key === next && coefficient === low.coefficient * divisor,
    );
    if (high?.atom.kind !== "mod") continue;
    const others = subtractAffine(subtractAffine(affine, termAffine(low)), termAffine(high));
    const joined = modAffine(base, divisor * high.atom.divisor);
    return joinRemainders(addAffine(others, scaleAffine(joined, low.coefficient)), box);
  }
  return affine;
}

/** How many `div` and `mod` an affine has, nested ones included. */
export function quotients(affine: Affine): number {
  let count = 0;
  for (const { atom } of affine.terms) {
    if (isQuotient(atom)) count += 1 + quotients(atom.base);
  }
  return count;
}

/**
 * The place of an element in a row-major tensor. Reshapes that only regroup dimensions vanish here: `[k div
 * 28, k mod 28]` in [28, 28] is place k. Dimensions after the first are fixed, as N leads a shape.
 */
export function linearOffset(index: readonly Affine[], shape: Shape, box: Box): Affine {
  let offset = zeroAffine;
  index.forEach((position, dimension) => {
    offset = addAffine(scaleAffine(offset, shape[dimension]!.constant), position);
  });
  return simplifyAffine(offset, box);
}

function termAffine({ coefficient, atom }: Term): Affine {
  return scaleAffine(atomAffine(atom), coefficient);
}

/** The atom of `atom + constant`. */
function onlyAtom(affine: Affine): Atom | undefined {
  const [term] = affine.terms;
  return affine.terms.length === 1 && affine.batch === 0 && term?.coefficient === 1
    ? term.atom
    : undefined;
}

/**
 * An equal condition wherever the axes are in the box and `assumed` holds, without the parts that always or
 * never hold there.
 */
export function simplifyGuard(
  condition: Condition,
  box: Box,
  assumed: Condition = always,
): Condition {
  const facts = factsOf(assumed);
  const simplify = (c: Condition): Condition => {
    switch (c.kind) {
      case "true":
      case "false":
        return c;
      case "nonnegative":
        return decide(nonnegative(tighten(simplifyAffine(c.value, box))), facts, box);
      case "zero":
        return decide(simplifyZero(simplifyAffine(c.value, box)), facts, box);
      case "divides":
        return decide(divides(c.divisor, reduceModulo(c.value, c.divisor, box)), facts, box);
      case "not":
        return not(simplify(c.of));
      case "and":
        return withoutImplied(and(...c.of.map(simplify)), box);
      case "or":
        return or(...c.of.map(simplify));
    }
  };
  return simplify(condition);
}

/** The parts of a conjunction. */
export function factsOf(condition: Condition): readonly Condition[] {
  if (condition.kind === "and") return condition.of;
  return condition.kind === "true" ? [] : [condition];
}

function decide(c: Condition, facts: readonly Condition[], box: Box): Condition {
  if (facts.some((fact) => fact.key === c.key)) return always;
  const contrary = not(c);
  if (facts.some((fact) => fact.key === contrary.key)) return never;
  if (c.kind === "nonnegative") {
    if (isNonnegative(c.value, facts, box)) return always;
    const below = offsetAffine(scaleAffine(c.value, -1), -1);
    return isNonnegative(below, facts, box) ? never : c;
  }
  if (c.kind === "zero") {
    const above = offsetAffine(c.value, -1);
    const below = offsetAffine(scaleAffine(c.value, -1), -1);
    if (isNonnegative(above, facts, box) || isNonnegative(below, facts, box)) return never;
  }
  return c;
}

/** value ≥ 0 by the box alone, or because value − fact ≥ 0 and fact ≥ 0. */
function isNonnegative(value: Affine, facts: readonly Condition[], box: Box): boolean {
  const least = (a: Affine) => rangeOf(simplifyAffine(a, box), box.axes, box.batchMax).min;
  if (least(value) >= 0) return true;
  return facts.some(
    (fact) => fact.kind === "nonnegative" && least(subtractAffine(value, fact.value)) >= 0,
  );
}

/** Drops each inequality of a conjunction that another one of it implies. */
function withoutImplied(c: Condition, box: Box): Condition {
  if (c.kind !== "and") return c;
  const kept = [...c.of];
  for (const part of c.of) {
    if (part.kind !== "nonnegative") continue;
    const others = kept.filter((other) => other !== part);
    if (isNonnegative(part.value, others, box)) kept.splice(kept.indexOf(part), 1);
  }
  return kept.length === c.of.length ? c : and(...kept);
}

/** g·t + c ≥ 0 is t + floor(c / g) ≥ 0. */
function tighten(value: Affine): Affine {
  const divisor = coefficientDivisor(value);
  return divisor > 1 ? divAffine(value, divisor) : value;
}

/** g·t + c = 0 is t + c/g = 0 where g | c, else false. */
function simplifyZero(value: Affine): Condition {
  const divisor = coefficientDivisor(value);
  if (divisor > 1 && value.constant % divisor !== 0) return never;
  const reduced = divisor > 1 ? divAffine(value, divisor) : value;
  // v = 0 and −v = 0 are one condition: the first coefficient is positive
  const leading = reduced.terms[0]?.coefficient ?? reduced.batch;
  return zero(leading < 0 ? scaleAffine(reduced, -1) : reduced);
}

/** The value with every coefficient and the constant brought into 0 … divisor−1. */
function reduceModulo(value: Affine, divisor: number, box: Box): Affine {
  const simplified = simplifyAffine(value, box);
  const residue = (c: number) => c - divisor * Math.floor(c / divisor);
  let result = extentAffine({
    batch: residue(simplified.batch),
    constant: residue(simplified.constant),
  });
  for (const { coefficient, atom } of simplified.terms) {
    result = addAffine(result, scaleAffine(atomAffine(atom), residue(coefficient)));
  }
  return result;
}
