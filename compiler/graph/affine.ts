/**
 * Index expressions: integer functions of the axes of an iteration space that are affine in the axes,
 * in N, and in floor quotients (`div`) and remainders (`mod`) of such expressions by constants.
 *
 * Affines are plain values in a canonical form: terms are merged, without zero coefficients and sorted by
 * key, so two affines are the same function (up to identities on div and mod that are not applied) when
 * their keys are equal.
 *
 * All passes make affines, by the ten thousands, in code that is not yet optimized when a model is compiled: loops over terms
 * go by index, as V8 allocates for every step of an iterator there.
 */

import type { Extent } from "./extent.ts";
import { gcd } from "./gcd.ts";

export type Atom =
  | { readonly kind: "axis"; readonly axis: number }
  /** The number of the current iteration of a loop, 0 … length−1: fixed while a node is computed. */
  | { readonly kind: "step"; readonly loop: number; readonly length: number }
  /** floor(base / divisor); divisor > 1. */
  | { readonly kind: "div"; readonly base: Affine; readonly divisor: number }
  /** base − divisor·floor(base / divisor), in 0 … divisor−1; divisor > 1. */
  | { readonly kind: "mod"; readonly base: Affine; readonly divisor: number };

export interface Term {
  readonly coefficient: number;
  readonly atom: Atom;
}

/** constant + batch·N + Σ coefficient·atom. */
export interface Affine {
  readonly constant: number;
  readonly batch: number;
  readonly terms: readonly Term[];
  /** The content, as text: equal keys mean equal affines. */
  readonly key: string;
}

function atomKey(atom: Atom): string {
  switch (atom.kind) {
    case "axis":
      return firstAxisKeys[atom.axis] ?? `i${atom.axis}`;
    case "step":
      return `t${atom.loop}`;
    case "div":
      return `(${atom.base.key})/${atom.divisor}`;
    case "mod":
      return `(${atom.base.key})%${atom.divisor}`;
  }
}

/** Of more axes than most iteration spaces have. */
const firstAxisKeys: readonly string[] = Array.from({ length: 8 }, (_, axis) => `i${axis}`);

export function make(constant: number, batch: number, unmerged: readonly Term[]): Affine {
  const count = unmerged.length;
  if (count === 0) return canonical(constant, batch, unmerged);
  if (count === 1) {
    return canonical(constant, batch, unmerged[0]!.coefficient === 0 ? [] : unmerged);
  }
  const keys: string[] = [];
  const merged: Term[] = [];
  let cancels = false;
  for (let i = 0; i < count; i++) {
    const term = unmerged[i]!;
    const key = atomKey(term.atom);
    let at = keys.length;
    while (at > 0 && key < keys[at - 1]!) at--;
    if (at > 0 && keys[at - 1] === key) {
      const { coefficient, atom } = merged[at - 1]!;
      merged[at - 1] = { coefficient: coefficient + term.coefficient, atom };
      cancels ||= coefficient + term.coefficient === 0;
    } else if (at === keys.length) {
      keys.push(key);
      merged.push(term);
    } else {
      keys.splice(at, 0, key);
      merged.splice(at, 0, term);
    }
    cancels ||= term.coefficient === 0;
  }
  return canonical(
    constant,
    batch,
    cancels ? merged.filter(({ coefficient }) => coefficient !== 0) : merged,
  );
}

/** Of terms that are merged, without zero coefficients and sorted. */
function canonical(constant: number, batch: number, terms: readonly Term[]): Affine {
  let key = "";
  for (let i = 0; i < terms.length; i++) {
    const { coefficient, atom } = terms[i]!;
    if (i > 0) key += "+";
    if (coefficient !== 1) key += `${coefficient}*`;
    key += atomKey(atom);
  }
  if (batch !== 0) key += `${key === "" ? "" : "+"}${batch === 1 ? "" : `${batch}*`}N`;
  if (constant !== 0 || key === "") key += `${key === "" ? "" : "+"}${constant}`;
  // + 0 turns −0, from scaling by a negative number, into 0
  return { constant: constant + 0, batch: batch + 0, terms, key };
}

export function constantAffine(value: number): Affine {
  return make(value, 0, []);
}

export const zeroAffine: Affine = constantAffine(0);

export function axisAffine(axis: number): Affine {
  return firstAxes[axis] ?? soleAxis(axis);
}

function soleAxis(axis: number): Affine {
  return make(0, 0, [{ coefficient: 1, atom: { kind: "axis", axis } }]);
}

