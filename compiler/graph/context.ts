/**
 * The intern table of one compilation, and the only way to make scalars and nodes. Equal content gives the
 * same object, so "did a pass change anything?" is `===`. Nodes are numbered in order of creation, operands
 * before users, and that order is the deterministic order of everything that follows.
 */

import { invariant } from "../diagnostics/diagnostic.ts";
import type { Affine } from "./affine.ts";
import { always, type Condition } from "./condition.ts";
import type { DType } from "./dtype.ts";
import { type Extent, printShape, type Shape } from "./extent.ts";
import type {
  Compute,
  Graph,
  Leaf,
  LeafRole,
  LoadScalar,
  Node,
  Origin,
  Scalar,
  Value,
} from "./node.ts";
import { type ReducerName, reducers } from "./reducers.ts";
import { type ScalarFunctionName, scalarFunctions } from "./scalar-functions.ts";

/** Distributes `Omit` over a union, so that each kind keeps its own fields. */
type Unnumbered<T> = T extends unknown ? Omit<T, "id"> : never;

export interface ComputeContent {
  readonly parallel: readonly Extent[];
  readonly reduction?: readonly Extent[];
  readonly where?: Condition;
  readonly reducer?: ReducerName | null;
  readonly body: Scalar;
}

export class GraphContext {
  readonly #scalars = new Map<string, Scalar>();
  readonly #nodes = new Map<string, Node>();
  readonly #origins = new Map<Node, Origin[]>();
  /** Whose place the nodes being made take. */
  #source: Node | undefined;
  readonly #originStack: Origin[] = [];

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
    invariant(
      index.length === value.shape.length,
      `a load of ${printShape(value.shape)} has ${index.length} indexes`,
    );
    const place = index.map((i) => i.key).join(",");
    return this.#scalar(`load ${value.node.id}.${value.result} [${place}] ${guard.key}`, {
      kind: "load",
      dtype: value.dtype,
      value,
      index,
      guard,
    }) as LoadScalar;
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
    const row = scalarFunctions[fn];
    invariant(args.length === row.arity, `${fn} takes ${row.arity} arguments`);
    const dtype = row.resultType(args.map((arg) => arg.dtype));
    invariant(dtype !== undefined, `${fn} does not take (${args.map((a) => a.dtype).join(", ")})`);
    return this.#scalar(`${fn} ${args.map((arg) => arg.id).join(",")}`, {
      kind: "call",
      dtype,
      fn,
      args,
    });
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
    const leaf = { kind: "leaf", id: this.#nodes.size, role, path, values } as unknown as Leaf;
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
    const node: Compute = {
      kind: "compute",
      id: this.#nodes.size,
      parallel,
      reduction,
      where,
      reducer,
      body,
      values,
      operands: operandsOf(body),
    };
    invariant(types !== undefined, `${reducer} does not take ${body.dtype}`);
    types.forEach((dtype, result) => {
      values.push({ node, result, dtype, shape: parallel });
    });
    this.#nodes.set(key, node);
    this.#addOrigin(node);
    if (this.#source !== undefined) this.inheritOrigins(node, this.#source);
    return node;
  }

  // Origins

  /** Nodes made by `make` come from `origin`, innermost first. */
  from<T>(origin: Origin, make: () => T): T {
    this.#originStack.push(origin);
    try {
      return make();
    } finally {
      this.#originStack.pop();
    }
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

/** The scalars directly below one. */
export function scalarChildren(scalar: Scalar): readonly Scalar[] {
  switch (scalar.kind) {
    case "cast":
      return [scalar.of];
    case "call":
      return scalar.args;
    default:
      return [];
  }
}

/** Every load of a body once, in order of first occurrence. */
export function loadsOf(body: Scalar): LoadScalar[] {
  const loads: LoadScalar[] = [];
  const seen = new Set<Scalar>();
  const visit = (scalar: Scalar): void => {
    if (seen.has(scalar)) return;
    seen.add(scalar);
    if (scalar.kind === "load") loads.push(scalar);
    for (const child of scalarChildren(scalar)) visit(child);
  };
  visit(body);
  return loads;
}

function operandsOf(body: Scalar): Value[] {
  return [...new Set(loadsOf(body).map((load) => load.value))];
}

/** Every node that the roots reach, operands before users, in order of creation. */
export function reachableNodes(roots: Iterable<Value>): Node[] {
  const seen = new Set<Node>();
  const pending = [...roots].map((value) => value.node);
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (seen.has(node)) continue;
    seen.add(node);
    if (node.kind === "compute") pending.push(...node.operands.map((value) => value.node));
  }
  return [...seen].sort((a, b) => a.id - b.id);
}

/** Every node of a graph, operands before users. */
export function graphNodes(graph: Graph): Node[] {
  return reachableNodes([
    ...graph.results.map((result) => result.value),
    ...graph.assignments.map((assignment) => assignment.value),
  ]);
}
