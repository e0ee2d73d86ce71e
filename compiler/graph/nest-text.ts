/**
 * A loop nest as JavaScript text, for the evaluator. What the text computes is put at the outermost loop where all that
 * it is computed from is known, and is computed there once: offsets advance with the loops, and conditions are tested
 * where they change. Several points of an axis may be computed side by side, as lanes, which share what they have in
 * common; each has variables of its own, so that engines keep as many sums in registers.
 *
 * A term's **level** is the number of loops around it. The nest's own level is that of all loops; one further are
 * statements, which stay in the order in which they were written.
 */

import type { Affine, Term as AffineTerm } from "./affine.ts";
import { rangeAt } from "./affine-range.ts";
import { type Condition, conjuncts } from "./condition.ts";
import { type Extent, sizeAt } from "./extent.ts";

/** The text of a number, and where it is known. */
export interface Term {
  readonly text: string;
  readonly level: number;
}

/** A point's place among those that are computed side by side, by axis; axes without lanes are left out. */
export type Lane = ReadonlyMap<number, number>;

interface Level {
  /** Offsets and conditions. */
  readonly places: string[];
  /** Under which, in addition to those of outer loops, anything is computed. */
  readonly tests: string[];
  /** What data decides. */
  readonly values: string[];
}

export class LoopNest {
  readonly axes: readonly Extent[];
  readonly n: number;
  /** Of statements, which come after all that is known in the innermost loop. */
  readonly innermost: number;
  /** How many points of an axis are computed side by side. */
  readonly #widths: ReadonlyMap<number, number>;
  readonly #levels: readonly Level[];
  #statements = new Set<string>();
  #known = new Map<string, Term>();
  #isLeft = false;
  #lane: Lane = new Map();
  #count = 0;

