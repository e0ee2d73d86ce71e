/**
 * Graphs evaluated as the interpreter does, bit for bit, but fast: each node becomes a JavaScript function, a loop
 * nest over its box, that engines compile to machine code. For figures of whole models; what is meant is said by the
 * interpreter, and tests hold this to it.
 */

import { invariant } from "../diagnostics/diagnostic.ts";
import { evaluateAffine, type Steps } from "./affine.ts";
import { reachableNodes } from "./context.ts";
import { type Extent, elementsAt, sizeAt, stackedAxis } from "./extent.ts";
import type { InterpretEnvironment } from "./interpret.ts";
import type { Assignment, Compute, Graph, Node, Scan, Scatter, Value } from "./node.ts";
import { reducers } from "./reducers.ts";
import {
  conditionText,
  createScalarHelpers,
  type ScalarHelpers,
  ScalarWriter,
  textAlgebra,
} from "./scalar-text.ts";

export interface Evaluation {
  /** Row-major elements of each named result. */
  readonly results: ReadonlyMap<string, ArrayLike<number>>;
  /** What each assignment stores, in order. */
  readonly assignments: readonly (Assignment & { readonly data: ArrayLike<number> })[];
}

type NodeFunction = (
  helpers: ScalarHelpers,
  operands: readonly ArrayLike<number>[],
  outputs: readonly Float64Array[],
  seed: number,
  batch: number,
  steps: Steps,
) => void;

type Surroundings = Omit<InterpretEnvironment, "n"> & {
  /** The step of each loop around what is evaluated. */
  readonly steps: Steps;
};

/** Keeps the functions of nodes, so that evaluating a graph again, with other data, costs only the evaluation. */
export class GraphEvaluator {
  readonly #n: number;
  readonly #helpers = createScalarHelpers();
  readonly #functions = new Map<Compute | Scatter, NodeFunction>();

  /** `n` is the number of rows in the batch. */
  constructor(n: number) {
    this.#n = n;
  }

  run(graph: Graph, environment: Omit<InterpretEnvironment, "n">): Evaluation {
    const roots = [...graph.results, ...graph.assignments].map(({ value }) => value);
    const values = this.#evaluate(roots, environment);
    return {
      results: new Map(graph.results.map(({ name, value }) => [name, values.get(value)!])),
      assignments: graph.assignments.map((assignment) => ({
        ...assignment,
        data: values.get(assignment.value)!,
      })),
    };
  }

