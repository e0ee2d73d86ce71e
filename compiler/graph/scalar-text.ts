/**
 * Scalars as JavaScript text, for the evaluator: numbers as the interpreter has them, booleans being 0 and 1. Each
 * scalar is a constant of its own, computed in the interpreter's order; axes are the variables `i0`, `i1`, …
 */

import { invariant } from "../diagnostics/diagnostic.ts";
import type { Affine } from "./affine.ts";
import { rangeAt } from "./affine-range.ts";
import type { Condition } from "./condition.ts";
import type { DType } from "./dtype.ts";
import { type Extent, printShape, sizeAt } from "./extent.ts";
import { isNarrowFloat, narrowRounder } from "./narrow-floats.ts";
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
  within: (index: number, size: number, place: string): number => {
    invariant(index >= 0 && index < size, `${place} reads ${index} where there are ${size}`);
    return index;
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
  /** The box that the axes run over. */
  readonly axes: readonly Extent[];
  readonly n: number;
  /** What loads may read, each an array `operand0`, `operand1`, … */
  readonly operands: readonly Value[];
}

/** Writes statements, one a line, and gives the names of what they compute. */
export class ScalarWriter {
  readonly #space: ScalarSpace;
  /** The helpers that have been written. */
  readonly used = new Set<string>();
  #lines: string[] = [];
  #known = new Map<Scalar, string>();
  #count = 0;

  constructor(space: ScalarSpace) {
    this.#space = space;
  }

  /** What `write` writes, as lines of their own, and what it gives. */
  block<T>(write: () => T): readonly [lines: readonly string[], result: T] {
    const [lines, known] = [this.#lines, this.#known];
    this.#lines = [];
    this.#known = new Map();
    const result = write();
    const written = this.#lines;
    this.#lines = lines;
    this.#known = known;
    return [written, result];
  }

  /** A constant of that value. */
  keep(text: string): string {
    const name = `t${this.#count++}`;
    this.#lines.push(`const ${name} = ${text};`);
    return name;
  }

  scalar(scalar: Scalar): string {
    const known = this.#known.get(scalar);
    if (known !== undefined) return known;
    const text = this.#write(scalar);
    this.#known.set(scalar, text);
    return text;
  }

  call(fn: ScalarFunctionName, isInteger: boolean, args: readonly string[]): string {
    if (isInteger) return this.keep(`${this.#helper(`integer_${fn}`)}(${args.join(", ")}) | 0`);
    const operator = operators[fn];
    if (operator !== undefined) return this.keep(operator(...args));
    return this.keep(`${this.#helper(`float_${fn}`)}(${args.join(", ")})`);
  }

  cast(of: string, from: DType, to: DType): string {
    if (to === "f32") return of;
    if (isNarrowFloat(to)) return this.keep(`${this.#helper(`to_${to}`)}(${of})`);
    return this.keep(`${this.#helper("castNumber")}(${of}, "${from}", "${to}")`);
  }

  #write(scalar: Scalar): string {
    const { n } = this.#space;
    switch (scalar.kind) {
      case "constant":
        return numberText(scalar.value);
      case "index":
        return this.keep(`(${affineText(scalar.index, n)}) | 0`);
      case "condition":
        return this.keep(`${conditionText(scalar.condition, n)} ? 1 : 0`);
      case "load":
        return this.keep(this.#load(scalar));
      case "gather":
        return this.keep(this.#gather(scalar));
      case "random": {
        const args = `seed, ${hash32(scalar.stream)}, batch, ${affineText(scalar.index, n)}`;
        return this.keep(`${this.#helper("uniformAt")}(${args})`);
      }
      case "cast":
        return this.cast(this.scalar(scalar.of), scalar.of.dtype, scalar.dtype);
      case "call": {
        const args = scalar.args.map((arg) => this.scalar(arg));
        return this.call(scalar.fn, scalar.dtype === "i32", args);
      }
    }
  }

  #load({ value, index, guard }: LoadScalar): string {
    const { n, operands } = this.#space;
    const offset = index.reduce((outer, affine, dimension) => {
      const size = sizeAt(value.shape[dimension]!, n);
      const inner = this.#checked(value, affine, size);
      return outer === "" ? inner : `(${outer}) * ${size} + ${inner}`;
    }, "");
    const element = `operand${operands.indexOf(value)}[${offset === "" ? "0" : offset}]`;
    return guard.kind === "true" ? element : `${conditionText(guard, n)} ? ${element} : 0`;
  }

  /** An element where its indexes are in range, else 0. */
  #gather({ value, index }: GatherScalar): string {
    const { n, operands } = this.#space;
    const places = index.map((i) => this.keep(this.scalar(i)));
    const sizes = value.shape.map((extent) => sizeAt(extent, n));
    const inRange = places.map((place, d) => `${place} >= 0 && ${place} < ${sizes[d]}`);
    const offset = places.reduce((outer, place, d) => `(${outer}) * ${sizes[d]} + ${place}`, "0");
    const element = `operand${operands.indexOf(value)}[${offset}]`;
    return places.length === 0 ? element : `${inRange.join(" && ")} ? ${element} : 0`;
  }

