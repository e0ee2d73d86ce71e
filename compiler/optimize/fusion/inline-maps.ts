/**
 * Moves cheap maps into the loads of their readers (prologue fusion), where the reader does not run over the
 * same points and could not share a kernel with the map: broadcasts, masks, one-hot labels, casts, and what
 * only rearranges another value. The map is computed again for each point that reads it, which is cheaper
 * than a round trip through memory.
 */

import { substituteAffine } from "../../graph/affine.ts";
import { and, substituteCondition } from "../../graph/condition.ts";
import { type GraphContext, operandsOf, scalarChildren } from "../../graph/context.ts";
import { sameShape } from "../../graph/extent.ts";
import type {
  Compute,
  Graph,
  LeafRole,
  LoadScalar,
  Node,
  Scalar,
  Scatter,
  Value,
} from "../../graph/node.ts";
import { knownNodes, mapScalar, rewriteGraph, scalarMapper } from "../../graph/rewrite.ts";
import { scalarFunctions } from "../../graph/scalar-functions.ts";
import type { TargetDescription } from "../target-description.ts";
import { replaceLoads } from "./copies.ts";
import { boxOf, isColumn, linearAccess } from "./linear-access.ts";
import { isIdentity } from "./places.ts";
import { isProductSum } from "./prepare-products.ts";

/** Floating-point operations a point that are cheaper than writing and reading four bytes. */
const cheapest = 4;

/** Needs nothing; values stay the same bits. What products read in memory, others read there too. */
export function inlineMaps(context: GraphContext, graph: Graph, target: TargetDescription): Graph {
  const factors = new Set(
    knownNodes(context, graph)
      .filter(isProduct)
      .flatMap(({ operands }) => operands),
  );
  /** What is in memory anyway, because products read it there. */
  const stored = new Set<Value>();
  return rewriteGraph(context, graph, (node, original) => {
    if (node.kind === "scatter") return inlinedIntoScatter(context, node).values;
    if (node.kind !== "compute") return undefined;
    const replace = (load: LoadScalar) => {
      if (stored.has(load.value)) return load;
      return inlined(context, load, node, graph.batchMax, target) ?? load;
    };
    const readsMaps = node.operands.some((value) => isMap(value.node));
    const replaced = readsMaps ? replaceLoads(context, node, replace) : node;
    const isFactor = original.values.some((value) => factors.has(value));
    if (isFactor && replaced.body.kind !== "load") stored.add(replaced.values[0]!);
    return replaced.values;
  });
}

function isMap(node: Node): node is Compute {
  return node.kind === "compute" && node.reducer === null;
}

function isProduct(node: Node): node is Compute {
  return node.kind === "compute" && isProductSum(node);
}

/** Scatters share kernels with no map that they read: all that are cheap move into them. */
function inlinedIntoScatter(context: GraphContext, node: Scatter): Scatter {
  const map = scalarMapper(context, {
    load: (load) => {
      const { node: maker } = load.value;
      if (!isMap(maker) || !isCheap(maker.body)) return load;
      return guarded(context, load, bodyAt(context, maker.body, load));
    },
  });
  const { parallel, shape, index, body } = node;
  return context.scatter({ parallel, shape, index: index.map(map), body: map(body) });
}

function inlined(
  context: GraphContext,
  load: LoadScalar,
  reader: Compute,
  batchMax: number,
  { workgroup }: TargetDescription,
): Scalar | undefined {
  const map = load.value.node;
  if (!isMap(map)) return undefined;
  const { body } = map;
  if (isProductSum(reader)) {
    // The operands of a contraction stay bare loads of memory; in even steps where register tiles read them, in any
    // where workgroups copy them element by element.
    const operand = body.kind === "load" ? bodyAt(context, body, load) : undefined;
    if (operand?.kind !== "load" || isColumn(operand.value)) return undefined;
    const isEven = () => linearAccess(operand, boxOf(reader, batchMax)) !== undefined;
    return workgroup !== null || isEven() ? operand : undefined;
  }
  // A number that depends on nothing in memory is computed where it is wanted, once for all points.
  const isUniform = map.parallel.length === 0 && isOfStepScalars(body);
  const isFusible = sameShape(map.parallel, reader.parallel) && isIdentity(load);
  if (isFusible || !(isUniform || isCheap(body))) return undefined;
  return guarded(context, load, bodyAt(context, body, load));
}

/** What a load reads as that value: outside the guard it is 0; a bare load carries the guard itself. */
export function guarded(context: GraphContext, load: LoadScalar, value: Scalar): Scalar {
  if (load.guard.kind === "true" || value.kind === "load") return value;
  const zero = context.constant(0, value.dtype);
  return context.call("select", context.condition(load.guard), value, zero);
}

/** A body at the point that a load reads; its own loads touch memory only where the load would have. */
export function bodyAt(
  context: GraphContext,
  body: Scalar,
  { index, guard }: Pick<LoadScalar, "index" | "guard">,
): Scalar {
  const replace = (axis: number) => index[axis]!;
  return mapScalar(context, body, {
    affine: (place) => substituteAffine(place, replace),
    condition: (condition) => substituteCondition(condition, replace),
    load: (load) => context.load(load.value, load.index, and(load.guard, guard)),
  });
}

function isOfStepScalars(body: Scalar): boolean {
  const uploaded: readonly LeafRole[] = ["scalar", "hyper", "counter"];
  return operandsOf(body).every(({ node }) => node.kind === "leaf" && uploaded.includes(node.role));
}

/** Whether computing a body again costs less than storing it. */
function isCheap(body: Scalar): boolean {
  if (body.kind === "load") return true;
  let operations = 0;
  let loads = 0;
  const seen = new Set<Scalar>();
  const visit = (scalar: Scalar): void => {
    if (seen.has(scalar)) return;
    seen.add(scalar);
    if (scalar.kind === "call") operations += scalarFunctions[scalar.fn].cost;
    else if (scalar.kind === "random") operations += cheapest + 1;
    else if (scalar.kind === "load" || scalar.kind === "gather") loads++;
    else if (scalar.kind === "cast" || scalar.kind === "condition") operations++;
    for (const child of scalarChildren(scalar)) visit(child);
  };
  visit(body);
  return operations <= cheapest && loads <= 1;
}
