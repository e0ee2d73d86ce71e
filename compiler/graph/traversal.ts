/** What bodies and graphs consist of, in a fixed order. */

import type { GatherScalar, Graph, LoadScalar, Node, Scalar, Value } from "./node.ts";

/** The scalars directly below one. */
export function scalarChildren(scalar: Scalar): readonly Scalar[] {
  switch (scalar.kind) {
    case "cast":
      return [scalar.of];
    case "call":
      return scalar.args;
    case "gather":
      return scalar.index;
    default:
      return noScalars;
  }
}

const noScalars: readonly Scalar[] = [];

/** The items mapped; the same list if none changed. */
export function mapItems<T>(items: readonly T[], map: (item: T) => T): readonly T[] {
  let mapped: T[] | undefined;
  for (let i = 0; i < items.length; i++) {
    const item = items[i]!;
    const other = map(item);
    if (other !== item) mapped ??= [...items];
    if (mapped !== undefined) mapped[i] = other;
  }
  return mapped ?? items;
}

/** Every load of a body once, in order of first occurrence. */
export function loadsOf(body: Scalar): LoadScalar[] {
  const loads: LoadScalar[] = [];
  visitScalars(body, (scalar) => {
    if (scalar.kind === "load") loads.push(scalar);
  });
  return loads;
}

/** Every gather of a body once, in order of first occurrence. */
export function gathersOf(body: Scalar): GatherScalar[] {
  const gathers: GatherScalar[] = [];
  visitScalars(body, (scalar) => {
    if (scalar.kind === "gather") gathers.push(scalar);
  });
  return gathers;
}

/** The distinct values that a body loads or gathers from, in order of first occurrence. */
export function operandsOf(body: Scalar): Value[] {
  const operands = new Set<Value>();
  visitScalars(body, (scalar) => {
    if (scalar.kind === "load" || scalar.kind === "gather") operands.add(scalar.value);
  });
  return [...operands];
}

/** Visits every scalar of a body once, users before children. */
export function visitScalars(body: Scalar, visit: (scalar: Scalar) => void): void {
  if (scalarChildren(body).length === 0) {
    visit(body);
    return;
  }
  const seen = new Set<Scalar>();
  const descend = (scalar: Scalar): void => {
    if (seen.has(scalar)) return;
    seen.add(scalar);
    visit(scalar);
    scalarChildren(scalar).forEach(descend);
  };
  descend(body);
}

/** Every node that the roots reach, operands before users, in order of creation. */
export function reachableNodes(roots: readonly Value[]): Node[] {
  const last = roots.reduce((max, { node }) => Math.max(max, node.id), -1);
  // Operands have smaller numbers than their users: one walk down meets each node after all that read it.
  const reached = new Array<Node | undefined>(last + 1);
  for (const { node } of roots) reached[node.id] = node;
  const nodes: Node[] = [];
  for (let id = last; id >= 0; id--) {
    const node = reached[id];
    if (node === undefined) continue;
    nodes.push(node);
    if (node.kind === "leaf") continue;
    const { operands } = node;
    for (let i = 0; i < operands.length; i++) {
      const operand = operands[i]!.node;
      reached[operand.id] = operand;
    }
  }
  return nodes.reverse();
}

/** Every node of a graph, operands before users. */
export function graphNodes(graph: Graph): Node[] {
  return reachableNodes([
    ...graph.results.map((result) => result.value),
    ...graph.assignments.map((assignment) => assignment.value),
  ]);
}

/** Every node of a graph and of the bodies of its loops. */
export function nodesOfBodies(graph: Graph): Node[] {
  const withBody = (node: Node): Node[] =>
    node.kind === "scan" ? [...node.nodes.flatMap(withBody), node] : [node];
  return graphNodes(graph).flatMap(withBody);
}
