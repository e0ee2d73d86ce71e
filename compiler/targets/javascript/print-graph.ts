/**
 * A graph as the statements of a JavaScript function: loops over typed arrays for tensors, named constants for
 * single numbers. Every node is computed in order, in float64; nothing is fused, because such code runs
 * seldom and is to be read.
 */

import { InvariantError, invariant } from "../../diagnostics/diagnostic.ts";
import { type GraphContext, graphNodes } from "../../graph/context.ts";
import { elementsAt, type Shape, sizeAt, stackedAxis } from "../../graph/extent.ts";
import type { Compute, Graph, Leaf, Node, Scan, Scatter, Value } from "../../graph/node.ts";
import { hash32 } from "../../graph/threefry.ts";
import { elementType } from "../../kernel/algebra.ts";
import {
  add,
  and,
  constant,
  f32,
  less,
  load,
  multiply,
  operation,
  place,
  store,
  variable,
  vectorOf,
  when,
} from "../../kernel/build.ts";
import { inlineSingleUses } from "../../kernel/inline-lets.ts";
import type { Access, Expression, Statement } from "../../kernel/ir.ts";
import { Accumulation } from "../../schedule/accumulate.ts";
import { lowerBody } from "../../schedule/body.ts";
import { conditionValue, type Point, scalarIndex } from "../../schedule/indexes.ts";
import { isStepScalar, KernelBuilder, stridesOf } from "../../schedule/kernel-builder.ts";
import { outsideLoops } from "../../schedule/loop-levels.ts";
import { nameSteps } from "../../schedule/step-parameters.ts";
import { blockComment, CLikePrinter } from "../c-like-printer.ts";
import { javaScriptDialect } from "./dialect.ts";
import { drawnArray } from "./drawn-arrays.ts";
import type { PreludeFunction } from "./functions.ts";
import { callOfLoops } from "./loop-functions.ts";

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

/** Of a node's statements; `floats` are the names of arrays so far. */
function linesOf(
  statements: readonly Statement[],
  printer: CLikePrinter,
  floats: ReadonlySet<string>,
  use: (wanted: PreludeFunction) => void,
): string[] {
  const [array, filled] = statements;
  if (statements.length === 2 && array?.kind === "buffer" && filled?.kind === "loop") {
    const drawn = drawnArray(array, filled, (e) => printer.expression(e));
    if (drawn !== undefined) {
      use({ kind: "uniforms" });
      const args = `seed, ${hash32(drawn.stream)}, batch, ${array.elements}`;
      const declared = `const ${array.name} = uniforms(${args});`;
      return [declared, ...linesOf([drawn.loop], printer, floats, use)];
    }
  }
  return statements.flatMap((s) => {
    const called = s.kind === "loop" ? callOfLoops(s, floats, use) : undefined;
    return called === undefined ? printer.block([s], "") : [called];
  });
}

/** Values live in local arrays and constants; there are no parameters. */
class GraphWriter extends KernelBuilder {
  readonly #context: GraphContext;
  readonly #options: JavaScriptOptions;
  readonly #arrays = new Map<Value, string>();
  readonly #numbers = new Map<Value, Expression>();

  constructor(context: GraphContext, graph: Graph, options: JavaScriptOptions) {
    super(outsideLoops(context, { graph, stored: new Map() }));
    this.#context = context;
    this.#options = options;
  }

