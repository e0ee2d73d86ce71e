/** What rules turn an operator of ONNX and its attributes into: expressions of the language. */

import type { Tensor } from "../case-program.ts";
import type { OnnxTensor } from "./model.ts";

/** A tensor of the graph. */
export interface Value {
  readonly dtype: Tensor["dtype"];
  readonly shape: readonly number[];
  /** As statements that follow may write it. */
  readonly expression: string;
  /** The elements, where they are known before the program runs. */
  readonly data?: ArrayLike<number>;
}

/** A value in the layout that the library has for a weight. */
export interface Weight {
  readonly value: Value;
  /** Its axes in the order of the layer's; as they are unless given. */
  readonly order?: readonly number[];
}

/** An operator applied, as far as its rule may look at it. */
export interface NodeCall {
  readonly opType: string;
  /** The version of the operators of its domain. */
  readonly opset: number;
  /** Undefined where an optional input is left out. */
  readonly inputs: readonly (Value | undefined)[];
  /** How many outputs are asked for. */
  readonly outputs: number;
  /** An input that the operator does not go without. */
  input(index: number): Value;
  has(attribute: string): boolean;
  /** Attributes; one without a fallback must be given. */
  int(attribute: string, fallback?: number): number;
  float(attribute: string, fallback?: number): number;
  string(attribute: string, fallback?: string): string;
  ints(attribute: string): readonly number[] | undefined;
  floats(attribute: string): readonly number[] | undefined;
  strings(attribute: string): readonly string[] | undefined;
  tensor(attribute: string): OnnxTensor | undefined;
  /** What the graph of an attribute makes of its inputs. */
  subgraph(attribute: string, inputs: readonly Value[]): readonly Value[];
  /** Elements of an input, by its place or itself, that have to be known before the program runs. */
  constant(input: number | Value): readonly number[];
  /** A tensor whose elements are known. */
  literal(data: ArrayLike<number>, shape: readonly number[], dtype?: Value["dtype"]): Value;
  /** `name = expression`; the type is f32 unless it is given. */
  define(expression: string, shape: readonly number[], dtype?: Value["dtype"]): Value;
  /** `name[i < …, j < …] = body`; axes get fresh names unless theirs are given. */
  indexed(
    shape: readonly number[],
    body: (axes: readonly string[]) => string,
    dtype?: Value["dtype"],
    names?: readonly string[],
  ): Value;
  /** Names for axes or bindings that nothing else of the program has. */
  fresh(count: number): readonly string[];
  /** A layer of the library, bound to a name, with its weights by theirs; elements of weights have to be known. */
  layer(text: string, weights: Readonly<Record<string, Weight>>): string;
  /** What the graph calls by this name. */
  named(name: string): Value;
  /** The gradient of Σ y by each of the case's tensors: outputs of the model, with which nothing can be computed. */
  gradients(y: Value, by: readonly Value[]): readonly Value[];
  /** A statement of another form, such as a loop, and the names that it binds. */
  state(text: string, names: readonly string[]): void;
}

/** Gives as many values as outputs are asked for, or more. */
export type Rule = (call: NodeCall) => readonly Value[];

/** By operator; those outside of ONNX' own domain by `domain:operator`. */
export type Rules = Readonly<Record<string, Rule>>;
