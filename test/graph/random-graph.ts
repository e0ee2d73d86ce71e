/**
 * Random small graphs with data for their leaves: what every stage is compared with the interpreter on.
 *
 * `randomGraph()` is a fast-check arbitrary. A graph grows step by step from a batch of inputs: each step
 * takes values made before (by number) and applies one kind of node, so that every prefix is valid and failures
 * shrink well. Extents are small and odd, N is symbolic with a partial batch below its maximum, and every kind
 * of index map and reducer occurs. Values stay within single digits, so float32 results can be compared.
 *
 * The graph's results are the last few values and `loss`, a scalar that depends on all of them; with
 * `updates`, each param is assigned `param - 0.1·gradient`.
 */

import fc from "fast-check";
import { GraphContext } from "../../compiler/graph/context.ts";
import { batchExtent, elementsAt, fixed, type Shape } from "../../compiler/graph/extent.ts";
import type { Assignment, Graph, LeafRole, Scalar, Value } from "../../compiler/graph/node.ts";
import { printGraph } from "../../compiler/graph/print.ts";
import { hash32, uniformAt } from "../../compiler/graph/threefry.ts";
import { loopSteps } from "./random-loops.ts";
import {
  axes,
  Choices,
  type StepContext,
  type StepName,
  stepNames,
  steps,
} from "./random-steps.ts";

const allSteps = { ...steps, ...loopSteps };
const loopNames = Object.keys(loopSteps) as (keyof typeof loopSteps)[];

export interface RandomGraph {
  readonly context: GraphContext;
  readonly graph: Graph;
  /** Rows in the batch, at most `graph.batchMax`. */
  readonly n: number;
  /** Elements of a leaf for `batchMax` rows, exact in the leaf's type. */
  readonly leaf: (role: LeafRole, path: string) => Float64Array;
  readonly params: readonly Value[];
  readonly [fc.toStringMethod]: () => string;
}

export interface RandomGraphOptions {
  readonly maxSteps?: number;
  /** Assign every param a step along `gradient` leaves. */
  readonly updates?: boolean;
  /** Leave out what hides a change of a param from the gradient, as stop_gradient does. */
  readonly smooth?: boolean;
  /** Draw loops, loads by index, scatters and functions with their own derivative too. */
  readonly loops?: boolean;
}

export function randomGraph({
  maxSteps = 8,
  updates = false,
  smooth = false,
  loops = false,
}: RandomGraphOptions = {}): fc.Arbitrary<RandomGraph> {
  const step = fc.record({
    kind: fc.constantFrom(...(loops ? [...stepNames, ...loopNames, ...loopNames] : stepNames)),
    choices: fc.array(fc.nat(1000), { minLength: 12, maxLength: 12 }),
  });
  return fc
    .record({
      n: fc.integer({ min: 1, max: 5 }),
      spare: fc.integer({ min: 0, max: 3 }),
      seed: fc.nat(1e6),
      steps: fc.array(step, { minLength: 1, maxLength: maxSteps }),
    })
    .map(({ n, spare, seed, steps }) => {
      const builder = new RandomGraphBuilder(n + spare, seed, smooth);
      for (const { kind, choices } of steps) builder.apply(kind, choices);
      return builder.finish(n, updates);
    });
}

class RandomGraphBuilder implements StepContext {
  readonly context = new GraphContext();
  readonly batchMax: number;
  readonly #seed: number;
  readonly isSmooth: boolean;
  readonly values: Value[] = [];
  readonly bytes: Value;
  readonly #params: Value[] = [];

  constructor(batchMax: number, seed: number, isSmooth: boolean) {
    this.isSmooth = isSmooth;
    this.batchMax = batchMax;
    this.#seed = seed;
    const { context } = this;
    this.values.push(context.leaf("input", "x", "f32", [batchExtent, fixed(5), fixed(3)]));
    const bytes = context.leaf("input", "bytes", "u8", [batchExtent, fixed(7)]);
    this.bytes = bytes;
    const scaled = context.call(
      "divide",
      context.cast(context.load(bytes, axes(2)), "f32"),
      context.constant(128, "f32"),
    );
    this.values.push(context.compute({ parallel: bytes.shape, body: scaled }).values[0]!);
  }

  apply(kind: StepName | keyof typeof loopSteps, choices: readonly number[]): void {
    const take = new Choices(choices);
    const value = allSteps[kind](this, take.of(this.values), take);
    if (value !== undefined && elementsAt(value.shape, this.batchMax) <= 4000) {
      this.values.push(value);
    }
  }

  param(shape: Shape): Value {
    const value = this.context.leaf("param", `w${this.#params.length}`, "f32", shape);
    this.#params.push(value);
    return value;
  }

  /** A map over the value's own box. */
  map(shape: Shape, body: Scalar): Value {
    return this.context.compute({ parallel: shape, body }).values[0]!;
  }

  finish(n: number, updates: boolean): RandomGraph {
    const { context, batchMax } = this;
    const results = this.values.slice(-3).map((value, i) => ({ name: `result_${i}`, value }));
    const parts: Scalar[] = this.values.map((value, i) => {
      const weighted = context.call(
        "multiply",
        context.load(value, axes(value.shape.length)),
        context.constant(1 / (1 + i), "f32"),
      );
      const mean = {
        parallel: [],
        reduction: value.shape,
        reducer: "mean",
        body: weighted,
      } as const;
      return context.load(context.compute(mean).values[0]!, []);
    });
    const total = parts.reduce((sum, part) => context.call("add", sum, part));
    const loss = context.compute({ parallel: [], body: total }).values[0]!;
    const assignments: Assignment[] = updates
      ? this.#params.map((param) => this.#update(param))
      : [];
    const graph = {
      name: "random",
      batchMax,
      results: [...results, { name: "loss", value: loss }],
      assignments,
    };
    return {
      context,
      graph,
      n,
      leaf: (role, path) => this.#data(role, path),
      params: this.#params,
      // What fast-check prints of a counterexample.
      [fc.toStringMethod]: () => `N = ${n}, seed ${this.#seed}:\n${printGraph(graph)}`,
    };
  }

  #update(param: Value): Assignment {
    const { context } = this;
    const path = param.node.kind === "leaf" ? param.node.path : "";
    const gradient = context.leaf("gradient", path, "f32", param.shape);
    const place = axes(param.shape.length);
    const change = context.call(
      "multiply",
      context.constant(0.125, "f32"),
      context.load(gradient, place),
    );
    const body = context.call("subtract", context.load(param, place), change);
    return { target: param, value: this.map(param.shape, body) };
  }

  #data(role: LeafRole, path: string): Float64Array {
    const shapes: Record<string, Shape> = {
      x: [batchExtent, fixed(5), fixed(3)],
      bytes: [batchExtent, fixed(7)],
    };
    const param = this.#params.find(
      (value) => value.node.kind === "leaf" && value.node.path === path,
    );
    const shape = role === "input" ? shapes[path]! : param!.shape;
    const stream = hash32(`${role} ${path}`);
    return Float64Array.from({ length: elementsAt(shape, this.batchMax) }, (_, i) => {
      const uniform = uniformAt(this.#seed, stream, 0, i);
      return path === "bytes" ? Math.floor(uniform * 256) : Math.fround(2 * uniform - 1);
    });
  }
}
