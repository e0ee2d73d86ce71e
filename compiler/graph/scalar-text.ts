/**
 * Scalars as JavaScript text in a loop nest, for the evaluator: numbers as the interpreter has them, booleans being 0
 * and 1. Each scalar is a constant of its own, computed of the same numbers as the interpreter computes it of.
 */

import { invariant } from "../diagnostics/diagnostic.ts";
import { type Affine, addAffine, scaleAffine, zeroAffine } from "./affine.ts";
import { rangeAt } from "./affine-range.ts";
import { type Condition, conjuncts, inRange } from "./condition.ts";
import type { DType } from "./dtype.ts";
import { printShape, type Shape, sizeAt } from "./extent.ts";
import { isNarrowFloat, narrowRounder } from "./narrow-floats.ts";
import { type Lane, type LoopNest, numberTerm, type Term } from "./nest-text.ts";
import type { GatherScalar, LoadScalar, Scalar, Value } from "./node.ts";
import { castNumber } from "./number-algebra.ts";
import { type Algebra, type ScalarFunctionName, scalarFunctions } from "./scalar-functions.ts";
import { hash32, uniformAt } from "./threefry.ts";

/** Functions that texts call, by name: all of the table under `float_` and `integer_`. */
export type ScalarHelpers = Readonly<Record<string, (...args: never[]) => unknown>>;

export const createScalarHelpers = (): ScalarHelpers => ({
  castNumber,
  uniformAt,
  to_f16: narrowRounder("f16"),
  to_bf16: narrowRounder("bf16"),
  outside: (index: number, size: number, place: string) => {
    invariant(false, `${place} reads ${index} where there are ${size}`);
  },
  ...Object.fromEntries(
    Object.entries(scalarFunctions).flatMap(([name, { evaluate, evaluateInteger }]) => [
      [`float_${name}`, evaluate],
      [`integer_${name}`, evaluateInteger],
    ]),
  ),
});

/** Functions of the table that are an operator; a call of any other is a call. */
const operators: { readonly [K in ScalarFunctionName]?: (...args: string[]) => string } = {
  add: (a, b) => `${a} + ${b}`,
  subtract: (a, b) => `${a} - ${b}`,
  multiply: (a, b) => `${a} * ${b}`,
  divide: (a, b) => `${a} / ${b}`,
  negate: (a) => `-${a}`,
  less: (a, b) => `${a} < ${b} ? 1 : 0`,
  lessEqual: (a, b) => `${a} <= ${b} ? 1 : 0`,
  equal: (a, b) => `${a} === ${b} ? 1 : 0`,
  notEqual: (a, b) => `${a} !== ${b} ? 1 : 0`,
  select: (condition, a, b) => `${condition} !== 0 ? ${a} : ${b}`,
};

export interface ScalarSpace {
  readonly nest: LoopNest;
  /** What loads may read, each an array `operand0`, `operand1`, … */
  readonly operands: readonly Value[];
  /** What holds where anything is computed. */
  readonly where: Condition;
}

/** Writes what scalars compute, and gives the names of that. */
export class ScalarWriter {
  readonly #space: ScalarSpace;
  /** The helpers that have been written. */
  readonly used = new Set<string>();
  #known = new Map<Scalar, Term>();

  constructor(space: ScalarSpace) {
    this.#space = space;
  }

  enter(lane: Lane): void {
    this.#space.nest.enter(lane);
    this.#known = new Map();
  }

  scalar(scalar: Scalar): Term {
    const known = this.#known.get(scalar);
    if (known !== undefined) return known;
    const term = this.#write(scalar);
    this.#known.set(scalar, term);
    return term;
  }

  call(fn: ScalarFunctionName, isInteger: boolean, args: readonly Term[]): Term {
    const { nest } = this.#space;
    const texts = args.map(({ text }) => text);
    const called = (name: string): string => `${this.#helper(name)}(${texts.join(", ")})`;
    if (isInteger) return nest.value(`${called(`integer_${fn}`)} | 0`, args);
    const operator = operators[fn];
    return nest.value(operator?.(...texts) ?? called(`float_${fn}`), args);
  }

  cast(of: Term, from: DType, to: DType): Term {
    const { nest } = this.#space;
    if (to === "f32") return of;
    if (isNarrowFloat(to)) return nest.value(`${this.#helper(`to_${to}`)}(${of.text})`, [of]);
    return nest.value(`${this.#helper("castNumber")}(${of.text}, "${from}", "${to}")`, [of]);
  }

