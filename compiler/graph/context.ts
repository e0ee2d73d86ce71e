/**
 * The intern table of one compilation, and the only way to make scalars and nodes. Equal content gives the
 * same object, so "did a pass change anything?" is `===`. Nodes are numbered in order of creation, operands
 * before users, and that order is the deterministic order of everything that follows.
 */

import { InvariantError, invariant } from "../diagnostics/diagnostic.ts";
import { type Affine, loopsOf } from "./affine.ts";
import { always, type Condition, conditionLoops } from "./condition.ts";
import { type DType, isFloat } from "./dtype.ts";
import { type Extent, printShape, type Shape, stackedShape } from "./extent.ts";
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
import { type ReducerName, reducers } from "./reducers.ts";
import { type ScalarFunctionName, scalarFunctions } from "./scalar-functions.ts";
import { operandsOf, visitScalars } from "./traversal.ts";

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
  readonly #scalars = new Map<string, Scalar>();
  readonly #nodes = new Map<string, Node>();
  readonly #origins = new Map<Node, Origin[]>();
  #loops = 0;
  #calls = 0;
  /** Whose place the nodes being made take. */
  #source: Node | undefined;
  readonly #originStack: Origin[] = [];
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
    return this.#scalar(`${dtype} ${text}`, { kind: "constant", dtype, value });
  }

  index(index: Affine): Scalar {
    return this.#scalar(`index ${index.key}`, { kind: "index", dtype: "i32", index });
  }

  condition(condition: Condition): Scalar {
    if (condition.kind === "true" || condition.kind === "false") {
      return this.constant(condition.kind === "true" ? 1 : 0, "bool");
    }
    return this.#scalar(`condition ${condition.key}`, {
      kind: "condition",
      dtype: "bool",
      condition,
    });
  }

  load(value: Value, index: readonly Affine[], guard: Condition = always): LoadScalar {
    const place = index.map(({ key }) => key).join(",");
    const key = `load ${value.node.id}.${value.result} [${place}] ${guard.key}`;
    const known = this.#scalars.get(key);
    if (known !== undefined) return known as LoadScalar;
    if (index.length !== value.shape.length) {
      throw new InvariantError(`a load of ${printShape(value.shape)} has ${index.length} indexes`);
    }
    const { dtype } = value;
    return this.#scalar(key, { kind: "load", dtype, value, index, guard }) as LoadScalar;
  }

  /** An element at a place that is computed; 0 where it is out of range. */
  gather(value: Value, index: readonly Scalar[]): GatherScalar {
    invariant(
      index.length === value.shape.length && index.every(({ dtype }) => dtype === "i32"),
      `a gather of ${printShape(value.shape)} takes an i32 for each dimension`,
    );
    const place = index.map(({ id }) => id).join(",");
    return this.#scalar(`gather ${value.node.id}.${value.result} [${place}]`, {
      kind: "gather",
      dtype: value.dtype,
      value,
      index,
    }) as GatherScalar;
  }

  random(stream: string, index: Affine): Scalar {
    return this.#scalar(`random ${stream} ${index.key}`, {
      kind: "random",
      dtype: "f32",
      stream,
      index,
    });
  }

  cast(of: Scalar, dtype: DType): Scalar {
    if (of.dtype === dtype) return of;
    return this.#scalar(`cast ${dtype} ${of.id}`, { kind: "cast", dtype, of });
  }

  /** A row of the table of scalar functions, applied; the arguments already have the types it takes. */
  call(fn: ScalarFunctionName, ...args: readonly Scalar[]): Scalar {
    const key = `${fn} ${args.map(({ id }) => id).join(",")}`;
    const known = this.#scalars.get(key);
    if (known !== undefined) return known;
    const row = scalarFunctions[fn];
    invariant(args.length === row.arity, `${fn} takes ${row.arity} arguments`);
    const types = args.map(({ dtype }) => dtype);
    const dtype = row.resultType(types);
    if (dtype === undefined) throw new InvariantError(`${fn} does not take (${types.join(", ")})`);
    return this.#scalar(key, { kind: "call", dtype, fn, args });
  }

  #scalar(key: string, content: Unnumbered<Scalar>): Scalar {
    const known = this.#scalars.get(key);
    if (known !== undefined) return known;
    const scalar: Scalar = { ...content, id: this.#scalars.size };
    this.#scalars.set(key, scalar);
    return scalar;
  }

  // Nodes

  leaf(role: LeafRole, path: string, dtype: DType, shape: Shape): Value {
    const key = `leaf ${role} ${path}`;
    const known = this.#nodes.get(key);
    if (known !== undefined) {
      this.#addOrigin(known);
      return known.values[0]!;
    }
    const values: Value[] = [];
    const loops = role === "carry" ? new Set([Number(path.split("/")[0])]) : noLoops;
    const id = this.#nodes.size;
    const leaf = { kind: "leaf", id, loops, role, path, values } as unknown as Leaf;
    values.push({ node: leaf, result: 0, dtype, shape });
    this.#nodes.set(key, leaf);
    this.#addOrigin(leaf);
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
    const key = `compute ${printShape(parallel)} ${printShape(reduction)} ${where.key} ${reducer} ${body.id}`;
    const known = this.#nodes.get(key);
    if (known !== undefined) {
      this.#addOrigin(known);
      return known as Compute;
    }
    const types = reducer === null ? [body.dtype] : reducers[reducer].resultTypes(body.dtype);
    const values: Value[] = [];
    const operands = operandsOf(body);
    const node: Compute = {
      kind: "compute",
      id: this.#nodes.size,
      loops: loopsAround(operands, [body], conditionLoops(where)),
      parallel,
      reduction,
      where,
      reducer,
      body,
      values,
      operands,
    };
    invariant(types !== undefined, `${reducer} does not take ${body.dtype}`);
    types.forEach((dtype, result) => {
      values.push({ node, result, dtype, shape: parallel });
    });
    return this.#enter(key, node);
  }

  scatter({ parallel, shape, index, body }: ScatterContent): Scatter {
    invariant(index.length === shape.length, "a scatter has one index for each dimension");
    const place = index.map(({ id }) => id).join(",");
    const key = `scatter ${printShape(parallel)} ${printShape(shape)} [${place}] ${body.id}`;
    const known = this.#nodes.get(key);
    if (known !== undefined) {
      this.#addOrigin(known);
      return known as Scatter;
    }
    const values: Value[] = [];
    const operands = [...new Set([...index, body].flatMap(operandsOf))];
    const id = this.#nodes.size;
    const loops = loopsAround(operands, [...index, body]);
    const node = { kind: "scatter", id, loops, parallel, shape, index, body, values, operands };
    values.push({ node: node as unknown as Scatter, result: 0, dtype: body.dtype, shape });
    return this.#enter(key, node as unknown as Scatter);
  }

  /** The number of a loop about to be made. */
  newLoop(): number {
    return this.#loops++;
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
    const id = this.#nodes.size;
    for (const { node } of operands) for (const other of node.loops) around.add(other);
    around.delete(loop);
    const node: Scan = {
      kind: "scan",
      id,
      loops: around,
      loop,
      length,
      carries,
      stacks,
      recompute,
      nodes,
      values,
      operands,
    };
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
    const call = this.#calls++;
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
    const id = this.#nodes.size;
    const loops = loopsAround(operands, []);
    const content = { primal, inputs, cotangents, gradients };
    const node: Call = { kind: "call", id, loops, ...content, values, operands };
    for (const { dtype, shape } of primal) {
      values.push({ node, result: values.length, dtype, shape });
    }
    return this.#enter(key, node);
  }

  #enter<T extends Node>(key: string, node: T): T {
    this.#nodes.set(key, node);
    this.#addOrigin(node);
    if (this.#source !== undefined) this.inheritOrigins(node, this.#source);
    return node;
  }

  // Origins

  /** Nodes made by `make` come from `origin`, innermost first. */
  from<T>(origin: Origin, make: () => T): T {
    const around = this.#originStack.at(-1);
    this.#originStack.push(around?.backward ? { ...origin, backward: true } : origin);
    try {
      return make();
    } finally {
      this.#originStack.pop();
    }
  }

  /** Nodes made by `make` belong to the derivative of what is being made. */
  backward<T>(make: () => T): T {
    const origin = this.#originStack.at(-1);
    return origin === undefined ? make() : this.from({ ...origin, backward: true }, make);
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
    return this.#origins.get(node) ?? [];
  }

  /** Says that `node` also stands for what `source` stood for, as its derivative if `backward`. */
  inheritOrigins(node: Node, source: Node, backward = false): void {
    for (const origin of this.origins(source)) {
      this.#record(node, backward ? { ...origin, backward: true } : origin);
    }
  }

  #addOrigin(node: Node): void {
    const origin = this.#originStack.at(-1);
    if (origin !== undefined) this.#record(node, origin);
  }

  #record(node: Node, origin: Origin): void {
    const origins = this.#origins.get(node) ?? [];
    this.#origins.set(node, origins);
    const same = (o: Origin) =>
      o.span.file === origin.span.file &&
      o.span.start === origin.span.start &&
      o.span.end === origin.span.end &&
      o.path === origin.path &&
      o.part === origin.part &&
      o.backward === origin.backward;
    if (!origins.some(same)) origins.push(origin);
  }
}

