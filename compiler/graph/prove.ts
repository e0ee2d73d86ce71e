/**
 * Proving conditions on axis values, for every point of a box and every 1 ≤ N ≤ Nmax.
 *
 * The question is always whether a condition holds nowhere. It is answered soundly: "nowhere" is only said
 * when a proof was found. A condition is taken apart into systems of linear inequalities over the axes, N and
 * the values of its quotients (each bounded by its definition: c·⌊u/c⌋ ≤ u < c·⌊u/c⌋ + c), and each system is
 * shown empty by Fourier-Motzkin elimination with rounding to integers, as in Pugh, "The Omega test" (1991),
 * without its exact part. What that leaves open is tried point by point if the box is small.
 */

import {
  type Affine,
  type Atom,
  axisAffine,
  extentAffine,
  offsetAffine,
  scaleAffine,
  subtractAffine,
} from "./affine.ts";
import {
  and,
  type Condition,
  conditionAxes,
  conditionLoops,
  conjuncts,
  evaluateCondition,
  never,
  not,
  or,
  simplifyCondition,
} from "./condition.ts";
import { type Extent, sizeAt } from "./extent.ts";
import { gcd } from "./gcd.ts";

/** Points tried one by one at most. */
const enumerationLimit = 20_000;
/** Axes of which all corners are tried at most. */
const mostCornerAxes = 4;
/** Inequalities kept during elimination at most; alternatives followed at most. */
const inequalityLimit = 600;
const alternativeLimit = 64;

/** Whether the condition surely holds nowhere in the box. */
export function isNowhere(condition: Condition, box: readonly Extent[], batchMax: number): boolean {
  const simple = simplifyCondition(condition, box, batchMax);
  if (simple.kind === "false") return true;
  if (simple.kind === "true") return false;
  if (holdsAtCorner(simple, box, batchMax)) return false;
  const alternatives = alternativesOf(simple);
  if (alternatives !== undefined) {
    const isEmpty = (parts: readonly Condition[]) => new System(box, batchMax).isEmpty(parts);
    if (alternatives.every(isEmpty)) return true;
  }
  return holdsAtNoPoint(simple, box, batchMax);
}

/** Whether `then` surely holds wherever `given` does. */
export function implies(
  given: Condition,
  then: Condition,
  box: readonly Extent[],
  batchMax: number,
): boolean {
  // What is given needs no proof, which takes longer than all else here.
  const known = new Set(conjuncts(given).map(({ key }) => key));
  return conjuncts(then).every(
    (part) => known.has(part.key) || isNowhere(and(given, not(part)), box, batchMax),
  );
}

/**
 * What is left of a condition where `given` is known to hold: the parts that do not follow from it. Where it
 * contradicts what is given, `never`.
 */
export function assuming(
  given: Condition,
  condition: Condition,
  box: readonly Extent[],
  batchMax: number,
): Condition {
  if (given.kind === "true" || condition.kind === "true") return condition;
  if (isNowhere(and(given, condition), box, batchMax)) return never;
  const parts = conjuncts(condition);
  const left = parts.filter((part) => !implies(given, part, box, batchMax));
  return left.length === parts.length ? condition : and(...left);
}

/** The same condition without the parts that follow from the others. */
export function withoutRedundancy(
  condition: Condition,
  box: readonly Extent[],
  batchMax: number,
): Condition {
  if (condition.kind !== "and") return condition;
  let parts = condition.of;
  for (const part of condition.of) {
    const others = parts.filter((other) => other !== part);
    if (implies(and(...others), part, box, batchMax)) parts = others;
  }
  return parts.length === condition.of.length ? condition : and(...parts);
}

/** Disjunctive normal form: conjunctions of conditions without `and` and `or`; undefined if too many. */
function alternativesOf(condition: Condition): Condition[][] | undefined {
  switch (condition.kind) {
    case "false":
      return [];
    case "true":
      return [[]];
    case "or": {
      const parts = condition.of.map(alternativesOf);
      const all = parts.flatMap((part) => part ?? []);
      return parts.includes(undefined) || all.length > alternativeLimit ? undefined : all;
    }
    case "and": {
      let all: Condition[][] = [[]];
      for (const part of condition.of) {
        const alternatives = alternativesOf(part);
        if (alternatives === undefined) return undefined;
        all = all.flatMap((left) => alternatives.map((right) => [...left, ...right]));
        if (all.length > alternativeLimit) return undefined;
      }
      return all;
    }
    case "not": {
      const { of } = condition;
      // not (a and b) = not a or not b
      if (of.kind === "and") return alternativesOf(or(...of.of.map(not)));
      if (of.kind === "or") return alternativesOf(and(...of.of.map(not)));
      return [[condition]];
    }
    default:
      return [[condition]];
  }
}

/** constant + Σ coefficient·variable ≥ 0, all integers. */
interface Inequality {
  readonly constant: number;
  readonly coefficients: ReadonlyMap<string, number>;
}