  #evaluate(
    roots: readonly Value[],
    environment: Omit<InterpretEnvironment, "n">,
  ): ReadonlyMap<Value, ArrayLike<number>> {
    const nodes = [...reachableNodes(roots)];
    const releasable = lastUses(nodes, new Set(roots));
    const values = new Map<Value, ArrayLike<number>>();
    for (const node of nodes) {
      this.#node(node, { ...environment, steps: new Map() }, values);
      for (const value of releasable.get(node) ?? []) values.delete(value);
    }
    return values;
  }

  #node(node: Node, surroundings: Surroundings, values: Map<Value, ArrayLike<number>>): void {
    switch (node.kind) {
      case "leaf":
        values.set(node.values[0], this.#leaf(node.values[0], surroundings));
        return;
      case "scan":
        this.#scan(node, surroundings, values);
        return;
      case "call":
        node.values.forEach((value, i) => {
          values.set(value, values.get(node.primal[i]!)!);
        });
        return;
      case "compute":
      case "scatter":
        this.#points(node, surroundings, values);
    }
  }

  #scan(
    { loop, length, carries, stacks, nodes, values: results }: Scan,
    surroundings: Surroundings,
    values: Map<Value, ArrayLike<number>>,
  ): void {
    for (const { leaf, init } of carries) values.set(leaf, values.get(init)!);
    const stacked = stacks.map((_, i) => {
      const { shape } = results[carries.length + i]!;
      return new Float64Array(elementsAt(shape, this.#n));
    });
    for (let step = 0; step < length; step++) {
      const steps = new Map([...surroundings.steps, [loop, step]]);
      for (const node of nodes) {
        if (node.kind !== "leaf") this.#node(node, { ...surroundings, steps }, values);
      }
      stacks.forEach(({ value, place }, i) => {
        const at = evaluateAffine(place, [], this.#n, steps);
        const outer = elementsAt(value.shape.slice(0, stackedAxis(value.shape)), this.#n);
        const slice = Float64Array.from(values.get(value)!);
        const row = elementsAt(value.shape, this.#n) / outer;
        for (let o = 0; o < outer; o++) {
          stacked[i]!.set(slice.subarray(o * row, (o + 1) * row), (o * length + at) * row);
        }
      });
      const next = carries.map((carry) => values.get(carry.next)!);
      carries.forEach(({ leaf }, i) => {
        values.set(leaf, next[i]!);
      });
    }
    const last = carries.map(({ leaf }) => values.get(leaf)!);
    for (const value of nodes.flatMap((node) => node.values)) values.delete(value);
    [...last, ...stacked].forEach((data, i) => {
      values.set(results[i]!, data);
    });
  }

  #leaf(value: Value, environment: Omit<InterpretEnvironment, "n">): ArrayLike<number> {
    const { node } = value;
    invariant(node.kind === "leaf", "only leaves are read");
    const size = elementsAt(value.shape, this.#n);
    if (node.role === "cotangent") return new Float64Array(size);
    const data = environment.leaf(node.role, node.path);
    invariant(
      data.length >= size,
      `${node.role} ${node.path}: ${data.length} elements given, ${size} needed`,
    );
    return data;
  }

  #points(
    node: Compute | Scatter,
    { seed = 0, batch = 0, steps }: Surroundings,
    values: Map<Value, ArrayLike<number>>,
  ): void {
    const outputs = node.values.map(({ shape }) => new Float64Array(elementsAt(shape, this.#n)));
    const operands = node.operands.map((operand) => values.get(operand)!);
    const run = this.#functions.get(node) ?? compileNode(node, this.#n);
    this.#functions.set(node, run);
    run(this.#helpers, operands, outputs, seed, batch, steps);
    node.values.forEach((value, i) => {
      values.set(value, outputs[i]!);
    });
  }
}

/** Which values nothing reads after a node: large models have more of them than fit into memory at once. */
function lastUses(
  nodes: readonly Node[],
  roots: ReadonlySet<Value>,
): ReadonlyMap<Node, readonly Value[]> {
  const seen = new Set<Value>(roots);
  const releasable = new Map<Node, Value[]>();
  for (const node of nodes.toReversed()) {
    const read = node.kind === "leaf" ? [] : node.operands;
    const last = [...node.values, ...read].filter((value) => !seen.has(value));
    for (const value of last) seen.add(value);
    releasable.set(node, last);
  }
  return releasable;
}

function compileNode(node: Compute | Scatter, n: number): NodeFunction {
  return new Function(
    "helpers",
    "operands",
    "outputs",
    "seed",
    "batch",
    "steps",
    printNode(node, n),
  ) as NodeFunction;
}

function printNode(node: Compute | Scatter, n: number): string {
  const { parallel, operands, values, loops: around } = node;
  const reduction = node.kind === "compute" ? node.reduction : [];
  const writer = new ScalarWriter({ axes: [...parallel, ...reduction], n, operands });
  const perPoint =
    node.kind === "compute" ? printCompute(node, writer, n) : printScatter(node, writer, n);
  return [
    '"use strict";',
    ...operands.map((_, i) => `const operand${i} = operands[${i}];`),
    ...values.map((_, i) => `const output${i} = outputs[${i}];`),
    ...[...around].map((loop) => `const step${loop} = steps.get(${loop});`),
    ...[...writer.used].map((name) => `const ${name} = helpers.${name};`),
    "let p = 0;",
    ...loops(parallel, 0, n),
    ...perPoint,
    "p++;",
    ...parallel.map(() => "}"),
  ].join("\n");
}

/** Adds an element where its place is in range. */
function printScatter({ shape, index, body }: Scatter, writer: ScalarWriter, n: number): string[] {
  const [lines, [element, ...place]] = writer.block(() =>
    [body, ...index].map((scalar) => writer.scalar(scalar)),
  );
  const sizes = shape.map((extent) => sizeAt(extent, n));
  const inRange = place.map((at, d) => `${at} >= 0 && ${at} < ${sizes[d]}`);
  const offset = place.reduce((outer, at, d) => `(${outer}) * ${sizes[d]} + ${at}`, "0");
  const add = `output0[${offset}] += ${element};`;
  return [...lines, inRange.length === 0 ? add : `if (${inRange.join(" && ")}) ${add}`];
}

/** Computes the point with number `p`. */
function printCompute(node: Compute, writer: ScalarWriter, n: number): string[] {
  const { parallel, reduction, reducer, where, body } = node;
  const isEverywhere = where.kind === "true";
  const store = (result: string, i: number): string => `output${i}[p] = ${result};`;
  const perPoint: string[] = [];
  if (reducer === null) {
    const [block, result] = writer.block(() => writer.scalar(body));
    perPoint.push(...block, store(result, 0));
  } else {
    const row = reducers[reducer];
    const algebra = textAlgebra(writer, body.dtype);
    const [before, identity] = writer.block(() => row.identity(algebra));
    const state = identity.map((_, i) => `state${i}`);
    const [step, next] = writer.block(() => {
      const lifted = row.lift(algebra, writer.scalar(body), "index");
      return row.combine(algebra, state, lifted).map((part) => writer.keep(part));
    });
    const [after, results] = writer.block(() => row.finish(algebra, state, "count"));
    perPoint.push(
      ...before,
      ...identity.map((value, i) => `let state${i} = ${value};`),
      "let count = 0, index = 0;",
      ...loops(reduction, parallel.length, n),
      isEverywhere ? "{" : `if (${conditionText(where, n)}) {`,
      ...step,
      ...next.map((value, i) => `state${i} = ${value};`),
      "count++;",
      "}",
      "index++;",
      ...reduction.map(() => "}"),
      ...after,
      ...results.map(store),
    );
  }
  return perPoint;
}

/** The heads of nested loops over a box whose axes are numbered from `first`. */
function loops(box: readonly Extent[], first: number, n: number): readonly string[] {
  return box.map((extent, d) => {
    const axis = `i${first + d}`;
    return `for (let ${axis} = 0; ${axis} < ${sizeAt(extent, n)}; ${axis}++) {`;
  });
}
