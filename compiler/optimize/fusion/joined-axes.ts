/**
 * What passes that join axes share: they walk a graph in order, give some nodes other axes, and let whoever reads such a
 * node read it where its elements are now.
 */

import {
  type Affine,
  addAffine,
  axisAffine,
  divAffine,
  modAffine,
  scaleAffine,
} from "../../graph/affine.ts";
import { substituteCondition } from "../../graph/condition.ts";
import { type GraphContext, gathersOf } from "../../graph/context.ts";
import { fixed } from "../../graph/extent.ts";
import type { Compute, Graph, Value } from "../../graph/node.ts";
import {
  knownNodes,
  mapScalar,
  replaceOperands,
  replaceValues,
  substituteAxes,
} from "../../graph/rewrite.ts";
import { simplifyAffine } from "../simplify-index.ts";
import { boxOf } from "./linear-access.ts";

/** A node over joined axes, and how its old indexes become new ones. */
export interface Joined {
  readonly value: Value;
  readonly join: (index: readonly Affine[]) => readonly Affine[];
}

/**
 * The graph with other axes for the nodes that `joinAxes` gives some: it takes a node that reads its operands where they
 * are now, and as it was. What is asked for only has readers that index it; loops, scatters and loads by index read
 * operands as they are, and so do results and assignments.
 */
export function withJoinedAxes(
  context: GraphContext,
  graph: Graph,
  joinAxes: (rebuilt: Compute, node: Compute) => Joined | undefined,
): Graph {
  const nodes = knownNodes(context, graph);
  const others = nodes.flatMap((node) => {
    if (node.kind === "leaf") return [];
    return node.kind === "compute" ? gathersOf(node.body).map(({ value }) => value) : node.operands;
  });
  const ends = [...graph.results, ...graph.assignments].map(({ value }) => value);
  const kept = new Set([...ends, ...others]);
  const joined = new Map<Value, Joined>();
  const replaced = new Map<Value, Value>();
  for (const node of nodes) {
    if (node.kind === "leaf") continue;
    const rebuilt =
      node.kind === "compute"
        ? rereadOperands(context, node, graph.batchMax, joined, replaced)
        : replaceOperands(context, node, (value) => replaced.get(value) ?? value);
    node.values.forEach((value, i) => {
      if (rebuilt.values[i] !== value) replaced.set(value, rebuilt.values[i]!);
    });
    if (node.kind !== "compute" || rebuilt.kind !== "compute") continue;
    const [value] = node.values;
    const other = kept.has(value!) ? undefined : joinAxes(rebuilt, node);
    if (other !== undefined) joined.set(value!, other);
  }
  return replaced.size === 0
    ? graph
    : replaceValues(graph, (value) => replaced.get(value) ?? value);
}

/** A node that reads its operands where they are now. */
function rereadOperands(
  context: GraphContext,
  node: Compute,
  batchMax: number,
  joined: ReadonlyMap<Value, Joined>,
  replaced: ReadonlyMap<Value, Value>,
): Compute {
  if (!node.operands.some((value) => joined.has(value))) {
    return replaceOperands(context, node, (value) => replaced.get(value) ?? value);
  }
  const box = boxOf(node, batchMax);
  const body = mapScalar(context, node.body, {
    load: (load) => {
      const other = joined.get(load.value);
      if (other !== undefined) {
        const index = other.join(load.index).map((place) => simplifyAffine(place, box));
        return context.load(other.value, index, load.guard);
      }
      const value = replaced.get(load.value);
      return value === undefined ? load : context.loadFrom(load, value);
    },
  });
  const made = context.computeLike(node, body);
  context.inheritOrigins(made, node);
  return made;
}

/** The node over a parallel axis and the one after it, which have fixed sizes, as one. */
export function joinPair(context: GraphContext, node: Compute, axis: number): Joined {
  const { parallel, reduction, where, reducer, body } = node;
  const [outer, { constant: width }] = [parallel[axis]!, parallel[axis + 1]!];
  const replace = (old: number) => {
    if (old === axis) return divAffine(axisAffine(axis), width);
    if (old === axis + 1) return modAffine(axisAffine(axis), width);
    return axisAffine(old > axis ? old - 1 : old);
  };
  const made = context.compute({
    parallel: parallel.toSpliced(axis, 2, fixed(outer.constant * width)),
    reduction,
    where: substituteCondition(where, replace),
    reducer,
    body: substituteAxes(context, body, replace),
  });
  context.inheritOrigins(made, node);
  return {
    value: made.values[0]!,
    join: (index) => {
      const place = addAffine(scaleAffine(index[axis]!, width), index[axis + 1]!);
      return index.toSpliced(axis, 2, place);
    },
  };
}