/** A system of inequalities over integers; a quotient is a variable of its own, named by its key. */
class System {
  readonly #box: readonly Extent[];
  readonly #known = new Set<string>();
  #inequalities: Inequality[] = [];
  #fresh = 0;

  constructor(box: readonly Extent[], batchMax: number) {
    this.#box = box;
    this.#add([["N", -1]], batchMax);
    this.#add([["N", 1]], -1);
  }

  isEmpty(conditions: readonly Condition[]): boolean {
    for (const condition of conditions) this.#assume(condition);
    return this.#isEmpty();
  }

  #assume(condition: Condition): void {
    switch (condition.kind) {
      case "nonnegative":
        this.#nonnegative(condition.value);
        break;
      case "zero":
        this.#nonnegative(condition.value);
        this.#nonnegative(scaleAffine(condition.value, -1));
        break;
      case "divides": {
        // value = divisor·k
        const quotient = `k${this.#fresh++}`;
        const [constant, coefficients] = this.#linear(condition.value);
        const negative = coefficients.map(([name, c]) => [name, -c] as const);
        this.#add([...coefficients, [quotient, -condition.divisor]], constant);
        this.#add([...negative, [quotient, condition.divisor]], -constant);
        break;
      }
      default:
        // Leaving a condition out keeps the proof sound: the system gets larger.
        break;
    }
  }

  #nonnegative(value: Affine): void {
    const [constant, coefficients] = this.#linear(value);
    this.#add(coefficients, constant);
  }

  /** Σ coefficient·variable + constant ≥ 0 */
  #add(coefficients: readonly (readonly [string, number])[], constant: number): void {
    const merged = new Map<string, number>();
    for (const [name, c] of coefficients) merged.set(name, (merged.get(name) ?? 0) + c);
    for (const [name, c] of merged) if (c === 0) merged.delete(name);
    this.#inequalities.push({ constant, coefficients: merged });
  }

  /** The affine over variables, which are bounded as they are met. */
  #linear(a: Affine): [constant: number, coefficients: (readonly [string, number])[]] {
    const coefficients = a.terms.map(
      ({ coefficient, atom }) => [this.#variable(atom), coefficient] as const,
    );
    if (a.batch !== 0) coefficients.push(["N", a.batch]);
    return [a.constant, coefficients];
  }

  #variable(atom: Atom): string {
    if (atom.kind === "axis") {
      const name = `i${atom.axis}`;
      if (!this.#known.has(name)) {
        this.#known.add(name);
        this.#nonnegative(axisAffine(atom.axis));
        const last = offsetAffine(extentAffine(this.#box[atom.axis]!), -1);
        this.#nonnegative(subtractAffine(last, axisAffine(atom.axis)));
      }
      return name;
    }
    if (atom.kind === "step") {
      const { loop, length } = atom;
      const name = `t${loop}`;
      if (!this.#known.has(name)) {
        this.#known.add(name);
        this.#add([[name, 1]], 0);
        this.#add([[name, -1]], length - 1);
      }
      return name;
    }
    // Both u div c and u mod c are bounded by their quotient: u = c·(u div c) + (u mod c).
    const { base, divisor } = atom;
    const quotient = `(${base.key})/${divisor}`;
    const remainder = `(${base.key})%${divisor}`;
    if (!this.#known.has(quotient)) {
      this.#known.add(quotient);
      const [constant, coefficients] = this.#linear(base);
      const negative = coefficients.map(([name, c]) => [name, -c] as const);
      this.#add([...coefficients, [quotient, -divisor], [remainder, -1]], constant);
      this.#add([...negative, [quotient, divisor], [remainder, 1]], -constant);
      this.#add([[remainder, 1]], 0);
      this.#add([[remainder, -1]], divisor - 1);
    }
    return atom.kind === "div" ? quotient : remainder;
  }

  // Elimination

  #isEmpty(): boolean {
    let system = tightened(this.#inequalities);
    while (system !== undefined) {
      const variable = cheapestVariable(system);
      if (variable === undefined) return false;
      const next = eliminate(system, variable);
      if (next.length > inequalityLimit || !next.every(isExact)) return false;
      system = tightened(next);
    }
    return true;
  }
}

/**
 * Rounds each inequality to integers, keeps the strongest of those with equal left sides, and drops what always
 * holds; undefined if one can never hold.
 */
function tightened(inequalities: readonly Inequality[]): Inequality[] | undefined {
  const strongest = new Map<string, Inequality>();
  for (const { constant, coefficients } of inequalities) {
    if (coefficients.size === 0) {
      if (constant < 0) return undefined;
      continue;
    }
    const divisor = [...coefficients.values()].reduce(gcd, 0);
    const entries = [...coefficients].sort(([a], [b]) => (a < b ? -1 : 1));
    const reduced = entries.map(([name, c]) => [name, c / divisor] as const);
    const bound = Math.floor(constant / divisor);
    const key = reduced.map(([name, c]) => `${c}${name}`).join();
    const known = strongest.get(key);
    if (known === undefined || bound < known.constant) {
      strongest.set(key, { constant: bound, coefficients: new Map(reduced) });
    }
  }
  // l ≥ −a and −l ≥ −b contradict each other if a + b < 0.
  for (const { constant, coefficients } of strongest.values()) {
    const opposite = [...coefficients].map(([name, c]) => `${-c}${name}`).join();
    const other = strongest.get(opposite);
    if (other !== undefined && constant + other.constant < 0) return undefined;
  }
  return [...strongest.values()];
}

