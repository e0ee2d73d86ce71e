/**
 * Rebuilding scalars and graphs. Everything is shared with the original where nothing changed, so a pass that
 * changes nothing returns the same object.
 */

import { type Affine, axisAffine, substituteAffine } from "./affine.ts";
import { type Condition, substituteCondition } from "./condition.ts";
import { type GraphContext, graphNodes, mapItems } from "./context.ts";
import type {
  Call,
  Compute,
  GatherScalar,
  Graph,
  Leaf,
  LoadScalar,
  Node,
  Scalar,
  Scan,
  Scatter,
  Value,
} from "./node.ts";

/** What to do with the leaves of a body; what is left out stays as it is. */
export interface ScalarMapping {
  /** Index expressions, of `index` scalars, `random` and loads (their places and guards). */
  readonly affine?: (index: Affine) => Affine;
  readonly condition?: (condition: Condition) => Condition;
  /** A load, its places and guard mapped already. */
  readonly load?: (load: LoadScalar) => Scalar;
  /** A gather, its indexes mapped already. */
  readonly gather?: (gather: GatherScalar) => Scalar;
  /** A call, its arguments mapped already: where rules apply, from the leaves to the root. */
  readonly call?: (call: Extract<Scalar, { kind: "call" }>) => Scalar;
}

/** Rebuilds a body from its leaves; each shared scalar once. */
export function mapScalar(context: GraphContext, body: Scalar, mapping: ScalarMapping): Scalar {
  return scalarMapper(context, mapping)(body);
}

/** `mapScalar` for several bodies that share scalars. */
export function scalarMapper(
  context: GraphContext,
  { affine, condition, load, gather, call }: ScalarMapping,
): (body: Scalar) => Scalar {
  const mapped = new Map<Scalar, Scalar>();
  const moved = (scalar: LoadScalar): LoadScalar => {
    const index = affine === undefined ? scalar.index : mapItems(scalar.index, affine);
    const guard = condition === undefined ? scalar.guard : condition(scalar.guard);
    const isSame = guard === scalar.guard && index === scalar.index;
    return isSame ? scalar : context.load(scalar.value, index, guard);
  };
  const isInPlace = affine === undefined && condition === undefined;
  const visit = (scalar: Scalar): Scalar => {
    const { kind } = scalar;
    if (kind === "constant") return scalar;
    if (isInPlace && (kind === "index" || kind === "condition" || kind === "random")) return scalar;
    const known = mapped.get(scalar);
    if (known !== undefined) return known;
    const result = rebuild(scalar);
    mapped.set(scalar, result);
    return result;
  };
  const rebuild = (scalar: Scalar): Scalar => {
    switch (scalar.kind) {
      case "constant":
        return scalar;
      case "index": {
        const index = affine === undefined ? scalar.index : affine(scalar.index);
        return index === scalar.index ? scalar : context.index(index);
      }
      case "condition": {
        const other = condition === undefined ? scalar.condition : condition(scalar.condition);
        return other === scalar.condition ? scalar : context.condition(other);
      }
      case "load": {
        const there = moved(scalar);
        return load === undefined ? there : load(there);
      }
      case "random": {
        const index = affine === undefined ? scalar.index : affine(scalar.index);
        return index === scalar.index ? scalar : context.random(scalar.stream, index);
      }
      case "gather": {
        const index = mapItems(scalar.index, visit);
        const there = index === scalar.index ? scalar : context.gather(scalar.value, index);
        return gather === undefined ? there : gather(there);
      }
      case "cast": {
        const of = visit(scalar.of);
        return of === scalar.of ? scalar : context.cast(of, scalar.dtype);
      }
      case "call": {
        const args = mapItems(scalar.args, visit);
        const rebuilt = args === scalar.args ? scalar : context.apply(scalar.fn, args);
        return rebuilt.kind === "call" && call !== undefined ? call(rebuilt) : rebuilt;
      }
    }
  };
  return visit;
}

/** Replaces every axis in a body, in conditions and guards too. */
export function substituteAxes(
  context: GraphContext,
  body: Scalar,
  replace: (axis: number) => Affine,
): Scalar {
  return mapScalar(context, body, {
    affine: (index) => substituteAffine(index, replace),
    condition: (condition) => substituteCondition(condition, replace),
  });
}

/** Renumbers axes: axis i becomes `numbers[i]`. */
export function renumberAxes(
  context: GraphContext,
  body: Scalar,
  numbers: readonly number[],
): Scalar {
  return substituteAxes(context, body, (axis) => axisAffine(numbers[axis]!));
}

/** The same node over other operands. */
export function replaceOperands<T extends Exclude<Node, Leaf>>(
  context: GraphContext,
  node: T,
  replacement: (value: Value) => Value,
): T;
export function replaceOperands(
  context: GraphContext,
  node: Exclude<Node, Leaf>,
  replacement: (value: Value) => Value,
): Node {
  if (node.operands.every((value) => replacement(value) === value)) return node;
  const replaced =
    node.kind === "scan"
      ? replaceInLoop(context, node, replacement)
      : node.kind === "call"
        ? replaceInCall(context, node, replacement)
        : replaceLoads(context, node, replacement);
  context.inheritOrigins(replaced, node);
  return replaced;
}