/** More axes than most iteration spaces have. */
const firstAxes: readonly Affine[] = Array.from({ length: 8 }, (_, axis) => soleAxis(axis));

/** The number of the current iteration of a loop that runs `length` times. */
export function stepAffine(loop: number, length: number): Affine {
  return make(0, 0, [{ coefficient: 1, atom: { kind: "step", loop, length } }]);
}

/** An atom alone. */
export function atomAffine(atom: Atom): Affine {
  if (atom.kind === "axis") return axisAffine(atom.axis);
  return make(0, 0, [{ coefficient: 1, atom }]);
}

/** Whether an atom is a quotient or a remainder. */
export function isQuotient(atom: Atom): atom is Extract<Atom, { readonly kind: "div" | "mod" }> {
  return atom.kind === "div" || atom.kind === "mod";
}

/** The value of an extent: batch·N + constant. */
export function extentAffine(extent: Extent): Affine {
  return make(extent.constant, extent.batch, []);
}

export function addAffine(a: Affine, b: Affine): Affine {
  if (a.terms.length === 0 || b.terms.length === 0) {
    const terms = a.terms.length === 0 ? b.terms : a.terms;
    return canonical(a.constant + b.constant, a.batch + b.batch, terms);
  }
  return make(a.constant + b.constant, a.batch + b.batch, [...a.terms, ...b.terms]);
}

export function scaleAffine(a: Affine, factor: number): Affine {
  if (factor === 0) return zeroAffine;
  if (factor === 1) return a;
  return canonical(
    a.constant * factor,
    a.batch * factor,
    a.terms.map(({ coefficient, atom }) => ({ coefficient: coefficient * factor, atom })),
  );
}

export function subtractAffine(a: Affine, b: Affine): Affine {
  return addAffine(a, scaleAffine(b, -1));
}

export function offsetAffine(a: Affine, offset: number): Affine {
  return offset === 0 ? a : canonical(a.constant + offset, a.batch, a.terms);
}

/** The value, if the affine is a number. */
export function constantValue(a: Affine): number | undefined {
  return a.terms.length === 0 && a.batch === 0 ? a.constant : undefined;
}

/** The axis, if the affine is that axis alone. */
export function bareAxis(a: Affine): number | undefined {
  const atom = soleAtom(a);
  return atom?.kind === "axis" ? atom.axis : undefined;
}

/** floor(a / divisor), simplified where terms are multiples of the divisor. */
export function divAffine(a: Affine, divisor: number): Affine {
  if (divisor === 1) return a;
  const [whole, rest] = splitMultiples(a, divisor);
  const value = constantValue(rest);
  if (value !== undefined) return offsetAffine(whole, Math.floor(value / divisor));
  const [base, common] = withoutCommonFactor(rest, divisor);
  return make(whole.constant, whole.batch, [
    ...whole.terms,
    { coefficient: 1, atom: { kind: "div", base, divisor: divisor / common } },
  ]);
}

/** a − divisor·floor(a / divisor), simplified where terms are multiples of the divisor. */
export function modAffine(a: Affine, divisor: number): Affine {
  if (divisor === 1) return zeroAffine;
  const [, rest] = splitMultiples(a, divisor);
  const value = constantValue(rest);
  if (value !== undefined) return constantAffine(value - divisor * Math.floor(value / divisor));
  const [base, common] = withoutCommonFactor(rest, divisor);
  return make(rest.constant % common, 0, [
    { coefficient: common, atom: { kind: "mod", base, divisor: divisor / common } },
  ]);
}

/** The greatest number that divides the coefficient of every term and that of N; 0 for a constant. */
export function coefficientDivisor(a: Affine): number {
  return a.terms.reduce((g, { coefficient }) => gcd(g, coefficient), Math.abs(a.batch));
}

/**
 * What `a` is over a factor that its terms and the divisor have in common, rounded down: (g·e + r) div (g·d) = e div d
 * and (g·e + r) mod (g·d) = g·(e mod d) + r, for 0 ≤ r < g.
 */
function withoutCommonFactor(a: Affine, divisor: number): [base: Affine, common: number] {
  const common = gcd(divisor, coefficientDivisor(a));
  if (common === 1) return [a, 1];
  const terms = a.terms.map(({ coefficient, atom }) => ({
    coefficient: coefficient / common,
    atom,
  }));
  return [make(Math.floor(a.constant / common), a.batch / common, terms), common];
}

