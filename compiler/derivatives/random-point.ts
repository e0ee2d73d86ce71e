/**
 * A random point to check derivatives at: elements for every leaf. Params lie around their initial values, so that what is
 * zero at first hides nothing; floats of the data lie in [0, 1) or [-1, 1), in turn; integers are valid where the graph
 * tells what is: rows of a table, classes that a label is compared with.
 */

import type { Affine } from "../graph/affine.ts";
import { rangeAt } from "../graph/affine-range.ts";
import { type GraphContext, graphNodes, visitScalars } from "../graph/context.ts";
import { elementsAt, sizeAt } from "../graph/extent.ts";
import type { Compute, Graph, LeafRole, Node, Scalar, Scatter, Value } from "../graph/node.ts";
import { hash32, uniformAt } from "../graph/threefry.ts";

export type Point = (role: LeafRole, path: string) => Float64Array;

export interface PointOptions {
  readonly n: number;
  /** Each draw is another point. */
  readonly draw: number;
  /** Initial values of params and states by path; what is missing is random. */
  readonly initial: ReadonlyMap<string, ArrayLike<number>>;
  /** Hypers by name. */
  readonly hypers: Readonly<Record<string, number>>;
}

/** How far params lie from their initial values. */
const disturbance = 0.2;

export function randomPoint(
  context: GraphContext,
  graphs: readonly Graph[],
  { n, draw, initial, hypers }: PointOptions,
): Point {
  const limits = integerLimits(graphs, n);
  const drawn = new Map<string, Float64Array>();
  const make = (role: LeafRole, path: string): Float64Array => {
    if (role === "hyper") return Float64Array.of(hypers[path] ?? 0.1);
    if (role === "counter") return Float64Array.of(path === "batch" ? 0 : 1);
    const { dtype, shape } = context.leaf(role, path, "f32", []);
    const size = elementsAt(shape, n);
    const random = (i: number) => uniformAt(draw, hash32(`${role} ${path}`), 0, i);
    const known = initial.get(path);
    if (known !== undefined && role === "state") return Float64Array.from(known);
    if (known !== undefined && role === "param") {
      return Float64Array.from(known, (x, i) => x + disturbance * (2 * random(i) - 1));
    }
    if (dtype === "bool") return Float64Array.from({ length: size }, (_, i) => +(random(i) < 0.5));
    if (dtype === "i32" || dtype === "u8") {
      const limit = limits.get(path) ?? (dtype === "u8" && shape.length > 1 ? 256 : 2);
      return Float64Array.from({ length: size }, (_, i) => Math.floor(random(i) * limit));
    }
    const low = role === "param" || draw % 2 === 1 ? -1 : 0;
    return Float64Array.from({ length: size }, (_, i) => low + (1 - low) * random(i));
  };
  return (role, path) => {
    const key = `${role} ${path}`;
    const known = drawn.get(key) ?? make(role, path);
    drawn.set(key, known);
    return known;
  };
}

/** Below what the integers of an input must lie to mean something, by its path. */
function integerLimits(graphs: readonly Graph[], n: number): ReadonlyMap<string, number> {
  const limits = new Map<string, number>();
  const limit = (scalar: Scalar | undefined, below: number): void => {
    const path = scalar && inputBehind(scalar);
    if (path === undefined || below < 1) return;
    limits.set(path, Math.min(below, limits.get(path) ?? below));
  };
  const visitBody = (node: Compute | Scatter): void => {
    const box = [...node.parallel, ...(node.kind === "compute" ? node.reduction : [])];
    const size = (index: Affine) => rangeAt(index, box, n).max + 1;
    const scalars = node.kind === "scatter" ? [node.body, ...node.index] : [node.body];
    if (node.kind === "scatter") {
      for (const [d, index] of node.index.entries()) limit(index, sizeAt(node.shape[d]!, n));
    }
    for (const body of scalars) {
      visitScalars(body, (scalar) => {
        if (scalar.kind === "gather") {
          for (const [d, index] of scalar.index.entries()) {
            limit(index, sizeAt(scalar.value.shape[d]!, n));
          }
        }
        if (scalar.kind !== "call" || !comparisons.has(scalar.fn)) return;
        const [a, b] = scalar.args.map(uncast);
        if (a!.kind === "index") limit(b, size(a!.index));
        if (b!.kind === "index") limit(a, size(b!.index));
      });
    }
  };
  const visit = (node: Node): void => {
    if (node.kind === "compute" || node.kind === "scatter") visitBody(node);
    else if (node.kind === "scan") node.nodes.forEach(visit);
  };
  for (const graph of graphs) graphNodes(graph).forEach(visit);
  return limits;
}

const comparisons: ReadonlySet<string> = new Set(["equal", "notEqual", "less", "lessEqual"]);

const uncast = (scalar: Scalar): Scalar => (scalar.kind === "cast" ? uncast(scalar.of) : scalar);

/** The path of the input whose elements a scalar is, through nodes that only move elements. */
function inputBehind(scalar: Scalar): string | undefined {
  const plain = uncast(scalar);
  if (plain.kind !== "load" && plain.kind !== "gather") return undefined;
  return inputOf(plain.value);
}

function inputOf({ node }: Value): string | undefined {
  if (node.kind === "leaf") return node.role === "input" ? node.path : undefined;
  return node.kind === "compute" && node.reducer === null ? inputBehind(node.body) : undefined;
}
