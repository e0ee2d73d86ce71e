/**
 * A graph as the statements of a JavaScript function: loops over typed arrays for tensors, named constants for
 * single numbers. Every node is computed in order, in float64; nothing is fused, because such code runs
 * seldom and is to be read.
 */

import { invariant } from "../../diagnostics/diagnostic.ts";
import { type GraphContext, graphNodes } from "../../graph/context.ts";
import { elementsAt, type Shape, sizeAt } from "../../graph/extent.ts";
import type { Compute, Graph, Leaf, Value } from "../../graph/node.ts";
import { elementType } from "../../kernel/algebra.ts";
import { add, constant, f32, multiply, place, store, variable, when } from "../../kernel/build.ts";
import { inlineSingleUses } from "../../kernel/inline-lets.ts";
import type { Access, Expression } from "../../kernel/ir.ts";
import { Accumulation } from "../../schedule/accumulate.ts";
import { lowerBody } from "../../schedule/body.ts";
import { conditionValue, type Point } from "../../schedule/indexes.ts";
import { isStepScalar, KernelBuilder, stridesOf } from "../../schedule/kernel-builder.ts";
import { valueName } from "../../schedule/names.ts";
import { blockComment, CLikePrinter } from "../c-like-printer.ts";
import { javaScriptDialect } from "./dialect.ts";
import type { PreludeFunction } from "./functions.ts";

export interface JavaScriptOptions {
  /** An expression for a leaf: an array of its elements, or a number for step scalars. */
  readonly leaf: (leaf: Leaf) => string;
}

export interface JavaScriptGraph {
  /** Statements, one a line. */
  readonly lines: readonly string[];
  /** An expression for each result: a typed array of float64 or integers, or of rank 0 a number. */
  readonly results: readonly {
    readonly name: string;
    readonly text: string;
    readonly value: Value;
  }[];
  /** What `printPrelude` must declare. */
  readonly prelude: readonly PreludeFunction[];
}

export function printJavaScriptGraph(
  context: GraphContext,
  graph: Graph,
  options: JavaScriptOptions,
): JavaScriptGraph {
  const writer = new GraphWriter(context, graph, options);
  return writer.print(graph);
}

/** Values live in local arrays and constants; there are no parameters. */
class GraphWriter extends KernelBuilder {
  readonly #context: GraphContext;
  readonly #options: JavaScriptOptions;
  readonly #arrays = new Map<Value, string>();
  readonly #numbers = new Map<Value, Expression>();

  constructor(context: GraphContext, graph: Graph, options: JavaScriptOptions) {
    super({
      placeOf: (memory) => ({ memory, stacked: null }),
      batchMax: graph.batchMax,
      nameOf: (value) => valueName(context, value),
    });
    this.#context = context;
    this.#options = options;
  }

  print(graph: Graph): JavaScriptGraph {
    const prelude: PreludeFunction[] = [];
    const printer = new CLikePrinter(javaScriptDialect((wanted) => prelude.push(wanted)));
    const lines = graphNodes(graph).flatMap((node) => {
      if (node.kind === "leaf") return [this.#declareLeaf(node)];
      invariant(node.kind === "compute", `${node.kind} is not printed yet`);
      return [
        ...this.#headOf(node),
        ...printer.block(inlineSingleUses(this.block(() => this.#compute(node))), ""),
      ];
    });
    const results = graph.results.map(({ name, value }) => {
      const known = this.#numbers.get(value);
      const text = known === undefined ? this.#arrays.get(value)! : printer.expression(known);
      return { name, text, value };
    });
    return { lines, results, prelude };
  }

  override buffer(value: Value, _access: Access): string {
    const array = this.#arrays.get(value);
    invariant(array !== undefined, `${this.surroundings.nameOf(value)} is no array`);
    return array;
  }

  override scalar(leaf: Value): Expression {
    return this.#numbers.get(leaf)!;
  }

  #declareLeaf(leaf: Leaf): string {
    const [value] = leaf.values;
    const name = this.name(this.surroundings.nameOf(value));
    if (isStepScalar(leaf)) this.#numbers.set(value, variable(name, f32));
    else this.#arrays.set(value, name);
    return `const ${name} = ${this.#options.leaf(leaf)};`;
  }

  #compute(node: Compute): void {
    const { parallel, values } = node;
    if (parallel.length === 0) {
      this.#results(node, []).forEach((result, i) => {
        const value = values[i]!;
        this.#numbers.set(value, this.let(this.surroundings.nameOf(value), result));
      });
      return;
    }
    for (const value of values) {
      const elements = elementsAt(value.shape, this.batchMax);
      const hint = this.surroundings.nameOf(value);
      this.#arrays.set(value, this.local(hint, elementType(value.dtype), elements));
    }
    this.#loops(parallel, "i", (axes) => {
      const offset = this.#offset(axes, parallel);
      this.#results(node, axes).forEach((result, i) => {
        this.emit(store(place(this.#arrays.get(values[i]!)!, offset), result));
      });
    });
  }

  /** What a node computes at one point of its parallel box. */
  #results(node: Compute, parallelAxes: readonly Expression[]): readonly Expression[] {
    const { parallel, reduction, reducer, where, body } = node;
    const extents = [...parallel, ...reduction];
    const pointAt = (reductionAxes: readonly Expression[]): Point => ({
      extents,
      batchMax: this.batchMax,
      axes: [...parallelAxes, ...reductionAxes],
      vector: null,
    });
    const valueAt = (point: Point): Expression =>
      lowerBody(this, body, point, { fromRegister: ({ value }) => this.#numbers.get(value) });
    if (reducer === null) return [valueAt(pointAt([]))];

    const state = new Accumulation(this, {
      reducer,
      dtype: body.dtype,
      lanes: 1,
      counts: where.kind !== "true",
      isStraight: false,
      wanted: node.values.map(() => true),
    });
    this.#loops(reduction, "r", (reductionAxes) => {
      const point = pointAt(reductionAxes);
      const take = (): void =>
        state.add(valueAt(point), () => this.#offset(reductionAxes, reduction), null);
      const condition = conditionValue(where, point);
      if (condition === null) take();
      else this.emit(when(condition, this.block(take)));
    });
    return state.finish(constant(elementsAt(reduction, this.batchMax)));
  }

  /** The reading-order index of a point of a box. */
  #offset(axes: readonly Expression[], box: Shape): Expression {
    const strides = stridesOf(box, this.batchMax);
    return axes.map((axis, d) => multiply(axis, constant(strides[d]!))).reduce(add, constant(0));
  }

  /** Nested loops over a box; axes of one point have none. */
  #loops(
    box: Shape,
    hint: string,
    body: (axes: readonly Expression[]) => void,
    outer: readonly Expression[] = [],
  ): void {
    const extent = box[outer.length];
    if (extent === undefined) {
      body(outer);
      return;
    }
    const size = sizeAt(extent, this.batchMax);
    const inner = (axis: Expression): void => this.#loops(box, hint, body, [...outer, axis]);
    if (size === 1) inner(constant(0));
    else this.loop(hint, constant(0), constant(size), inner);
  }

  /** What a node is, in the model's words, where that is known. */
  #headOf(node: Compute): string[] {
    const labels = this.#context.origins(node).map(({ path, label }) => path || label);
    return labels.length === 0 ? [] : blockComment([[...new Set(labels)].join(", ")]);
  }
}