/** a = divisor·whole + rest, with every multiple of the divisor in whole and 0 ≤ rest.constant < divisor. */
function splitMultiples(a: Affine, divisor: number): [whole: Affine, rest: Affine] {
  const quotient = (c: number) => Math.floor(c / divisor);
  const whole: Term[] = [];
  const rest: Term[] = [];
  for (const term of a.terms) {
    if (term.coefficient % divisor === 0) {
      whole.push({ coefficient: term.coefficient / divisor, atom: term.atom });
    } else {
      rest.push(term);
    }
  }
  const wholeBatch = a.batch % divisor === 0 ? a.batch / divisor : 0;
  return [
    make(quotient(a.constant), wholeBatch, whole),
    make(a.constant - divisor * quotient(a.constant), a.batch - divisor * wholeBatch, rest),
  ];
}

/** Replaces every axis; the results are affines over the new space. */
export function substituteAffine(a: Affine, replace: (axis: number) => Affine): Affine {
  return substituteAtoms(a, (atom) => (atom.kind === "axis" ? replace(atom.axis) : undefined));
}

/** Replaces the step of every loop for which `replace` gives something. */
export function substituteSteps(a: Affine, replace: (loop: number) => Affine | undefined): Affine {
  return substituteAtoms(a, (atom) => (atom.kind === "step" ? replace(atom.loop) : undefined));
}

function substituteAtoms(
  a: Affine,
  replace: (atom: Exclude<Atom, { readonly base: Affine }>) => Affine | undefined,
): Affine {
  return mapAtoms(a, (atom) =>
    atom.kind === "div"
      ? divAffine(substituteAtoms(atom.base, replace), atom.divisor)
      : atom.kind === "mod"
        ? modAffine(substituteAtoms(atom.base, replace), atom.divisor)
        : (replace(atom) ?? atomAffine(atom)),
  );
}

/** The sum with each atom replaced by an affine. */
export function mapAtoms(a: Affine, replace: (atom: Atom) => Affine): Affine {
  if (a.terms.length === 0) return a;
  const sole = soleAtom(a);
  if (sole !== undefined) return replace(sole);
  let { constant, batch } = a;
  const terms: Term[] = [];
  for (let i = 0; i < a.terms.length; i++) {
    const { coefficient, atom } = a.terms[i]!;
    const replaced = replace(atom);
    constant += coefficient * replaced.constant;
    batch += coefficient * replaced.batch;
    for (let j = 0; j < replaced.terms.length; j++) {
      const term = replaced.terms[j]!;
      terms.push({ coefficient: coefficient * term.coefficient, atom: term.atom });
    }
  }
  return make(constant, batch, terms);
}

/** The step of each loop around a node, by the loop's number. */
export type Steps = ReadonlyMap<number, number>;

const outsideLoops: Steps = new Map();

/** The value at a point of the iteration space. */
export function evaluateAffine(
  a: Affine,
  point: ArrayLike<number>,
  n: number,
  steps: Steps = outsideLoops,
): number {
  let value = a.constant + a.batch * n;
  for (const { coefficient, atom } of a.terms) {
    value += coefficient * evaluateAtom(atom, point, n, steps);
  }
  return value;
}

function evaluateAtom(atom: Atom, point: ArrayLike<number>, n: number, steps: Steps): number {
  if (atom.kind === "axis") return point[atom.axis]!;
  if (atom.kind === "step") return steps.get(atom.loop)!;
  const base = evaluateAffine(atom.base, point, n, steps);
  const quotient = Math.floor(base / atom.divisor);
  return atom.kind === "div" ? quotient : base - atom.divisor * quotient;
}

/** Every axis that occurs, div and mod looked through. */
export function axesOf(a: Affine, into: Set<number> = new Set()): Set<number> {
  for (let i = 0; i < a.terms.length; i++) {
    const { atom } = a.terms[i]!;
    if (atom.kind === "axis") into.add(atom.axis);
    else if (atom.kind !== "step") axesOf(atom.base, into);
  }
  return into;
}

/** Every loop whose step occurs, div and mod looked through. */
export function loopsOf(a: Affine, into: Set<number> = new Set()): Set<number> {
  for (const { atom } of a.terms) {
    if (atom.kind === "step") into.add(atom.loop);
    else if (isQuotient(atom)) loopsOf(atom.base, into);
  }
  return into;
}

/** The atom, if the affine is that atom alone. */
export function soleAtom(a: Affine): Atom | undefined {
  if (a.terms.length !== 1 || a.constant !== 0 || a.batch !== 0) return undefined;
  const term = a.terms[0]!;
  return term.coefficient === 1 ? term.atom : undefined;
}
