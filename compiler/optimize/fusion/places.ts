/**
 * Gives every assigned value and every result a place of its own. A value that is assigned is stored straight
 * into the memory of its target where every reader of the target's old value can run before; elsewhere, and
 * where a value is wanted in several places, it is copied by an identity map of its own, which can run last. What a
 * loop carries lies where its result does, and its first value is stored there.
 *
 * From here on a graph carries order besides data: a reader of an old value precedes the node that
 * overwrites it.
 */

import { invariant } from "../../diagnostics/diagnostic.ts";
import { bareAxis, constantValue } from "../../graph/affine.ts";
import { type GraphContext, gathersOf, loadsOf } from "../../graph/context.ts";
import { isFixed } from "../../graph/extent.ts";
import type { Assignment, Compute, Graph, LoadScalar, Value } from "../../graph/node.ts";
import { isWork, newCopyOf, type Work, workOf } from "./copies.ts";
import { ownFirstCarries } from "./first-carries.ts";
import { type Order, orderOf, Precedence } from "./order.ts";

export interface PlacedGraph {
  readonly graph: Graph;
  /** See `GroupedGraph.stored`. */
  readonly stored: ReadonlyMap<Value, Value>;
  readonly order: Order;
}

export interface PlaceOptions {
  /** Whether the results are parts of larger tensors: then nothing reads them where they are. */
  readonly areParts?: boolean;
}

/** Needs nothing; guarantees `GroupedGraph.graph` and `stored`; adds identity maps only. */
export function assignPlaces(
  context: GraphContext,
  given: Graph,
  { areParts = false }: PlaceOptions = {},
): PlacedGraph {
  const graph = ownFirstCarries(context, given);
  const targets = new Set(graph.assignments.map(({ target }) => target));
  const taken = new Set<Value>();
  const stored = new Map<Value, Value>();

  const nodes = workOf(graph);
  const known = new Set(nodes.flatMap(({ values }) => values));
  const read = new Set<Value>();
  const copy = (value: Value): Value => {
    read.add(value);
    const made = newCopyOf(context, value, known);
    known.add(made);
    return made;
  };
  const free = (value: Value): Value => {
    const place = taken.has(value) || value.node.kind === "leaf" ? copy(value) : value;
    taken.add(place);
    return place;
  };
  // A leaf that is overwritten itself is saved first: `a <- b` beside `b <- a`.
  const copied = (value: Value): Value => free(copy(targets.has(value) ? copy(value) : value));

  const assignments: Assignment[] = [];
  const precedence = new Precedence(nodes);
  const readersOf = readersIn(nodes);
  for (const node of nodes) {
    if (node.kind === "scan") {
      node.carries.forEach(({ init }, i) => {
        taken.add(init);
        stored.set(init, node.values[i]!);
      });
    }
    for (const value of node.operands) {
      read.add(value);
      if (isWork(value.node)) precedence.addEdge(value.node, node);
    }
  }
  const place = (target: Value, value: Value): void => {
    stored.set(value, target);
    assignments.push({ target, value });
  };

  const remaining: Assignment[] = [];
  for (const { target, value } of graph.assignments) {
    const writer = value.node;
    if (writer.kind !== "compute" || taken.has(value) || !readsOnlyOwnElement(writer, target)) {
      remaining.push({ target, value });
      continue;
    }
    const before = (readersOf.get(target) ?? []).filter((reader) => reader !== writer);
    if (before.some((reader) => precedence.reaches(writer, reader))) {
      remaining.push({ target, value });
      continue;
    }
    for (const reader of before) precedence.addEdge(reader, writer);
    taken.add(value);
    place(target, value);
  }
  for (const { target, value } of remaining) place(target, copied(value));

  // A loss may be named twice; the copy is then the same value, and one place serves both names.
  const resultPlaces = new Map<Value, Value>();
  const wanted = graph.results.map(({ value }) => value);
  const freePart = (value: Value): Value => {
    const isShared =
      wanted.indexOf(value) !== wanted.lastIndexOf(value) || taken.has(value) || read.has(value);
    const place = isShared || value.node.kind !== "compute" ? copy(value) : value;
    taken.add(place);
    return place;
  };
  const results = graph.results.map(({ name, value }) => {
    if (areParts) return { name, value: freePart(value) };
    const known = resultPlaces.get(value) ?? free(value);
    resultPlaces.set(value, known);
    return { name, value: known };
  });

  const placed: Graph = { ...graph, results, assignments };
  const allNodes = workOf(placed);
  const allReaders = readersIn(allNodes);
  const inOrder = assignments.flatMap(({ target, value }) =>
    (allReaders.get(target) ?? [])
      .filter((node) => node !== value.node)
      .map((reader) => [reader, value.node as Compute] as const),
  );
  const order = orderOf(allNodes, inOrder);
  invariant(order !== undefined, `${graph.name}: no order keeps old values until they are read`);
  return { graph: placed, stored, order };
}

/** Who reads each value, in the order of nodes. */
export function readersIn(nodes: readonly Work[]): ReadonlyMap<Value, readonly Work[]> {
  const readersOf = new Map<Value, Work[]>();
  for (const node of nodes) {
    for (const value of node.operands) {
      const readers = readersOf.get(value) ?? [];
      readersOf.set(value, readers);
      readers.push(node);
    }
  }
  return readersOf;
}

/** Whether a node that overwrites `target` reads of it only the very element that it is about to write. */
function readsOnlyOwnElement(writer: Compute, target: Value): boolean {
  return (
    loadsOf(writer.body).every((load) => load.value !== target || isIdentity(load)) &&
    gathersOf(writer.body).every(({ value }) => value !== target)
  );
}

/** Whether a load reads, at every point, the element with the point's own parallel indices. */
export function isIdentity(load: LoadScalar): boolean {
  return identityDepth(load) === load.value.shape.length;
}

/** At how many leading axes a load reads, at every point, where the point itself is. */
export function identityDepth({ index, value }: LoadScalar): number {
  const elsewhere = index.findIndex((at, d) => {
    if (bareAxis(at) === d) return false;
    const extent = value.shape[d]!;
    return !(isFixed(extent) && extent.constant === 1 && constantValue(at) === 0);
  });
  return elsewhere === -1 ? index.length : elsewhere;
}
