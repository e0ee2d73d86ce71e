/**
 * The intern table of one compilation, and the only way to make scalars and nodes. Equal content gives the
 * same object, so "did a pass change anything?" is `===`. Nodes are numbered in order of creation, operands
 * before users, and that order is the deterministic order of everything that follows.
 */

import { InvariantError, invariant } from "../diagnostics/diagnostic.ts";
import type { Affine } from "./affine.ts";
import { always, type Condition, conditionLoops } from "./condition.ts";
import { type DType, isFloat } from "./dtype.ts";
import { type Extent, printShape, type Shape, stackedShape } from "./extent.ts";
import { Counter, pairOf, Table, TextNumbers } from "./intern.ts";
import { bodyNodes, loopsAround, noLoops } from "./loop-membership.ts";
import type {
  Call,
  Carry,
  Compute,
  GatherScalar,
  Leaf,
  LeafRole,
  LoadScalar,
  Node,
  Origin,
  Scalar,
  Scan,
  Scatter,
  Stack,
  Value,
} from "./node.ts";
import { OriginTable } from "./origins.ts";
import { type ReducerName, reducers } from "./reducers.ts";
import { type ScalarFunctionName, scalarFunctions } from "./scalar-functions.ts";
import { operandsOf } from "./traversal.ts";

export * from "./traversal.ts";

/** Distributes `Omit` over a union, so that each kind keeps its own fields. */
type Unnumbered<T> = T extends unknown ? Omit<T, "id"> : never;

export interface ComputeContent {
  readonly parallel: readonly Extent[];
  readonly reduction?: readonly Extent[];
  readonly where?: Condition;
  readonly reducer?: ReducerName | null;
  readonly body: Scalar;
}

type ComputeSpace = Pick<Compute, "space" | "parallel" | "reduction" | "where" | "reducer">;

export interface ScatterContent {
  readonly parallel: readonly Extent[];
  readonly shape: Shape;
  readonly index: readonly Scalar[];
  readonly body: Scalar;
}

export interface ScanContent {
  /** From `newLoop`. */
  readonly loop: number;
  readonly length: number;
  readonly carries: readonly Carry[];
  readonly stacks: readonly Stack[];
  readonly recompute?: boolean;
}

export interface CallContent {
  readonly primal: readonly Value[];
  readonly inputs: readonly Value[];
  /** From `cotangent`, all of one call. */
  readonly cotangents: readonly (Value | null)[];
  readonly gradients: readonly Value[];
}

export class GraphContext {
  /** All but loads and calls of one or two arguments, by their content as text. */
  readonly #scalars = new Map<string, Scalar>();
  readonly #loads = new Table<Value, number, LoadScalar>();
  readonly #calls = new Table<ScalarFunctionName, number, Scalar>();
  readonly #scalarIds = new Counter();
  /** Where loads are, and what computes iterate over. */
  readonly #places = new TextNumbers();
  readonly #spaces = new Map<string, ComputeSpace>();
  /** Equal shapes of values are the same list, so that what is known of one holds of all. */
  readonly #shapes = new Map<string, Shape>();
  /** All but computes, by their content as text. */
  readonly #nodes = new Map<string, Node>();
  /** By their space and body. */
  readonly #computes = new Map<number, Compute>();
  readonly #nodeIds = new Counter();
  readonly #origins = new OriginTable();
  #loops = 0;
  #callNodes = 0;
  /** Whose place the nodes being made take. */
  #source: Node | undefined;
  readonly #memories = new Map<object, Map<number, unknown>>();

  /**
   * What a pass remembers of nodes from one graph to the next of the same largest batch: graphs of a compilation share
   * nodes. `pass` is any object that stands for the pass alone.
   */
  memory<T>(pass: object, batchMax: number, make: () => T): T {
    const byBatch = this.#memories.get(pass) ?? new Map<number, unknown>();
    this.#memories.set(pass, byBatch);
    const known = byBatch.get(batchMax) ?? make();
    byBatch.set(batchMax, known);
    return known as T;
  }

  // Scalars

  constant(value: number, dtype: DType): Scalar {
    const text = Object.is(value, -0) ? "-0" : String(value);
    return this.#scalar(`${dtype} ${text}`, () => ({ kind: "constant", dtype, value }));
  }

  index(index: Affine): Scalar {
    return this.#scalar(`index ${index.key}`, () => ({ kind: "index", dtype: "i32", index }));
  }

