/**
 * Inverting index maps: given the places A(i) that a load reads over the axes i of a node, all points i with
 * A(i) = q, for one element q of the operand. The answer is again a box of axes with affine expressions for the
 * old ones and a condition, so that a derivative is a compute node over q like any other.
 *
 * Each dimension is an equation A_d(i) − q_d = 0. An equation is solved by the first rule that applies:
 *
 * 1. Digits. Quotients and remainders of one u by a chain of divisors are the digits of u in mixed radix;
 *    u is put together from them, a missing digit being a new axis. (A reshape.)
 * 2. Axes with coefficients that do not overlap (each a multiple of the one before, and at least its reach)
 *    are the digits of what is left: i = (u div c) mod (c′/c). One axis is the simplest case. (Slice, transpose,
 *    pooling without overlap.)
 * 3. Two axes S·h + D·i = u: with g = gcd(S, D), s = S/g, d = D/g: g divides u; i = s·j + b, h = a − d·j,
 *    where b = (d⁻¹·u/g) mod s, a = (u/g − d·b)/s, j is a new axis below ⌈K/s⌉ and K is the extent of i.
 *    (A convolution: only the taps that meet q are visited.) Of more axes, all but two stay.
 * 4. An axis i that also stands in i div d or i mod d is taken apart, i = d·a + b, and the rules tried again. (A reshape
 *    of a transpose of another one, as channels are shuffled.)
 * 5. No axis is left, or no rule applies: the equation itself is a condition. (Trace.)
 *
 * Ranges of solved axes become conditions unless the box implies them. Axes that no equation solved remain,
 * and the derivative is summed over them. (Broadcast.)
 */

import {
  type Affine,
  addAffine,
  atomAffine,
  axesOf,
  axisAffine,
  bareAxis,
  divAffine,
  extentAffine,
  isQuotient,
  modAffine,
  offsetAffine,
  scaleAffine,
  substituteAffine,
  subtractAffine,
  type Term,
  zeroAffine,
} from "../graph/affine.ts";
import { rangeOf, simplifyAffine } from "../graph/affine-range.ts";
import {
  and,
  type Condition,
  divides,
  inRange,
  simplifyCondition,
  substituteCondition,
  zero,
} from "../graph/condition.ts";
import { type Extent, fixed, isFixed, type Shape, sizeAt } from "../graph/extent.ts";
import { gcd } from "../graph/gcd.ts";
import { type Digit, digitOf, joinDigits } from "./digits.ts";

export interface InverseMap {
  /** Each old axis over the new ones: first the operand's dimensions q, then `reduction`. */
  readonly axes: readonly Affine[];
  /** The axes that are left over, and those that the rules introduced. */
  readonly reduction: readonly Extent[];
  /** Which points of the new box are points of the old one. */
  readonly domain: Condition;
}

/** Solves `place`(i) = q for i in the box of `extents`, q in the box of `shape`. */
export function invertIndexMap(
  place: readonly Affine[],
  shape: Shape,
  extents: readonly Extent[],
  batchMax: number,
): InverseMap {
  return new Solver(place, shape, extents, batchMax).solve();
}

interface LinearTerm {
  readonly coefficient: number;
  readonly axis: number;
}

/** Variables are numbered: q first, then the old axes, then axes that the rules introduce. */
class Solver {
  readonly #known: number;
  readonly #old: number;
  readonly #batchMax: number;
  readonly #extents: Extent[];
  readonly #solutions = new Map<number, Affine>();
  #equations: Affine[];
  #guards: Condition[] = [];

