/** The program as it grows: statements, the tensors that they read, and what they come to before it runs. */

import { type CaseProgram, NotExpressible, type Tensor } from "../case-program.ts";
import { float, list } from "../case-rules.ts";
import { interpretOutputs } from "../interpreter-target.ts";
import type { Value } from "./rule.ts";

interface Statement {
  readonly text: string;
  readonly names: readonly string[];
}

const INT_MAX = 2 ** 31 - 1;

export class Statements {
  readonly #statements: Statement[] = [];
  readonly #tensors = new Map<string, Tensor>();
  /** Names of tensors that have no elements: the language has no such. */
  readonly #empty = new Set<string>();
  readonly #known = new Map<string, readonly number[]>();
  #count = 0;

  /** Names that nothing else of the program has. */
  fresh(count: number): readonly string[] {
    return Array.from({ length: count }, () => `v${this.#count++}`);
  }

  state(text: string, names: readonly string[]): void {
    this.#statements.push({ text, names });
  }

  define(expression: string, shape: readonly number[], dtype: Value["dtype"] = "f32"): Value {
    const [name] = this.fresh(1) as [string];
    if (shape.includes(0)) return this.#nothing(name, shape, dtype);
    this.state(`${name} = ${expression}`, [name]);
    return { dtype, shape, expression: name };
  }

  indexed(
    shape: readonly number[],
    body: (axes: readonly string[]) => string,
    dtype: Value["dtype"] = "f32",
  ): Value {
    if (shape.length === 0) return this.define(body([]), shape, dtype);
    const [name, ...axes] = this.fresh(1 + shape.length) as [string, ...string[]];
    if (shape.includes(0)) return this.#nothing(name, shape, dtype);
    const bounded = axes.map((axis, i) => `${axis} < ${shape[i]}`);
    this.state(`${name}[${bounded.join(", ")}] = ${body(axes)}`, [name]);
    return { dtype, shape, expression: name };
  }

  /** What the case gives to compute with; it may be asked for its elements. */
  given(tensor: Tensor): Value {
    const [name] = this.fresh(1) as [string];
    const { dtype, shape, data } = tensor;
    if (shape.includes(0)) return this.#nothing(name, shape, dtype);
    // What stands beyond is an end of a slice that means "all".
    const within =
      dtype === "i32" ? Array.from(data, (i) => Math.max(-INT_MAX, Math.min(i, INT_MAX))) : data;
    this.#tensors.set(name, { dtype, shape, data: within });
    this.#known.set(name, Array.from(data));
    return { dtype, shape, expression: name };
  }

  #nothing(name: string, shape: readonly number[], dtype: Value["dtype"]): Value {
    this.#empty.add(name);
    return { dtype, shape, expression: name, data: [] };
  }

  /** A tensor that is part of the program: one number everywhere is written as such. */
  literal(data: ArrayLike<number>, shape: readonly number[], dtype: Value["dtype"] = "f32"): Value {
    const elements = Array.from(data);
    const first = elements[0] ?? 0;
    const isOneNumber = elements.every((element) => element === first) && Math.abs(first) < INT_MAX;
    const value = isOneNumber
      ? this.define(`full(${list(shape)}, ${numeral(first, dtype)})`, shape, dtype)
      : this.given({ dtype, shape, data: elements });
    return { ...value, data: elements };
  }

  /** The elements of a value: those that it was made of, or what the interpreter finds. */
  constant({ dtype, shape, expression, data }: Value): readonly number[] {
    const known = this.#known.get(expression) ?? data;
    if (known !== undefined) return Array.from(known);
    const program = this.program([{ name: "known", value: { dtype, shape, expression } }]);
    const found = Array.from(interpretOutputs(program).get("known")!);
    this.#known.set(expression, found);
    return found;
  }

  /** The program that gives these, with the statements and tensors that they need. */
  program(outputs: readonly { readonly name: string; readonly value: Value }[]): CaseProgram {
    const needed = new Set(outputs.map(({ value }) => value.expression));
    const statements = this.#statements
      .slice()
      .reverse()
      .filter(({ text, names }) => {
        if (!names.some((name) => needed.has(name))) return false;
        for (const [word] of text.matchAll(/[A-Za-z_]\w*/g)) needed.add(word);
        return true;
      });
    if ([...needed].some((name) => this.#empty.has(name))) {
      throw new NotExpressible("tensors without elements");
    }
    return {
      params: new Map(),
      inputs: new Map([...this.#tensors].filter(([name]) => needed.has(name))),
      statements: statements.reverse().map(({ text }) => text),
      outputs: outputs.map(({ name, value }) => ({
        name,
        expression: value.expression,
        shape: value.shape,
      })),
    };
  }
}

function numeral(value: number, dtype: Value["dtype"]): string {
  if (dtype === "bool") return value === 0 ? "false" : "true";
  return dtype === "i32" ? String(value) : float(value);
}
