/**
 * The reference interpreter: what a graph computes, in float64, written to be obviously right. It is the
 * oracle for every pass and every target. Nodes are evaluated in order, each body as closures over the
 * current point; every load is checked against the operand's shape. Floats are never rounded to their type, but
 * where a cast to a narrow one says so; integers and booleans are exact, and i32 wraps.
 */

import { invariant } from "../diagnostics/diagnostic.ts";
import { type Affine, evaluateAffine, type Steps } from "./affine.ts";
import { type Condition, evaluateCondition } from "./condition.ts";
import { reachableNodes, scalarChildren } from "./context.ts";
import { type Extent, elementsAt, printShape, sizeAt, stackedAxis } from "./extent.ts";
import type {
  Assignment,
  Call,
  Compute,
  Graph,
  Leaf,
  LeafRole,
  Node,
  Scalar,
  Scan,
  Scatter,
  Value,
} from "./node.ts";
import { castNumber, numberAlgebra } from "./number-algebra.ts";
import { reducers } from "./reducers.ts";
import { scalarFunctions } from "./scalar-functions.ts";
import { hash32, uniformAt } from "./threefry.ts";

export interface InterpretEnvironment {
  /** The number of rows in the batch. */
  readonly n: number;
  /** Key of the random numbers, and the number of the batch in them. */
  readonly seed?: number;
  readonly batch?: number;
  /** The elements of a leaf, row-major; a leading dimension of N may have more rows than n. */
  leaf(role: LeafRole, path: string): ArrayLike<number>;
}

export interface Interpretation {
  /** Row-major elements of each named result. */
  readonly results: ReadonlyMap<string, Float64Array>;
  /** What each assignment stores, in order. */
  readonly assignments: readonly (Assignment & { readonly data: Float64Array })[];
  /** The elements of every value that was computed or read. */
  readonly values: ReadonlyMap<Value, Float64Array>;
}

export function interpret(graph: Graph, environment: InterpretEnvironment): Interpretation {
  const roots = [
    ...graph.results.map((result) => result.value),
    ...graph.assignments.map((assignment) => assignment.value),
  ];
  const values = evaluateValues(roots, environment);
  return {
    results: new Map(graph.results.map(({ name, value }) => [name, values.get(value)!])),
    assignments: graph.assignments.map((assignment) => ({
      ...assignment,
      data: values.get(assignment.value)!,
    })),
    values,
  };
}

/** The elements of the given values and of all that they depend on. */
export function evaluateValues(
  roots: readonly Value[],
  environment: InterpretEnvironment,
): Map<Value, Float64Array> {
  const values = new Map<Value, Float64Array>();
  for (const node of reachableNodes(roots)) {
    if (node.kind === "leaf") {
      const [value] = node.values;
      const size = elementsAt(value.shape, environment.n);
      const data =
        node.role === "cotangent" ? new Float64Array(size) : environment.leaf(node.role, node.path);
      invariant(
        data.length >= size,
        `${node.role} ${node.path}: ${data.length} elements given, ${size} needed`,
      );
      values.set(value, data instanceof Float64Array ? data : Float64Array.from(data));
    } else {
      evaluateNode(node, { ...environment, steps: new Map() }, values);
    }
  }
  return values;
}

/** What nodes are evaluated in: the step of each loop around them. */
interface Surroundings extends InterpretEnvironment {
  readonly steps: Steps;
}

function evaluateNode(
  node: Exclude<Node, Leaf>,
  surroundings: Surroundings,
  values: Map<Value, Float64Array>,
): void {
  if (node.kind === "compute") evaluateCompute(node, surroundings, values);
  else if (node.kind === "scatter") evaluateScatter(node, surroundings, values);
  else if (node.kind === "call") evaluateCall(node, values);
  else evaluateScan(node, surroundings, values);
}

function evaluateCall({ primal, values: results }: Call, values: Map<Value, Float64Array>): void {
  results.forEach((result, i) => {
    values.set(result, values.get(primal[i]!)!);
  });
}

function evaluateScatter(
  { parallel, shape, index, body, values: [value] }: Scatter,
  surroundings: Surroundings,
  values: Map<Value, Float64Array>,
): void {
  const { n } = surroundings;
  const sizes = sizesAt(shape, n);
  const points = sizesAt(parallel, n);
  const point: number[] = new Array(points.length).fill(0);
  const compiler = new BodyCompiler(point, surroundings, values);
  const [element, ...place] = compiler.compileAll([body, ...index]);
  const output = new Float64Array(elementsAt(shape, n));
  values.set(value, output);
  if (elementsAt(parallel, n) === 0) return;
  do {
    compiler.startPoint();
    const offset = offsetOf(place, sizes);
    if (offset !== undefined) output[offset]! += element!();
  } while (advance(point, points, 0));
}