const noLoops: ReadonlySet<number> = new Set();

/** The loops that what is computed of these operands by these scalars depends on. */
function loopsAround(
  operands: readonly Value[],
  scalars: readonly Scalar[],
  mentioned: ReadonlySet<number> = noLoops,
): ReadonlySet<number> {
  const loops = new Set(mentioned);
  for (const { node } of operands) for (const loop of node.loops) loops.add(loop);
  for (const scalar of scalars) {
    visitScalars(scalar, (part) => {
      if (part.kind === "index" || part.kind === "random") loopsOf(part.index, loops);
      else if (part.kind === "condition") conditionLoops(part.condition, loops);
      else if (part.kind === "load") {
        for (const index of part.index) loopsOf(index, loops);
        conditionLoops(part.guard, loops);
      }
    });
  }
  return loops.size === 0 ? noLoops : loops;
}

/** The nodes that the ends of a loop's body reach and that depend on the loop, operands before users. */
function bodyNodes(loop: number, ends: readonly Value[]): Node[] {
  const seen = new Set<Node>();
  const pending = ends.map(({ node }) => node);
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (seen.has(node) || !node.loops.has(loop)) continue;
    seen.add(node);
    if (node.kind !== "leaf") pending.push(...node.operands.map((value) => value.node));
  }
  return [...seen].sort((a, b) => a.id - b.id);
}

const valueKey = ({ node, result }: Value): string => `${node.id}.${result}`;