function replaceLoads(
  context: GraphContext,
  node: Compute | Scatter,
  replacement: (value: Value) => Value,
): Node {
  const map = scalarMapper(context, {
    load: (load) => {
      const value = replacement(load.value);
      return value === load.value ? load : context.loadFrom(load, value);
    },
    gather: (gather) => context.gather(replacement(gather.value), gather.index),
  });
  const body = map(node.body);
  if (node.kind === "scatter") {
    const { parallel, shape } = node;
    return context.scatter({ parallel, shape, index: node.index.map(map), body });
  }
  // A body of the same form loads what takes the place of each operand in the same order.
  const operands = [...new Set(node.operands.map(replacement))];
  return context.computeLike(node, body, operands);
}

function replaceInCall(
  context: GraphContext,
  { primal, inputs, cotangents, gradients }: Call,
  replacement: (value: Value) => Value,
): Call {
  return context.callNode({
    primal: primal.map(replacement),
    inputs: inputs.map(replacement),
    cotangents,
    gradients: gradients.map(replacement),
  });
}

/** Where the values of a loop's body are when it reads other ones from outside. */
export function mapLoop(
  context: GraphContext,
  { nodes }: Scan,
  outer: (value: Value) => Value,
): (value: Value) => Value {
  const inside = new Map<Value, Value>();
  const map = (value: Value): Value => inside.get(value) ?? outer(value);
  for (const node of nodes) {
    if (node.kind === "leaf") continue;
    const rebuilt = replaceOperands(context, node, map);
    node.values.forEach((value, i) => {
      inside.set(value, rebuilt.values[i]!);
    });
  }
  return map;
}

/** A loop that reads other values from outside. */
function replaceInLoop(
  context: GraphContext,
  node: Scan,
  replacement: (value: Value) => Value,
): Scan {
  const map = mapLoop(context, node, replacement);
  const { loop, length, carries, stacks, recompute } = node;
  return context.scan({
    loop,
    length,
    recompute,
    carries: carries.map(({ leaf, init, next }) => ({ leaf, init: map(init), next: map(next) })),
    stacks: stacks.map(({ value, place }) => ({ value: map(value), place })),
  });
}

/** `graphNodes`, which walks each graph once, however many passes hand it on as it is. */
export function knownNodes(context: GraphContext, graph: Graph): readonly Node[] {
  const known = context.memory(
    knownNodes,
    graph.batchMax,
    () => new WeakMap<Graph, readonly Node[]>(),
  );
  const before = known.get(graph);
  if (before !== undefined) return before;
  const nodes = graphNodes(graph);
  known.set(graph, nodes);
  return nodes;
}

/** What a rewriting that asks of a node nothing but the node and its operands made of nodes that changed or stayed. */
export type Rewritten = Map<Node, readonly Value[]>;

/**
 * Walks a graph from the leaves on; of loops it sees the node alone, not the body (see `loops.ts`). Each node is rebuilt over its rewritten operands and handed to `rewrite`,
 * which gives the values to use in place of its own, result by result, or undefined to keep them. New nodes
 * inherit the origins of what they replace. Nodes in `known` are not rewritten again.
 */
export function rewriteGraph(
  context: GraphContext,
  graph: Graph,
  rewrite: (node: Node, original: Node) => readonly Value[] | undefined,
  known?: Rewritten,
): Graph {
  const replacements = new Map<Value, Value>();
  const replacement = (value: Value): Value => replacements.get(value) ?? value;
  for (const node of knownNodes(context, graph)) {
    let values = known?.get(node);
    if (values === undefined) {
      const isSame = node.kind === "leaf" || replacements.size === 0;
      const rebuilt = isSame ? node : replaceOperands(context, node, replacement);
      values = context.standingFor(node, () => rewrite(rebuilt, node)) ?? rebuilt.values;
      known?.set(node, values);
    }
    if (values === node.values) continue;
    for (let i = 0; i < node.values.length; i++) {
      const value = node.values[i]!;
      const other = values[value.result]!;
      if (other === value) continue;
      replacements.set(value, other);
      if (other.node.kind !== "leaf") context.inheritOrigins(other.node, node);
    }
  }
  return replacements.size === 0 ? graph : replaceValues(graph, replacement);
}

/** The graph with other results and assigned values; nodes are not touched. */
export function replaceValues(graph: Graph, replacement: (value: Value) => Value): Graph {
  return {
    ...graph,
    results: graph.results.map(({ name, value }) => ({ name, value: replacement(value) })),
    assignments: graph.assignments.map(({ target, value }) => ({
      target,
      value: replacement(value),
    })),
  };
}