  #write(scalar: Scalar): Term {
    const { nest } = this.#space;
    switch (scalar.kind) {
      case "constant":
        return numberTerm(scalar.value);
      case "index": {
        const index = nest.affine(scalar.index);
        return nest.value(`${index.text} | 0`, [index]);
      }
      case "condition": {
        const condition = nest.condition(scalar.condition);
        return nest.value(`${condition.text} ? 1 : 0`, [condition]);
      }
      case "load":
        return this.#load(scalar);
      case "gather":
        return this.#gather(scalar);
      case "random": {
        const index = nest.affine(scalar.index);
        const args = `seed, ${hash32(scalar.stream)}, batch, ${index.text}`;
        return nest.value(`${this.#helper("uniformAt")}(${args})`, [index]);
      }
      case "cast":
        return this.cast(this.scalar(scalar.of), scalar.of.dtype, scalar.dtype);
      case "call": {
        const args = scalar.args.map((arg) => this.scalar(arg));
        return this.call(scalar.fn, scalar.dtype === "i32", args);
      }
    }
  }

  #load(load: LoadScalar): Term {
    const { nest, operands } = this.#space;
    const { value, index, guard } = load;
    load.index.forEach((_, dimension) => {
      this.#check(load, dimension);
    });
    const offset = nest.affine(rowMajor(index, value.shape, nest.n));
    const element = `operand${operands.indexOf(value)}[${offset.text}]`;
    if (guard.kind === "true") return nest.value(element, [offset]);
    const condition = nest.condition(guard);
    return nest.value(`${condition.text} ? ${element} : 0`, [condition, offset]);
  }

  /** As the interpreter does at each point that is computed, unless the axes or the conditions on it keep it in range. */
  #check({ value, index, guard }: LoadScalar, dimension: number): void {
    const { nest, where } = this.#space;
    const affine = index[dimension]!;
    const extent = value.shape[dimension]!;
    const given = new Set([...conjuncts(where), ...conjuncts(guard)].map(({ key }) => key));
    const unknown = conjuncts(inRange(affine, extent)).filter(
      (part) =>
        !given.has(part.key) &&
        (part.kind !== "nonnegative" || rangeAt(part.value, nest.axes, nest.n).min < 0),
    );
    if (unknown.length === 0) return;
    const isInside = unknown.map((part) => nest.condition(part).text).join(" && ");
    const isRead = guard.kind === "true" ? "" : `${nest.condition(guard).text} && `;
    const place = JSON.stringify(`a load of ${printShape(value.shape)} at ${affine.key}`);
    const args = `${nest.affine(affine).text}, ${sizeAt(extent, nest.n)}, ${place}`;
    nest.statement(`if (${isRead}!(${isInside})) ${this.#helper("outside")}(${args});`);
  }

  /** An element where its indexes are in range, else 0. */
  #gather({ value, index }: GatherScalar): Term {
    const { nest, operands } = this.#space;
    const places = index.map((i) => this.scalar(i));
    const { offset, isInside } = gatheredPlace(places, value.shape, nest.n);
    const element = `operand${operands.indexOf(value)}[${offset}]`;
    return nest.value(isInside === "" ? element : `${isInside} ? ${element} : 0`, places);
  }

  #helper(name: string): string {
    this.used.add(name);
    return name;
  }
}

/** The place of an element in its array. */
export function rowMajor(index: readonly Affine[], shape: Shape, n: number): Affine {
  return index.reduce(
    (outer, affine, d) => addAffine(scaleAffine(outer, sizeAt(shape[d]!, n)), affine),
    zeroAffine,
  );
}

/** The same where data says it, and under which condition there is one; an empty text for always. */
export function gatheredPlace(
  places: readonly Term[],
  shape: Shape,
  n: number,
): { readonly offset: string; readonly isInside: string } {
  const sizes = shape.map((extent) => sizeAt(extent, n));
  return {
    offset: places.reduce((outer, { text }, d) => `(${outer}) * ${sizes[d]} + ${text}`, "0"),
    isInside: places.map(({ text }, d) => `${text} >= 0 && ${text} < ${sizes[d]}`).join(" && "),
  };
}

/** Terms as a representation of scalars: with it a reducer's formulas are written as they compute on numbers. */
export function textAlgebra(writer: ScalarWriter, dtype: DType): Algebra<Term> {
  const isInteger = dtype === "i32";
  const float = (fn: ScalarFunctionName, ...args: readonly Term[]) => writer.call(fn, false, args);
  const own = (fn: ScalarFunctionName, ...args: readonly Term[]) =>
    writer.call(fn, isInteger, args);
  return {
    dtype,
    constant: numberTerm,
    cast: (of, to) => writer.cast(of, "f32", to),
    call: own,
    number: numberTerm,
    add: (a, b) => own("add", a, b),
    subtract: (a, b) => own("subtract", a, b),
    multiply: (a, b) => own("multiply", a, b),
    divide: (a, b) => float("divide", a, b),
    negate: (a) => own("negate", a),
    equal: (a, b) => float("equal", a, b),
    less: (a, b) => float("less", a, b),
    select: (condition, a, b) => float("select", condition, a, b),
  };
}