  constructor(axes: readonly Extent[], n: number, widths: ReadonlyMap<number, number> = new Map()) {
    this.axes = axes;
    this.n = n;
    this.#widths = widths;
    this.innermost = axes.length + 1;
    this.#levels = Array.from({ length: axes.length + 1 }, () => ({
      places: [],
      tests: [],
      values: [],
    }));
  }

  lanes(): readonly Lane[] {
    let lanes: Lane[] = [new Map()];
    for (const [axis, width] of this.#widths) {
      const places = Array.from({ length: width }, (_, place) => place);
      lanes = lanes.flatMap((lane) => places.map((place) => new Map([...lane, [axis, place]])));
    }
    return lanes;
  }

  /** What is written from now on is of that lane. */
  enter(lane: Lane): void {
    this.#lane = lane;
  }

  /** The same text gives the same constant. */
  value(text: string, of: readonly Term[]): Term {
    return this.#keep(text, of, "values");
  }

  /** Of axes, steps and numbers alone. */
  place(text: string, of: readonly Term[]): Term {
    return this.#keep(text, of, "places");
  }

  /** Once, where it was written already. */
  statement(text: string): void {
    this.#statements.add(text);
  }

  /** Nothing is computed at points where the condition does not hold; tested within `outer` loops or deeper. */
  test(condition: Condition, outer: number): void {
    for (const part of conjuncts(condition)) {
      const { text, level } = this.condition(part);
      this.#levels[Math.max(level, outer)]!.tests.push(text);
    }
  }

  affine({ constant, batch, terms }: Affine): Term {
    let sum: Term = numberTerm(constant + batch * this.n);
    const parts = terms.map((term) => this.#affineTerm(term));
    for (const level of new Set(parts.map((part) => part.level).sort((a, b) => a - b))) {
      const added = parts.filter((part) => part.level === level);
      const [first] = added;
      const text = added.map((part) => part.text).join("");
      if (sum.text !== "0") sum = this.place(`${sum.text}${text}`, [sum, ...added]);
      else if (added.length === 1 && first!.bare !== undefined) sum = first!.bare;
      else sum = this.place(text.startsWith(" + ") ? text.slice(3) : `0${text}`, added);
    }
    return sum;
  }

  condition(c: Condition): Term {
    switch (c.kind) {
      case "true":
      case "false":
        return { text: c.kind, level: 0 };
      case "nonnegative": {
        const value = this.affine(c.value);
        return this.place(`${value.text} >= 0`, [value]);
      }
      case "zero": {
        const value = this.affine(c.value);
        return this.place(`${value.text} === 0`, [value]);
      }
      case "divides": {
        const value = this.affine(c.value);
        return this.place(`${value.text} % ${c.divisor} === 0`, [value]);
      }
      case "not": {
        const of = this.condition(c.of);
        return this.place(`!${of.text}`, [of]);
      }
      case "and":
      case "or": {
        const operator = c.kind === "and" ? "&&" : "||";
        const parts = c.of.map((part) => this.condition(part)).sort((a, b) => a.level - b.level);
        return parts.reduce((all, part) =>
          this.place(`${all.text} ${operator} ${part.text}`, [all, part]),
        );
      }
    }
  }

  /** The nest, with `declared` before and `after` after the loops beyond the first `outer`. */
  print(outer: number, declared: readonly string[], after: readonly string[]): readonly string[] {
    const lines: string[] = [];
    const closing: string[] = [];
    this.#levels.forEach(({ places, tests, values }, level) => {
      if (level > 0) {
        lines.push(...this.#loopHead(level - 1));
        closing.push("}");
      }
      lines.push(...places);
      if (level === outer) {
        lines.push(...declared);
        closing.push(...after.toReversed());
      }
      if (tests.length > 0) {
        lines.push(`if (${tests.join(" && ")}) {`);
        closing.push("}");
      }
      lines.push(...values);
    });
    return [...lines, ...this.#statements, ...closing.toReversed()];
  }

  /** What is written from now on comes after the loops, and is given back. */
  after(write: () => void): readonly string[] {
    const statements = this.#statements;
    this.#statements = new Set();
    this.#known = new Map();
    this.#isLeft = true;
    write();
    const written = this.#statements;
    this.#statements = statements;
    return [...written];
  }

  /** Lanes that go beyond the axis compute its last points once more. */
  #loopHead(axis: number): readonly string[] {
    const size = sizeAt(this.axes[axis]!, this.n);
    const width = this.#widths.get(axis) ?? 1;
    const name = `i${axis}`;
    const others = Array.from(
      { length: width - 1 },
      (_, place) => `const ${name}_${place + 1} = ${name} + ${place + 1};`,
    );
    if (size % width === 0) {
      return [`for (let ${name} = 0; ${name} < ${size}; ${name} += ${width}) {`, ...others];
    }
    return [
      `for (let block = 0; block < ${size}; block += ${width}) {`,
      `const ${name} = Math.min(block, ${size - width});`,
      ...others,
    ];
  }

  #keep(text: string, of: readonly Term[], kind: "places" | "values"): Term {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const level = this.#isLeft
      ? this.innermost
      : of.reduce((deepest, term) => Math.max(deepest, term.level), 0);
    const name = `t${this.#count++}`;
    const line = `const ${name} = ${text};`;
    if (level === this.innermost) this.#statements.add(line);
    else this.#levels[level]![kind].push(line);
    const term = { text: name, level };
    this.#known.set(text, term);
    return term;
  }

  /** With its sign, and without, if it is nothing but an atom. */
  #affineTerm({ coefficient, atom }: AffineTerm): Term & { readonly bare?: Term } {
    const term = this.#atom(atom);
    if (coefficient === 1) return { text: ` + ${term.text}`, level: term.level, bare: term };
    const sign = coefficient < 0 ? "-" : "+";
    const size = Math.abs(coefficient);
    const product = size === 1 ? term.text : `${size} * ${term.text}`;
    return { text: ` ${sign} ${product}`, level: term.level };
  }

  #atom(atom: AffineTerm["atom"]): Term {
    if (atom.kind === "step") return { text: `step${atom.loop}`, level: 0 };
    if (atom.kind === "axis") {
      const place = this.#lane.get(atom.axis) ?? 0;
      const text = place === 0 ? `i${atom.axis}` : `i${atom.axis}_${place}`;
      return { text, level: atom.axis + 1 };
    }
    const base = this.affine(atom.base);
    const { divisor } = atom;
    const { min, max } = rangeAt(atom.base, this.axes, this.n);
    // Faster, and exact for what is not negative and has 31 bits.
    if (min >= 0 && max < 2 ** 31) {
      const operator = atom.kind === "div" ? `/ ${divisor} | 0` : `% ${divisor}`;
      return this.place(`${base.text} ${operator}`, [base]);
    }
    const quotient = this.place(`Math.floor(${base.text} / ${divisor})`, [base]);
    if (atom.kind === "div") return quotient;
    return this.place(`${base.text} - ${divisor} * ${quotient.text}`, [base, quotient]);
  }
}

/** In parentheses where it is more than a name: −(−1) is no decrement. */
export function numberTerm(value: number): Term {
  if (Object.is(value, -0)) return { text: "(-0)", level: 0 };
  return { text: value < 0 ? `(${value})` : String(value), level: 0 };
}
