/**
 * Graphs evaluated as the interpreter does, bit for bit, but fast: each node becomes a JavaScript function, a loop
 * nest over its box, that engines compile to machine code. For figures of whole models; what is meant is said by the
 * interpreter, and tests hold this to it.
 */

import { invariant } from "../diagnostics/diagnostic.ts";
import { evaluateAffine, type Steps } from "./affine.ts";
import { reachableNodes } from "./context.ts";
import { elementsAt, stackedAxis } from "./extent.ts";
import type { InterpretEnvironment } from "./interpret.ts";
import type { Assignment, Compute, Graph, Node, Scan, Scatter, Value } from "./node.ts";
import { printNode } from "./node-text.ts";
import { createScalarHelpers, type ScalarHelpers } from "./scalar-text.ts";
import { ArrayPool, ValueArrays } from "./value-arrays.ts";

export interface Evaluation {
  /** Row-major elements of each named result. */
  readonly results: ReadonlyMap<string, ArrayLike<number>>;
  /** What each assignment stores, in order. */
  readonly assignments: readonly (Assignment & { readonly data: ArrayLike<number> })[];
}

const parameters = ["helpers", "operands", "outputs", "seed", "batch", "steps"] as const;

type NodeFunction = (
  helpers: ScalarHelpers,
  operands: readonly Float64Array[],
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
  readonly #pool = new ArrayPool();
  readonly #helpers = createScalarHelpers();
  readonly #functions = new Map<Compute | Scatter, NodeFunction>();
  /** Nodes that are alike share one: engines compile each anew. */
  readonly #functionsByText = new Map<string, NodeFunction>();

  /** `n` is the number of rows in the batch. */
  constructor(n: number) {
    this.#n = n;
  }

  run(graph: Graph, environment: Omit<InterpretEnvironment, "n">): Evaluation {
    return this.runAll([graph], environment)[0]!;
  }

  /** Graphs of one context, whose common nodes are evaluated once. */
  runAll(
    graphs: readonly Graph[],
    environment: Omit<InterpretEnvironment, "n">,
  ): readonly Evaluation[] {
    const roots = graphs.flatMap(({ results, assignments }) =>
      [...results, ...assignments].map(({ value }) => value),
    );
    const values = this.#evaluate(roots, environment);
    return graphs.map(({ results, assignments }) => ({
      results: new Map(results.map(({ name, value }) => [name, values.get(value)])),
      assignments: assignments.map((assignment) => ({
        ...assignment,
        data: values.get(assignment.value),
      })),
    }));
  }

  #evaluate(roots: readonly Value[], environment: Omit<InterpretEnvironment, "n">): ValueArrays {
    const nodes = [...reachableNodes(roots)];
    const releasable = lastUses(nodes, new Set(roots));
    const values = new ValueArrays(this.#pool);
    for (const node of nodes) {
      this.#node(node, { ...environment, steps: new Map() }, values);
      for (const value of releasable.get(node) ?? []) values.delete(value);
    }
    return values;
  }

  #node(node: Node, surroundings: Surroundings, values: ValueArrays): void {
    switch (node.kind) {
      case "leaf":
        values.set(node.values[0], this.#leaf(node.values[0], surroundings));
        return;
      case "scan":
        this.#scan(node, surroundings, values);
        return;
      case "call":
        node.values.forEach((value, i) => {
          values.set(value, values.get(node.primal[i]!));
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
    values: ValueArrays,
  ): void {
    for (const { leaf, init } of carries) values.set(leaf, values.get(init));
    const stacked = results
      .slice(carries.length)
      .map((value) => values.allocate(value, elementsAt(value.shape, this.#n)));
    for (let step = 0; step < length; step++) {
      const steps = new Map([...surroundings.steps, [loop, step]]);
      for (const node of nodes) {
        if (node.kind !== "leaf") this.#node(node, { ...surroundings, steps }, values);
      }
      stacks.forEach(({ value, place }, i) => {
        const at = evaluateAffine(place, [], this.#n, steps);
        const outer = elementsAt(value.shape.slice(0, stackedAxis(value.shape)), this.#n);
        const slice = values.get(value);
        const row = elementsAt(value.shape, this.#n) / outer;
        for (let o = 0; o < outer; o++) {
          stacked[i]!.set(slice.subarray(o * row, (o + 1) * row), (o * length + at) * row);
        }
      });
      values.copy(carries.map(({ leaf, next }) => [leaf, next]));
    }
    values.copy(carries.map(({ leaf }, i) => [results[i]!, leaf]));
    for (const value of nodes.flatMap((node) => node.values)) values.delete(value);
  }

  #leaf(value: Value, environment: Omit<InterpretEnvironment, "n">): Float64Array {
    const { node } = value;
    invariant(node.kind === "leaf", "only leaves are read");
    const size = elementsAt(value.shape, this.#n);
    if (node.role === "cotangent") return new Float64Array(size);
    const data = environment.leaf(node.role, node.path);
    invariant(
      data.length >= size,
      `${node.role} ${node.path}: ${data.length} elements given, ${size} needed`,
    );
    // Of one type, whatever is given: engines compile functions for the types of arrays that they met.
    return data instanceof Float64Array ? data : new Float64Array(data);
  }

  #points(
    node: Compute | Scatter,
    { seed = 0, batch = 0, steps }: Surroundings,
    values: ValueArrays,
  ): void {
    const operands = node.operands.map((operand) => values.get(operand));
    const outputs = node.values.map((value) =>
      values.allocate(value, elementsAt(value.shape, this.#n)),
    );
    this.#functionOf(node)(this.#helpers, operands, outputs, seed, batch, steps);
  }

  #functionOf(node: Compute | Scatter): NodeFunction {
    const known = this.#functions.get(node);
    if (known !== undefined) return known;
    const text = printNode(node, this.#n);
    const run =
      this.#functionsByText.get(text) ?? (new Function(...parameters, text) as NodeFunction);
    this.#functions.set(node, run);
    this.#functionsByText.set(text, run);
    return run;
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