  condition(condition: Condition): Scalar {
    if (condition.kind === "true" || condition.kind === "false") {
      return this.constant(condition.kind === "true" ? 1 : 0, "bool");
    }
    return this.#scalar(`condition ${condition.key}`, () => ({
      kind: "condition",
      dtype: "bool",
      condition,
    }));
  }

  load(value: Value, index: readonly Affine[], guard: Condition = always): LoadScalar {
    const place = this.#places.of(`${index.map(({ key }) => key).join(",")} ${guard.key}`);
    const known = this.#loads.get(value, place);
    if (known !== undefined) return known;
    if (index.length !== value.shape.length) {
      throw new InvariantError(`a load of ${printShape(value.shape)} has ${index.length} indexes`);
    }
    return this.#load({ place, index, guard }, value);
  }

  /** The load of another value of as many dimensions at the same place. */
  loadFrom(load: LoadScalar, value: Value): LoadScalar {
    return this.#loads.get(value, load.place) ?? this.#load(load, value);
  }

  #load({ place, index, guard }: Pick<LoadScalar, "place" | "index" | "guard">, value: Value) {
    const { dtype } = value;
    const id = this.#scalarIds.next();
    const load: LoadScalar = { kind: "load", id, dtype, value, index, guard, place };
    this.#loads.set(value, place, load);
    return load;
  }

  /** An element at a place that is computed; 0 where it is out of range. */
  gather(value: Value, index: readonly Scalar[]): GatherScalar {
    invariant(
      index.length === value.shape.length && index.every(({ dtype }) => dtype === "i32"),
      `a gather of ${printShape(value.shape)} takes an i32 for each dimension`,
    );
    const place = index.map(({ id }) => id).join(",");
    return this.#scalar(`gather ${value.node.id}.${value.result} [${place}]`, () => ({
      kind: "gather",
      dtype: value.dtype,
      value,
      index,
    })) as GatherScalar;
  }

  random(stream: string, index: Affine): Scalar {
    return this.#scalar(`random ${stream} ${index.key}`, () => ({
      kind: "random",
      dtype: "f32",
      stream,
      index,
    }));
  }

  cast(of: Scalar, dtype: DType): Scalar {
    if (of.dtype === dtype) return of;
    return this.#scalar(`cast ${dtype} ${of.id}`, () => ({ kind: "cast", dtype, of }));
  }

  /** A row of the table of scalar functions, applied; the arguments already have the types it takes. */
  call(fn: ScalarFunctionName, ...args: readonly Scalar[]): Scalar {
    return this.apply(fn, args);
  }

  /** `call`, of a list of arguments. */
  apply(fn: ScalarFunctionName, args: readonly Scalar[]): Scalar {
    const a = args[0];
    const b = args[1];
    if (a === undefined || args.length > 2) {
      const dtype = typeOfCall(fn, args);
      const ids = args.map(({ id }) => id).join(",");
      return this.#scalar(`${fn} ${ids}`, () => ({ kind: "call", dtype, fn, args }));
    }
    const key = b === undefined ? a.id : pairOf(a.id + 1, b.id);
    const known = this.#calls.get(fn, key);
    if (known !== undefined) return known;
    const dtype = typeOfCall(fn, args);
    const scalar: Scalar = { kind: "call", dtype, fn, args, id: this.#scalarIds.next() };
    this.#calls.set(fn, key, scalar);
    return scalar;
  }

  #scalar(key: string, content: () => Unnumbered<Scalar>): Scalar {
    const known = this.#scalars.get(key);
    if (known !== undefined) return known;
    const scalar: Scalar = { ...content(), id: this.#scalarIds.next() };
    this.#scalars.set(key, scalar);
    return scalar;
  }

  // Nodes

  /** `around` are the loops that it belongs to, unless it is a carry. */
  leaf(role: LeafRole, path: string, dtype: DType, shape: Shape, around = noLoops): Value {
    const key = `leaf ${role} ${path}`;
    const known = this.#nodes.get(key);
    if (known !== undefined) {
      this.#origins.add(known);
      return known.values[0]!;
    }
    const values: Value[] = [];
    const loops = role === "carry" ? new Set([Number(path.split("/")[0])]) : around;
    const id = this.#nodeIds.next();
    const leaf = { kind: "leaf", id, loops, role, path, values } as unknown as Leaf;
    values.push({ node: leaf, result: 0, dtype, shape: this.#shape(shape) });
    this.#nodes.set(key, leaf);
    this.#origins.add(leaf);
    return values[0]!;
  }

  compute({
    parallel,
    reduction = [],
    where = always,
    reducer = null,
    body,
  }: ComputeContent): Compute {
    invariant(reducer !== null || reduction.length === 0, "reduction axes need a reducer");
    const key = `${printShape(parallel)} ${printShape(reduction)} ${where.key} ${reducer}`;
    let space = this.#spaces.get(key);
    if (space === undefined) {
      const shape = this.#shape(parallel);
      space = { space: this.#spaces.size, parallel: shape, reduction, where, reducer };
      this.#spaces.set(key, space);
    }
    return this.#compute(space, body);
  }

  #shape(shape: Shape): Shape {
    const text = printShape(shape);
    const known = this.#shapes.get(text);
    if (known !== undefined) return known;
    this.#shapes.set(text, shape);
    return shape;
  }

  /** The node that iterates as another does, with a body of its own; `operands` are the values that this loads, if known. */
  computeLike(node: Compute, body: Scalar, operands?: readonly Value[]): Compute {
    return this.#compute(node, body, operands);
  }

  #compute(
    { space, parallel, reduction, where, reducer }: ComputeSpace,
    body: Scalar,
    operands: readonly Value[] = operandsOf(body),
  ): Compute {
    const key = pairOf(space, body.id);
    const known = this.#computes.get(key);
    if (known !== undefined) {
      this.#origins.add(known);
      return known;
    }
    const types = reducer === null ? [body.dtype] : reducers[reducer].resultTypes(body.dtype);
    if (types === undefined) throw new InvariantError(`${reducer} does not take ${body.dtype}`);
    const values: Value[] = [];
    const id = this.#nodeIds.next();
    const loops = this.#loopsAround(operands, [body], where);
    const content = { space, parallel, reduction, where, reducer, body };
    const node: Compute = { kind: "compute", id, loops, ...content, values, operands };
    for (let result = 0; result < types.length; result++) {
      values.push({ node, result, dtype: types[result]!, shape: parallel });
    }
    this.#computes.set(key, node);
    return this.#made(node);
  }

  scatter({ parallel, shape, index, body }: ScatterContent): Scatter {
    invariant(index.length === shape.length, "a scatter has one index for each dimension");
    const place = index.map(({ id }) => id).join(",");
    const key = `scatter ${printShape(parallel)} ${printShape(shape)} [${place}] ${body.id}`;
    const known = this.#nodes.get(key);
    if (known !== undefined) {
      this.#origins.add(known);
      return known as Scatter;
    }
    const values: Value[] = [];
    const operands = [...new Set([...index, body].flatMap(operandsOf))];
    const id = this.#nodeIds.next();
    const loops = this.#loopsAround(operands, [...index, body]);
    const node = { kind: "scatter", id, loops, parallel, shape, index, body, values, operands };
    values.push({ node: node as unknown as Scatter, result: 0, dtype: body.dtype, shape });
    return this.#enter(key, node as unknown as Scatter);
  }

  /** Whether any loop was made: where none was, graphs need not be searched for them. */
  get hasLoops(): boolean {
    return this.#loops > 0;
  }

  /** The number of a loop about to be made. */
  newLoop(): number {
    return this.#loops++;
  }

  #loopsAround(
    operands: readonly Value[],
    scalars: readonly Scalar[],
    where: Condition = always,
  ): ReadonlySet<number> {
    return this.hasLoops ? loopsAround(operands, scalars, conditionLoops(where)) : noLoops;
  }

  /** What a loop carries, as its body reads it. */
  carry(loop: number, place: number, dtype: DType, shape: Shape): Value {
    return this.leaf("carry", `${loop}/${place}`, dtype, shape);
  }

  scan({ loop, length, carries, stacks, recompute = false }: ScanContent): Scan {
    const ofCarries = carries.map(
      ({ leaf, init, next }) => `${valueKey(leaf)} ${valueKey(init)} ${valueKey(next)}`,
    );
    const ofStacks = stacks.map(({ value, place }) => `${valueKey(value)} [${place.key}]`);
    const key = `scan ${loop} ${length} ${recompute} (${ofCarries.join(", ")}) (${ofStacks.join(", ")})`;
    const known = this.#nodes.get(key);
    if (known !== undefined) return known as Scan;
    const ends = [...carries.map(({ next }) => next), ...stacks.map(({ value }) => value)];
    const nodes = bodyNodes(loop, ends);
    const inside = new Set<Node>(nodes);
    const around = new Set(nodes.flatMap((node) => [...node.loops]));
    const read = nodes.flatMap((node) => (node.kind === "leaf" ? [] : node.operands));
    const outside = [...read, ...ends].filter(({ node }) => !inside.has(node));
    const operands = [...new Set([...carries.map(({ init }) => init), ...outside])];
    const values: Value[] = [];
    const id = this.#nodeIds.next();
    for (const { node } of operands) for (const other of node.loops) around.add(other);
    around.delete(loop);
    const content = { loop, length, carries, stacks, recompute, nodes, values, operands };
    const node: Scan = { kind: "scan", id, loops: around, ...content };
    for (const { init } of carries) {
      values.push({ node, result: values.length, dtype: init.dtype, shape: init.shape });
    }
    for (const { value } of stacks) {
      const shape = stackedShape(value.shape, length);
      values.push({ node, result: values.length, dtype: value.dtype, shape });
    }
    return this.#enter(key, node);
  }

  /** Leaves for the derivatives by the results of a call about to be made. */
  cotangents(results: readonly Value[]): (Value | null)[] {
    const call = this.#callNodes++;
    return results.map(({ dtype, shape }, i) =>
      isFloat(dtype) ? this.leaf("cotangent", `${call}/${i}`, dtype, shape) : null,
    );
  }

  callNode({ primal, inputs, cotangents, gradients }: CallContent): Call {
    const keys = [primal, inputs, cotangents, gradients].map((values) =>
      values.map((value) => (value === null ? "-" : valueKey(value))).join(" "),
    );
    const key = `call ${keys.join(", ")}`;
    const known = this.#nodes.get(key);
    if (known !== undefined) return known as Call;
    const values: Value[] = [];
    const operands = [...new Set([...primal, ...inputs, ...gradients])];
    const id = this.#nodeIds.next();
    const loops = this.#loopsAround(operands, []);
    const content = { primal, inputs, cotangents, gradients };
    const node: Call = { kind: "call", id, loops, ...content, values, operands };
    for (const { dtype, shape } of primal) {
      values.push({ node, result: values.length, dtype, shape });
    }
    return this.#enter(key, node);
  }

  #enter<T extends Node>(key: string, node: T): T {
    this.#nodes.set(key, node);
    return this.#made(node);
  }

  #made<T extends Node>(node: T): T {
    this.#origins.add(node);
    if (this.#source !== undefined) this.inheritOrigins(node, this.#source);
    return node;
  }

  // Origins

  /** Nodes made by `make` come from `origin`, innermost first. */
  from<T>(origin: Origin, make: () => T): T {
    return this.#origins.from(origin, make);
  }

  /** Nodes made by `make` belong to the derivative of what is being made. */
  backward<T>(make: () => T): T {
    return this.#origins.backward(make);
  }

  /** Nodes made by `make` come from those that they inherit origins from, wherever that is asked for. */
  inherited<T>(make: () => T): T {
    return this.#origins.inherited(make);
  }

  /** Nodes that `make` makes anew inherit the origins of `source`. */
  standingFor<T>(source: Node, make: () => T): T {
    const before = this.#source;
    this.#source = source;
    try {
      return make();
    } finally {
      this.#source = before;
    }
  }

  /** Origins of a node in the order they were met. */
  origins(node: Node): readonly Origin[] {
    return this.#origins.of(node);
  }

  /** Says that `node` also stands for what `source` stood for, as its derivative if `backward`. */
  inheritOrigins(node: Node, source: Node, backward = false): void {
    this.#origins.inherit(node, source, backward);
  }
}

function typeOfCall(fn: ScalarFunctionName, args: readonly Scalar[]): DType {
  const row = scalarFunctions[fn];
  invariant(args.length === row.arity, `${fn} takes ${row.arity} arguments`);
  const types = args.map(({ dtype }) => dtype);
  const dtype = row.resultType(types);
  if (dtype === undefined) throw new InvariantError(`${fn} does not take (${types.join(", ")})`);
  return dtype;
}

const valueKey = ({ node, result }: Value): string => `${node.id}.${result}`;