  print(graph: Graph): JavaScriptGraph {
    const prelude: PreludeFunction[] = [];
    const use = (wanted: PreludeFunction): void => {
      prelude.push(wanted);
    };
    const printer = new CLikePrinter(javaScriptDialect(use));
    const floats = new Set<string>();
    const lines = graphNodes(graph).flatMap((node) => {
      if (node.kind === "leaf") return [this.#declareLeaf(node)];
      const statements = this.#statementsOf(node);
      for (const s of statements) if (s.kind === "buffer" && s.dtype === "f32") floats.add(s.name);
      return [...this.#headOf(node), ...linesOf(statements, printer, floats, use)];
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

  /** A node writes no array that it also reads, so that single uses may be put where they are; a loop does. */
  #statementsOf(node: Exclude<Node, Leaf>): readonly Statement[] {
    switch (node.kind) {
      case "compute":
        return inlineSingleUses(this.block(() => this.#compute(node)));
      case "scatter":
        return inlineSingleUses(this.block(() => this.#scatter(node)));
      case "scan":
        return this.block(() => this.#scan(node));
      case "call":
        throw new InvariantError("calls are inlined before anything is printed");
    }
  }

  #declare(value: Value): string {
    const elements = elementsAt(value.shape, this.batchMax);
    const hint = this.surroundings.nameOf(value);
    const array = this.local(hint, elementType(value.dtype), elements);
    this.#arrays.set(value, array);
    return array;
  }

  #scatter({ parallel, shape, index, body, values: [value] }: Scatter): void {
    const array = this.#declare(value);
    const sizes = shape.map((extent) => sizeAt(extent, this.batchMax));
    this.#loops(parallel, "i", (axes) => {
      const point = { extents: parallel, batchMax: this.batchMax, axes, vector: null };
      const options = { fromRegister: (read: { value: Value }) => this.#numbers.get(read.value) };
      const places = index.map((scalar) =>
        this.let("place", lowerBody(this, scalar, point, options)),
      );
      const isWithin = places
        .flatMap((at, d) => [
          operation("greaterEqual", at, constant(0)),
          less(at, constant(sizes[d]!)),
        ])
        .reduce<Expression | null>(and, null);
      const addElement = (): void => {
        const at = place(array, this.#offset(places, shape));
        const before = load(at, vectorOf(elementType(value.dtype), 1));
        this.emit(store(at, add(before, lowerBody(this, body, point, options))));
      };
      if (isWithin === null) addElement();
      else this.emit(when(isWithin, this.block(addElement)));
    });
    if (shape.length > 0) return;
    const total = load(place(array, constant(0)), vectorOf(elementType(value.dtype), 1));
    this.#numbers.set(value, this.let(this.surroundings.nameOf(value), total));
  }

  /** What is carried has variables and arrays of its own, which the loop's end writes. */
  #scan({ loop, length, carries, stacks, nodes, values }: Scan): void {
    carries.forEach(({ leaf, init }, i) => {
      const value = values[i]!;
      if (leaf.shape.length === 0) {
        const carried = this.mutable(this.surroundings.nameOf(value), this.#number(init));
        for (const each of [leaf, value]) this.#numbers.set(each, carried.value);
        return;
      }
      const array = this.#declare(value);
      this.#arrays.set(leaf, array);
      this.#copy(init, array);
    });
    const stacked = stacks.map((_, i) => this.#declare(values[carries.length + i]!));
    const step = this.name("t");
    const body = this.block(() => {
      for (const node of nodes) {
        if (node.kind === "leaf") continue;
        for (const text of this.#labelsOf(node)) this.emit({ kind: "comment", text });
        this.emit(...this.#statementsOf(node));
      }
      const outside = { extents: [], batchMax: this.batchMax, axes: [], vector: null };
      stacks.forEach(({ value, place: at }, i) => {
        this.#stack(value, stacked[i]!, length, scalarIndex(at, outside));
      });
      this.#carryOn(carries);
    });
    const names = new Map([[loop, step]]);
    const [from, to] = [constant(0), constant(length)];
    this.emit({
      kind: "loop",
      mode: "serial",
      variable: step,
      from,
      to,
      step: 1,
      body: nameSteps(body, names),
    });
  }

  /** Values that other carries have now are saved before they are overwritten. */
  #carryOn(carries: Scan["carries"]): void {
    const changed = carries.filter(({ leaf, next }) => leaf !== next);
    const leaves = new Set(changed.map(({ leaf }) => leaf));
    const next = changed.map(({ next: value }) => {
      // A name of its own, also for a number that is one already.
      if (value.shape.length === 0) return this.mutable("next", this.#number(value)).value;
      if (!leaves.has(value)) return value;
      const saved = { ...value };
      this.#copy(value, this.#declare(saved));
      return saved;
    });
    changed.forEach(({ leaf }, i) => {
      const after = next[i]!;
      const carried = this.#numbers.get(leaf);
      if ("node" in after) this.#copy(after, this.#arrays.get(leaf)!);
      else if (carried?.kind === "variable") this.assign(carried.name, after);
    });
  }

  /** Copies a value to the start of an array. */
  #copy(value: Value, array: string): void {
    this.#loops(value.shape, "i", (axes) => {
      const at = this.#offset(axes, value.shape);
      this.emit(store(place(array, at), this.#element(value, at)));
    });
  }

  /** Copies a value to its place along the stacked axis. */
  #stack(value: Value, array: string, length: number, at: Expression): void {
    const axis = stackedAxis(value.shape);
    const inner = value.shape.slice(axis);
    const points = constant(elementsAt(inner, this.batchMax));
    this.#loops(value.shape, "i", (axes) => {
      const outer = this.#offset(axes.slice(0, axis), value.shape.slice(0, axis));
      const row = add(multiply(outer, constant(length)), at);
      const to = add(multiply(row, points), this.#offset(axes.slice(axis), inner));
      const from = this.#offset(axes, value.shape);
      this.emit(store(place(array, to), this.#element(value, from)));
    });
  }

  #element(value: Value, offset: Expression): Expression {
    if (value.shape.length === 0) return this.#number(value);
    const array = this.buffer(value, "read");
    return load(place(array, offset), vectorOf(elementType(value.dtype), 1));
  }

  #number(value: Value): Expression {
    const known = this.#numbers.get(value);
    if (known !== undefined) return known;
    return load(
      place(this.buffer(value, "read"), constant(0)),
      vectorOf(elementType(value.dtype), 1),
    );
  }

  #compute(node: Compute): void {
    const { parallel, reducer, body, values } = node;
    if (parallel.length === 0) {
      this.#results(node, []).forEach((result, i) => {
        const value = values[i]!;
        this.#numbers.set(value, this.let(this.surroundings.nameOf(value), result));
      });
      return;
    }
    for (const value of values) this.#declare(value);
    // Arrays are made of zeros.
    if (reducer === null && body.kind === "constant" && Object.is(body.value, 0)) return;
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
  #headOf(node: Exclude<Node, Leaf>): string[] {
    return this.#labelsOf(node).flatMap((label) => blockComment([label]));
  }

  #labelsOf(node: Exclude<Node, Leaf>): string[] {
    const labels = this.#context.origins(node).map(({ path, label }) => path || label);
    return labels.length === 0 ? [] : [[...new Set(labels)].join(", ")];
  }
}