/** The row-major place of an element; nothing where an index is out of range. */
function offsetOf(index: readonly (() => number)[], sizes: readonly number[]): number | undefined {
  let offset = 0;
  for (let d = 0; d < sizes.length; d++) {
    const i = index[d]!();
    if (i < 0 || i >= sizes[d]!) return undefined;
    offset = offset * sizes[d]! + i;
  }
  return offset;
}

function evaluateScan(
  { loop, length, carries, stacks, nodes, values: results }: Scan,
  surroundings: Surroundings,
  values: Map<Value, Float64Array>,
): void {
  const { n } = surroundings;
  for (const { leaf, init } of carries) values.set(leaf, values.get(init)!);
  const stacked = stacks.map((_, i) => {
    const { shape } = results[carries.length + i]!;
    return new Float64Array(elementsAt(shape, n));
  });
  for (let step = 0; step < length; step++) {
    const steps = new Map([...surroundings.steps, [loop, step]]);
    for (const node of nodes) {
      if (node.kind !== "leaf") evaluateNode(node, { ...surroundings, steps }, values);
    }
    stacks.forEach(({ value, place }, i) => {
      const at = evaluateAffine(place, [], n, steps);
      const outer = elementsAt(value.shape.slice(0, stackedAxis(value.shape)), n);
      const slice = values.get(value)!;
      // A leaf may have more rows than the batch.
      const row = elementsAt(value.shape, n) / outer;
      for (let o = 0; o < outer; o++) {
        stacked[i]!.set(slice.subarray(o * row, (o + 1) * row), (o * length + at) * row);
      }
    });
    const next = carries.map((carry) => values.get(carry.next)!);
    carries.forEach(({ leaf }, i) => {
      values.set(leaf, next[i]!);
    });
  }
  carries.forEach(({ leaf }, i) => {
    values.set(results[i]!, values.get(leaf)!);
  });
  stacked.forEach((data, i) => {
    values.set(results[carries.length + i]!, data);
  });
}

function evaluateCompute(
  node: Compute,
  environment: Surroundings,
  values: Map<Value, Float64Array>,
): void {
  const { n, steps } = environment;
  const parallel = sizesAt(node.parallel, n);
  const reduction = sizesAt(node.reduction, n);
  const point: number[] = new Array(parallel.length + reduction.length).fill(0);
  const body = new BodyCompiler(point, environment, values).compile(node.body);
  const size = elementsAt(node.parallel, n);
  const outputs = node.values.map(() => new Float64Array(size));
  node.values.forEach((value, i) => {
    values.set(value, outputs[i]!);
  });
  if (size === 0) return;

  if (node.reducer === null) {
    const [output] = outputs;
    let p = 0;
    do output![p++] = body();
    while (advance(point, parallel, 0));
    return;
  }
  const row = reducers[node.reducer];
  const f = numberAlgebra(node.body.dtype);
  const isEmpty = elementsAt(node.reduction, n) === 0;
  let p = 0;
  do {
    let state = row.identity(f);
    let count = 0;
    let index = 0;
    if (!isEmpty) {
      do {
        if (evaluateCondition(node.where, point, n, steps)) {
          state = row.combine(f, state, row.lift(f, body(), index));
          count++;
        }
        index++;
      } while (advance(point, reduction, parallel.length));
    }
    row.finish(f, state, count).forEach((result, i) => {
      outputs[i]![p] = result;
    });
    p++;
  } while (advance(point, parallel, 0));
}

const sizesAt = (extents: readonly Extent[], n: number): number[] =>
  extents.map((extent) => sizeAt(extent, n));

/** Steps the coordinates that start at `first` in reading order; false, and all zero, after the last. */
function advance(point: number[], sizes: readonly number[], first: number): boolean {
  for (let axis = sizes.length - 1; axis >= 0; axis--) {
    if (++point[first + axis]! < sizes[axis]!) return true;
    point[first + axis] = 0;
  }
  return false;
}

/**
 * Turns a body into a closure over the point. A scalar that has several users is computed once a point:
 * the number of the last point it was computed at is kept.
 */
class BodyCompiler {
  readonly #point: readonly number[];
  readonly #environment: Surroundings;
  readonly #values: ReadonlyMap<Value, Float64Array>;
  readonly #compiled = new Map<Scalar, () => number>();
  readonly #users = new Map<Scalar, number>();
  #pointNumber = 0;

  constructor(
    point: readonly number[],
    environment: Surroundings,
    values: ReadonlyMap<Value, Float64Array>,
  ) {
    this.#point = point;
    this.#environment = environment;
    this.#values = values;
  }

  compile(body: Scalar): () => number {
    this.#countUsers(body);
    const run = this.#scalar(body);
    return () => {
      this.#pointNumber++;
      return run();
    };
  }