  constructor(
    place: readonly Affine[],
    shape: Shape,
    extents: readonly Extent[],
    batchMax: number,
  ) {
    this.#known = shape.length;
    this.#old = extents.length;
    this.#batchMax = batchMax;
    this.#extents = [...shape, ...extents];
    const shift = (axis: number) => axisAffine(this.#known + axis);
    this.#equations = place.map((a, d) =>
      subtractAffine(this.#simplify(substituteAffine(a, shift)), axisAffine(d)),
    );
    for (const [axis, extent] of extents.entries()) {
      if (isFixed(extent) && extent.constant === 1) this.#assign(this.#known + axis, zeroAffine);
    }
  }

  solve(): InverseMap {
    while (this.#equations.length > 0) {
      const isSimpler =
        this.#solveDigits() || this.#solveSeparable() || this.#solvePair() || this.#takeApart();
      if (isSimpler) continue;
      for (const equation of this.#equations) this.#guards.push(zero(equation));
      this.#equations = [];
    }
    return this.#result();
  }

  // Rule 1

  #solveDigits(): boolean {
    for (const equation of this.#equations) {
      const found = this.#digitEquation(equation);
      if (found === undefined) continue;
      const group = this.#equations
        .map((other) => ({ other, part: this.#digitEquation(other) }))
        .filter(({ part }) => part?.digit.of.key === found.digit.of.key);
      const joined = joinDigits(
        group.map(({ part }) => part!),
        (extent) => this.#newAxis(extent),
        (a) => this.#range(a),
      );
      if (joined === undefined) continue;
      const solved = new Set(group.map(({ other }) => other));
      this.#equations = this.#equations.filter((other) => !solved.has(other));
      this.#guards.push(joined.domain);
      this.#equations.push(this.#simplify(subtractAffine(found.digit.of, joined.value)));
      return true;
    }
    return false;
  }

  /** equation: ±digit of something unknown + known = 0, as the digit and its value. */
  #digitEquation(equation: Affine): { readonly digit: Digit; readonly value: Affine } | undefined {
    const unknown = equation.terms.filter((term) => this.#isUnknown(term));
    const [term] = unknown;
    if (unknown.length !== 1 || term === undefined || Math.abs(term.coefficient) !== 1) {
      return undefined;
    }
    const digit = digitOf(term.atom);
    if (digit === undefined) return undefined;
    const rest = subtractAffine(equation, termAffine(term));
    return { digit, value: scaleAffine(rest, -term.coefficient) };
  }

  // Rule 2

  #solveSeparable(): boolean {
    for (const equation of this.#equations) {
      const terms = this.#linearUnknowns(equation);
      if (terms === undefined || !this.#isSeparable(terms)) continue;
      this.#equations = this.#equations.filter((other) => other !== equation);
      this.#separate(equation, terms);
      return true;
    }
    return false;
  }

  /** Whether, in order of size, each coefficient is a multiple of the one before and its axis's reach. */
  #isSeparable(terms: readonly LinearTerm[]): boolean {
    if (terms.length === 0) return false;
    return terms.slice(1).every(({ coefficient }, k) => {
      const below = terms[k]!;
      const ratio = coefficient / below.coefficient;
      const extent = this.#extents[below.axis]!;
      return Number.isInteger(ratio) && isFixed(extent) && Math.abs(ratio) >= extent.constant;
    });
  }

  #separate(equation: Affine, terms: readonly LinearTerm[]): void {
    // Σ c·i = u; an axis with a negative coefficient is counted from its end: c·i = |c|·(K−1−i) − |c|·(K−1).
    let u = scaleAffine(this.#knownPart(equation, terms), -1);
    for (const { coefficient, axis } of terms) {
      if (coefficient < 0) u = addAffine(u, scaleAffine(this.#last(axis), -coefficient));
    }
    const unit = Math.abs(terms[0]!.coefficient);
    this.#guards.push(divides(unit, u));
    for (const [k, { coefficient, axis }] of terms.entries()) {
      const size = Math.abs(coefficient);
      const next = terms[k + 1];
      const quotient = this.#simplify(divAffine(u, size));
      const digit =
        next === undefined ? quotient : modAffine(quotient, Math.abs(next.coefficient) / size);
      this.#solveAxis(axis, coefficient < 0 ? subtractAffine(this.#last(axis), digit) : digit);
    }
  }

  #last(axis: number): Affine {
    return offsetAffine(extentAffine(this.#extents[axis]!), -1);
  }

  // Rule 3

  #solvePair(): boolean {
    const candidates = this.#equations.flatMap((equation) => {
      const terms = this.#linearUnknowns(equation);
      return terms === undefined || terms.length < 2 ? [] : this.#pairs(equation, terms);
    });
    const best = candidates.reduce(
      (a, b) => (a === undefined || b.steps < a.steps ? b : a),
      undefined as PairCandidate | undefined,
    );
    if (best === undefined) return false;
    this.#equations = this.#equations.filter((other) => other !== best.equation);
    this.#solveTwo(best);
    return true;
  }

  /** Every choice of h and i in an equation, with the points that would be left to visit for each q. */
  #pairs(equation: Affine, terms: readonly LinearTerm[]): PairCandidate[] {
    return terms.flatMap((h) =>
      terms.flatMap((i) => {
        const extent = this.#extents[i.axis]!;
        const s = Math.abs(h.coefficient) / gcd(h.coefficient, i.coefficient);
        if (h === i || !(isFixed(extent) || s === 1)) return [];
        const others = terms.filter((term) => term !== h && term !== i);
        const steps = others.reduce(
          (product, { axis }) => product * sizeAt(this.#extents[axis]!, this.#batchMax),
          Math.ceil(sizeAt(extent, this.#batchMax) / s),
        );
        return [{ equation, h, i, steps }];
      }),
    );
  }

  #solveTwo({ equation, h, i }: PairCandidate): void {
    const sign = Math.sign(h.coefficient);
    const g = gcd(h.coefficient, i.coefficient);
    const s = Math.abs(h.coefficient) / g;
    const d = (sign * i.coefficient) / g;
    // S·h + D·i = u with S > 0.
    const u = scaleAffine(this.#knownPart(equation, [h, i]), -sign);
    this.#guards.push(divides(g, u));
    const scaled = this.#simplify(divAffine(u, g));
    const b = this.#simplify(modAffine(scaleAffine(scaled, inverseModulo(d, s)), s));
    // a = (u/g − d·b) / s; where d ≡ 1 modulo s, b = u/g mod s and the division is that of u/g itself.
    const isPlain = Number.isInteger((d - 1) / s);
    const a = isPlain
      ? subtractAffine(divAffine(scaled, s), scaleAffine(b, (d - 1) / s))
      : divAffine(subtractAffine(scaled, scaleAffine(b, d)), s);
    const reach = this.#extents[i.axis]!;
    const j = this.#newAxis(isFixed(reach) ? fixed(Math.ceil(reach.constant / s)) : reach);
    this.#solveAxis(i.axis, addAffine(scaleAffine(j, s), b));
    this.#solveAxis(h.axis, subtractAffine(a, scaleAffine(j, d)));
  }

  // Rule 4

  #takeApart(): boolean {
    for (const { terms } of this.#equations) {
      for (const { atom } of terms) {
        const axis = isQuotient(atom) ? bareAxis(atom.base) : undefined;
        if (!isQuotient(atom) || axis === undefined || axis < this.#known) continue;
        const extent = this.#extents[axis]!;
        if (!isFixed(extent)) continue;
        const { divisor } = atom;
        const digits = this.#newAxis(fixed(Math.ceil(extent.constant / divisor)));
        const value = addAffine(scaleAffine(digits, divisor), this.#newAxis(fixed(divisor)));
        if (extent.constant % divisor !== 0) this.#guards.push(inRange(value, extent));
        this.#assign(axis, value);
        return true;
      }
    }
    return false;
  }

  // What the rules share

  /** The unknowns by ascending size of coefficient, if all stand outside quotients. */
  #linearUnknowns(equation: Affine): LinearTerm[] | undefined {
    const unknown = equation.terms.filter((term) => this.#isUnknown(term));
    const linear = unknown.flatMap(({ coefficient, atom }) =>
      atom.kind === "axis" ? [{ coefficient, axis: atom.axis }] : [],
    );
    if (linear.length < unknown.length) return undefined;
    const reach = ({ axis }: LinearTerm) => sizeAt(this.#extents[axis]!, this.#batchMax);
    return linear.sort(
      (a, b) => Math.abs(a.coefficient) - Math.abs(b.coefficient) || reach(a) - reach(b),
    );
  }

  #isUnknown({ atom }: Term): boolean {
    if (atom.kind === "axis") return atom.axis >= this.#known;
    if (atom.kind === "step") return false;
    return [...axesOf(atom.base)].some((axis) => axis >= this.#known);
  }

  #knownPart(equation: Affine, terms: readonly LinearTerm[]): Affine {
    return terms.reduce(
      (rest, { coefficient, axis }) =>
        subtractAffine(rest, scaleAffine(axisAffine(axis), coefficient)),
      equation,
    );
  }

  #newAxis(extent: Extent): Affine {
    if (isFixed(extent) && extent.constant === 1) return zeroAffine;
    return axisAffine(this.#extents.push(extent) - 1);
  }

  /** axis = value, which must lie in the axis's range. */
  #solveAxis(axis: number, value: Affine): void {
    const solution = this.#simplify(value);
    this.#guards.push(inRange(solution, this.#extents[axis]!));
    this.#assign(axis, solution);
  }

  #assign(axis: number, value: Affine): void {
    const replace = (other: number) => (other === axis ? value : axisAffine(other));
    const substitute = (a: Affine) => this.#simplify(substituteAffine(a, replace));
    this.#equations = this.#equations.map(substitute);
    this.#guards = this.#guards.map((guard) => substituteCondition(guard, replace));
    for (const [solved, solution] of this.#solutions)
      this.#solutions.set(solved, substitute(solution));
    this.#solutions.set(axis, value);
  }

  #simplify(a: Affine): Affine {
    return simplifyAffine(a, this.#extents, this.#batchMax);
  }

  #range(a: Affine) {
    return rangeOf(a, this.#extents, this.#batchMax);
  }

  /** Renumbers: q, then the axes that are left, in order. */
  #result(): InverseMap {
    const left = this.#extents
      .map((_, axis) => axis)
      .filter((axis) => axis >= this.#known && !this.#solutions.has(axis));
    const numbers = new Map(left.map((axis, k) => [axis, this.#known + k]));
    const renumber = (axis: number) => axisAffine(numbers.get(axis) ?? axis);
    const reduction = left.map((axis) => this.#extents[axis]!);
    const box = [...this.#extents.slice(0, this.#known), ...reduction];
    const guards = this.#guards.map((guard) =>
      simplifyCondition(substituteCondition(guard, renumber), box, this.#batchMax),
    );
    const axes = Array.from({ length: this.#old }, (_, k) => {
      const solution = this.#solutions.get(this.#known + k) ?? axisAffine(this.#known + k);
      return simplifyAffine(substituteAffine(solution, renumber), box, this.#batchMax);
    });
    return { axes, reduction, domain: and(...guards) };
  }
}

interface PairCandidate {
  readonly equation: Affine;
  readonly h: LinearTerm;
  readonly i: LinearTerm;
  readonly steps: number;
}

function termAffine({ coefficient, atom }: Term): Affine {
  return scaleAffine(atomAffine(atom), coefficient);
}

/** x with d·x ≡ 1 modulo s, for coprime d and s; 0 for s = 1. */
function inverseModulo(d: number, s: number): number {
  const residue = ((d % s) + s) % s;
  for (let x = 0; x < s; x++) if ((residue * x) % s === 1 % s) return x;
  return 0;
}