  /** Checked at each point, as the interpreter does, unless the axes alone keep it in range. */
  #checked(value: Value, affine: Affine, size: number): string {
    const { axes, n } = this.#space;
    const { min, max } = rangeAt(affine, axes, n);
    const text = affineText(affine, n);
    if (min >= 0 && max < size) return text;
    const place = JSON.stringify(`a load of ${printShape(value.shape)} at ${affine.key}`);
    return `${this.#helper("within")}(${text}, ${size}, ${place})`;
  }

  #helper(name: string): string {
    this.used.add(name);
    return name;
  }
}

/** Texts as a representation of scalars: with it a reducer's formulas are written as they compute on numbers. */
export function textAlgebra(writer: ScalarWriter, dtype: DType): Algebra<string> {
  const isInteger = dtype === "i32";
  const float = (fn: ScalarFunctionName, ...args: readonly string[]) =>
    writer.call(fn, false, args);
  const own = (fn: ScalarFunctionName, ...args: readonly string[]) =>
    writer.call(fn, isInteger, args);
  return {
    dtype,
    constant: numberText,
    cast: (of, to) => writer.cast(of, "f32", to),
    call: own,
    number: numberText,
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

/** In parentheses where it is more than a name: −(−1) is no decrement. */
function numberText(value: number): string {
  if (Object.is(value, -0)) return "(-0)";
  return value < 0 ? `(${value})` : String(value);
}

function affineText(affine: Affine, n: number): string {
  const offset = affine.constant + affine.batch * n;
  const terms = affine.terms.map(({ coefficient, atom }) => {
    const text = atomText(atom, n);
    return coefficient === 1 ? text : `(${coefficient}) * ${text}`;
  });
  if (offset !== 0 || terms.length === 0) terms.push(numberText(offset));
  return terms.join(" + ");
}

function atomText(atom: Affine["terms"][number]["atom"], n: number): string {
  if (atom.kind === "axis") return `i${atom.axis}`;
  if (atom.kind === "step") return `step${atom.loop}`;
  const base = `(${affineText(atom.base, n)})`;
  const quotient = `Math.floor(${base} / ${atom.divisor})`;
  return atom.kind === "div" ? quotient : `(${base} - ${atom.divisor} * ${quotient})`;
}

/** A condition as JavaScript's true and false, in parentheses. */
export function conditionText(condition: Condition, n: number): string {
  switch (condition.kind) {
    case "true":
    case "false":
      return condition.kind;
    case "nonnegative":
      return `(${affineText(condition.value, n)} >= 0)`;
    case "zero":
      return `(${affineText(condition.value, n)} === 0)`;
    case "divides":
      return `((${affineText(condition.value, n)}) % ${condition.divisor} === 0)`;
    case "not":
      return `!${conditionText(condition.of, n)}`;
    case "and":
    case "or": {
      const operator = condition.kind === "and" ? " && " : " || ";
      return `(${condition.of.map((part) => conditionText(part, n)).join(operator)})`;
    }
  }
}