  /** Several scalars of one point; `startPoint` comes before those of the next. */
  compileAll(scalars: readonly Scalar[]): readonly (() => number)[] {
    for (const scalar of scalars) this.#countUsers(scalar);
    return scalars.map((scalar) => this.#scalar(scalar));
  }

  startPoint(): void {
    this.#pointNumber++;
  }

  #countUsers(scalar: Scalar): void {
    const users = this.#users.get(scalar) ?? 0;
    this.#users.set(scalar, users + 1);
    if (users === 0) for (const child of scalarChildren(scalar)) this.#countUsers(child);
  }

  #scalar(scalar: Scalar): () => number {
    const known = this.#compiled.get(scalar);
    if (known !== undefined) return known;
    const run = this.#plain(scalar);
    const isShared = this.#users.get(scalar)! > 1 && scalar.kind !== "constant";
    const compiled = isShared ? this.#oncePerPoint(run) : run;
    this.#compiled.set(scalar, compiled);
    return compiled;
  }

  #oncePerPoint(run: () => number): () => number {
    let computedAt = 0;
    let value = 0;
    return () => {
      if (computedAt !== this.#pointNumber) {
        value = run();
        computedAt = this.#pointNumber;
      }
      return value;
    };
  }

  #plain(scalar: Scalar): () => number {
    switch (scalar.kind) {
      case "constant": {
        const { value } = scalar;
        return () => value;
      }
      case "index": {
        const index = this.#affine(scalar.index);
        return () => index() | 0;
      }
      case "condition": {
        const holds = this.#condition(scalar.condition);
        return () => (holds() ? 1 : 0);
      }
      case "load":
        return this.#load(scalar.value, scalar.index, scalar.guard);
      case "gather": {
        const data = this.#values.get(scalar.value)!;
        const sizes = sizesAt(scalar.value.shape, this.#environment.n);
        const index = scalar.index.map((i) => this.#scalar(i));
        return () => {
          const offset = offsetOf(index, sizes);
          return offset === undefined ? 0 : data[offset]!;
        };
      }
      case "random": {
        const { seed = 0, batch = 0 } = this.#environment;
        const stream = hash32(scalar.stream);
        const index = this.#affine(scalar.index);
        return () => uniformAt(seed, stream, batch, index());
      }
      case "cast": {
        const of = this.#scalar(scalar.of);
        const { dtype } = scalar;
        const from = scalar.of.dtype;
        return () => castNumber(of(), from, dtype);
      }
      case "call": {
        const row = scalarFunctions[scalar.fn];
        const [a, b, c] = scalar.args.map((arg) => this.#scalar(arg));
        const isInteger = scalar.dtype === "i32";
        const fn = isInteger ? row.evaluateInteger : row.evaluate;
        const run =
          row.arity === 1
            ? () => fn(a!())
            : row.arity === 2
              ? () => fn(a!(), b!())
              : () => fn(a!(), b!(), c!());
        return isInteger ? () => run() | 0 : run;
      }
    }
  }

  #load(value: Value, index: readonly Affine[], guard: Condition): () => number {
    const { n } = this.#environment;
    const data = this.#values.get(value)!;
    const sizes = sizesAt(value.shape, n);
    const indexes = index.map((i) => this.#affine(i));
    const read = () => {
      let offset = 0;
      for (let dimension = 0; dimension < sizes.length; dimension++) {
        const i = indexes[dimension]!();
        const size = sizes[dimension]!;
        if (i < 0 || i >= size) this.#outOfRange(value, index, dimension, i);
        offset = offset * size + i;
      }
      return data[offset]!;
    };
    if (guard.kind === "true") return read;
    const holds = this.#condition(guard);
    return () => (holds() ? read() : 0);
  }

  #outOfRange(value: Value, index: readonly Affine[], dimension: number, i: number): never {
    const place = index.map((affine) => affine.key).join(", ");
    invariant(
      false,
      `a load of ${printShape(value.shape)} at [${place}] reads ${i} in dimension ${dimension}, ` +
        `at point [${this.#point.join(", ")}] with N = ${this.#environment.n}`,
    );
  }

  #condition(condition: Condition): () => boolean {
    const { n, steps } = this.#environment;
    return () => evaluateCondition(condition, this.#point, n, steps);
  }

  #affine(affine: Affine): () => number {
    const { n, steps } = this.#environment;
    const point = this.#point;
    const offset = affine.constant + affine.batch * n;
    const [first, second] = affine.terms;
    if (first === undefined) return () => offset;
    if (first.atom.kind === "axis" && second === undefined) {
      const { axis } = first.atom;
      const { coefficient } = first;
      return () => coefficient * point[axis]! + offset;
    }
    return () => evaluateAffine(affine, point, n, steps);
  }
}