/** The variable whose elimination makes the fewest inequalities. */
function cheapestVariable(system: readonly Inequality[]): string | undefined {
  const counts = new Map<string, { lower: number; upper: number }>();
  for (const { coefficients } of system) {
    for (const [name, c] of coefficients) {
      const count = counts.get(name) ?? { lower: 0, upper: 0 };
      counts.set(name, count);
      if (c > 0) count.lower++;
      else count.upper++;
    }
  }
  let best: string | undefined;
  let least = Infinity;
  for (const [name, { lower, upper }] of counts) {
    const made = lower * upper - lower - upper;
    if (made < least) {
      least = made;
      best = name;
    }
  }
  return best;
}

/** What the system says about the other variables: every lower bound is at most every upper bound. */
function eliminate(system: readonly Inequality[], variable: string): Inequality[] {
  const coefficientOf = (inequality: Inequality) => inequality.coefficients.get(variable) ?? 0;
  const lower = system.filter((inequality) => coefficientOf(inequality) > 0);
  const upper = system.filter((inequality) => coefficientOf(inequality) < 0);
  const result = system.filter((inequality) => coefficientOf(inequality) === 0);
  for (const low of lower) {
    for (const high of upper) {
      const a = coefficientOf(low);
      const b = -coefficientOf(high);
      const coefficients = new Map<string, number>();
      for (const [name, c] of low.coefficients) coefficients.set(name, c * b);
      for (const [name, c] of high.coefficients) {
        coefficients.set(name, (coefficients.get(name) ?? 0) + c * a);
      }
      for (const [name, c] of coefficients) if (c === 0) coefficients.delete(name);
      result.push({ constant: low.constant * b + high.constant * a, coefficients });
    }
  }
  return result;
}

/** Whether the numbers are far from where float64 would round them. */
function isExact({ constant, coefficients }: Inequality): boolean {
  return [constant, ...coefficients.values()].every((x) => Math.abs(x) < 2 ** 45);
}

/** Parts of a condition, and the axes that no other part depends on. */
interface Separate {
  readonly parts: readonly Condition[];
  readonly axes: ReadonlySet<number>;
}

/**
 * Tries the corners of the box: what holds somewhere mostly holds at one of them, and needs no search for a proof. Parts that
 * depend on different axes are tried by themselves.
 */
function holdsAtCorner(condition: Condition, box: readonly Extent[], batchMax: number): boolean {
  if (conditionLoops(condition).size > 0) return false;
  const point: number[] = box.map(() => 0);
  return separated(condition).every(({ parts, axes }) => {
    if (axes.size > mostCornerAxes) return false;
    const ends = [...axes].map((axis) => ({ axis, last: sizeAt(box[axis]!, batchMax) - 1 }));
    for (let corner = 0; corner < 1 << ends.length; corner++) {
      ends.forEach(({ axis, last }, bit) => {
        point[axis] = (corner >> bit) % 2 === 0 ? 0 : last;
      });
      if (parts.every((part) => evaluateCondition(part, point, batchMax))) return true;
    }
    return false;
  });
}

function separated(condition: Condition): readonly Separate[] {
  let found: readonly Separate[] = [];
  for (const part of conjuncts(condition)) {
    const own = conditionAxes(part);
    const joined = found.filter(({ axes }) => [...axes].some((axis) => own.has(axis)));
    found = [
      ...found.filter((other) => !joined.includes(other)),
      {
        parts: [...joined.flatMap(({ parts }) => parts), part],
        axes: new Set([...joined.flatMap(({ axes }) => [...axes]), ...own]),
      },
    ];
  }
  return found;
}

/** Tries every value of the axes that the condition depends on, and of N; false if these are too many. */
function holdsAtNoPoint(condition: Condition, box: readonly Extent[], batchMax: number): boolean {
  if (conditionLoops(condition).size > 0) return false;
  const axes = [...conditionAxes(condition)].sort((a, b) => a - b);
  const points = axes.reduce((product, axis) => product * sizeAt(box[axis]!, batchMax), batchMax);
  if (points > enumerationLimit) return false;
  const point: number[] = box.map(() => 0);
  const visit = (depth: number, n: number): boolean => {
    const axis = axes[depth];
    if (axis === undefined) return !evaluateCondition(condition, point, n);
    for (let i = 0; i < sizeAt(box[axis]!, n); i++) {
      point[axis] = i;
      if (!visit(depth + 1, n)) return false;
    }
    return true;
  };
  for (let n = 1; n <= batchMax; n++) if (!visit(0, n)) return false;
  return true;
}
