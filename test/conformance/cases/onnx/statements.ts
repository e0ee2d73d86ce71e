/** The program as it grows: statements, the tensors that they read, and what they come to before it runs. */

import { type CaseProgram, NotExpressible, type Tensor } from "../case-program.ts";
import { float, list, notation } from "../case-rules.ts";
import { interpretOutputs } from "../interpreter-target.ts";
import type { Value, Weight } from "./rule.ts";

interface Statement {
  readonly text: string;
  readonly names: readonly string[];
}

/** What is differentiated; Σ of it is the loss. */
const lossName = "loss";

const INT_MAX = 2 ** 31 - 1;

export class Statements {
  readonly #statements: Statement[] = [];
  readonly #tensors = new Map<string, Tensor>();
  /** Names of tensors that have no elements: the language has no such. */
  readonly #empty = new Set<string>();
  readonly #known = new Map<string, readonly number[]>();
  /** By the names of layers. */
  readonly #weights = new Map<string, ReadonlyMap<string, Tensor>>();
  /** By the names of gradients: the tensor that each is by. */
  readonly #gradients = new Map<string, string>();
  #loss: Value | undefined;
  /** Values whose elements rules have asked for. */
  readonly #read = new Set<string>();
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
    names?: readonly string[],
  ): Value {
    if (shape.length === 0) return this.define(body([]), shape, dtype);
    const [name] = this.fresh(1) as [string];
    if (shape.includes(0)) return this.#nothing(name, shape, dtype);
    const axes = names ?? this.fresh(shape.length);
    this.state(notation(name, axes, shape, body(axes)), [name]);
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

  layer(text: string, weights: Readonly<Record<string, Weight>>): string {
    const tensors = Object.entries(weights).map(([weight, { value, order }]) => {
      const { dtype, shape, expression } = value;
      this.#read.add(expression);
      const tensor = { dtype, shape, data: value.data ?? this.constant(value) };
      return [weight, order === undefined ? tensor : permuted(tensor, order)] as const;
    });
    const [name] = this.fresh(1) as [string];
    this.state(`${name} = ${text}`, [name]);
    this.#weights.set(name, new Map(tensors));
    return name;
  }

  /** The elements of a value: those that it was made of, or what the interpreter finds. */
  constant({ dtype, shape, expression, data }: Value): readonly number[] {
    this.#read.add(expression);
    const known = this.#known.get(expression) ?? data;
    if (known !== undefined) return Array.from(known);
    const program = this.program([{ name: "known", value: { dtype, shape, expression } }]);
    const found = Array.from(interpretOutputs(program).get("known")!);
    this.#known.set(expression, found);
    return found;
  }

  gradients(y: Value, by: readonly Value[]): readonly Value[] {
    if (this.#loss !== undefined && this.#loss.expression !== y.expression)
      throw new NotExpressible("gradients of several values in one step");
    this.#loss = y;
    return by.map(({ shape, expression }) => {
      if (!this.#tensors.has(expression) || this.#read.has(expression))
        throw new NotExpressible(
          "gradients by what is computed: an optimizer sees those by params",
        );
      const [name] = this.fresh(1) as [string];
      this.#gradients.set(name, expression);
      return { dtype: "f32", shape, expression: name };
    });
  }

  /** The tensor that a value is the gradient by. */
  differentiatedBy({ expression }: Value): string | undefined {
    return this.#gradients.get(expression);
  }

  /** The program that gives these, with the statements and tensors that they need. */
  program(outputs: readonly { readonly name: string; readonly value: Value }[]): CaseProgram {
    const params = new Set(outputs.flatMap(({ value }) => this.differentiatedBy(value) ?? []));
    const computed = outputs.filter(({ value }) => this.differentiatedBy(value) === undefined);
    const losses = params.size === 0 ? [] : [{ name: lossName, value: this.#loss! }];
    const results = [...computed, ...losses];
    const { needed, texts } = this.#statementsFor(results.map(({ value }) => value.expression));
    if ([...needed].some((name) => this.#empty.has(name)))
      throw new NotExpressible("tensors without elements");
    if ([...needed].some((name) => this.#gradients.has(name)))
      throw new NotExpressible("computing with gradients otherwise than in an optimizer");
    const tensors = [...this.#tensors];
    return {
      params: new Map(tensors.filter(([name]) => params.has(name))),
      inputs: new Map(tensors.filter(([name]) => needed.has(name) && !params.has(name))),
      weights: new Map(
        [...this.#weights].flatMap(([layer, weights]) =>
          needed.has(layer)
            ? [...weights].map(([weight, tensor]) => [`${layer}/${weight}`, tensor] as const)
            : [],
        ),
      ),
      statements: texts,
      outputs: results.map(({ name, value: { expression, shape } }) => ({
        name,
        expression,
        shape,
        ...(name === lossName && { cotangent: ones(shape) }),
      })),
    };
  }

  /** The statements that these names need, and all names that they read. */
  #statementsFor(names: readonly string[]) {
    const needed = new Set(names);
    const statements = this.#statements
      .slice()
      .reverse()
      .filter(({ text, names }) => {
        if (!names.some((name) => needed.has(name))) return false;
        for (const [word] of text.matchAll(/[A-Za-z_]\w*/g)) needed.add(word);
        return true;
      });
    return { needed, texts: statements.reverse().map(({ text }) => text) };
  }
}

/** A tensor whose axis i is axis order[i] of another. */
function permuted({ dtype, shape, data }: Tensor, order: readonly number[]): Tensor {
  let places = Int32Array.of(0);
  for (const axis of order) {
    const [size, stride] = [shape[axis]!, sizeOf(shape.slice(axis + 1))];
    const next = new Int32Array(places.length * size);
    for (let i = 0; i < next.length; i++) {
      next[i] = places[Math.floor(i / size)]! + (i % size) * stride;
    }
    places = next;
  }
  return {
    dtype,
    shape: order.map((axis) => shape[axis]!),
    data: Float64Array.from(places, (place) => data[place]!),
  };
}

const sizeOf = (shape: readonly number[]): number =>
  shape.reduce((product, size) => product * size, 1);

function ones(shape: readonly number[]): Tensor {
  return { dtype: "f32", shape, data: new Float32Array(sizeOf(shape)).fill(1) };
}

function numeral(value: number, dtype: Value["dtype"]): string {
  if (dtype === "bool") return value === 0 ? "false" : "true";
  return dtype === "i32" ? String(value) : float(value);
}
