/**
 * Maps that are wanted with zeros around, as convolutions want them, and without, as gradients do: all read the copy
 * with zeros, so that the map itself is never in memory.
 *
 *     x[i] = f(…);  p[q] = x[q - 1]{…};  y[i] = x[i]·2   →   p[q] = f(…){…};  y[i] = p[i + 1]·2
 */

import { type Affine, axisAffine, offsetAffine, subtractAffine } from "../../graph/affine.ts";
import { and, inRange } from "../../graph/condition.ts";
import { type GraphContext, gathersOf, graphNodes } from "../../graph/context.ts";
import { elementsAt, isFixed, sameExtent } from "../../graph/extent.ts";
import type { Compute, Graph, LoadScalar, Node, Value } from "../../graph/node.ts";
import { implies } from "../../graph/prove.ts";
import { mapScalar, rewriteGraph } from "../../graph/rewrite.ts";

interface Padding {
  readonly shape: Compute["parallel"];
  readonly load: LoadScalar;
  /** Zeros before the first place of each dimension. */
  readonly before: readonly number[];
}

/** Needs nothing; values stay the same bits. */
export function sharePadding(context: GraphContext, graph: Graph): Graph {
  const paddings = sharedPaddings(graph);
  if (paddings.size === 0) return graph;
  const copies = new Map<Value, { readonly copy: Value; readonly before: readonly number[] }>();
  const made = new Set<Node>();
  const moved = (load: LoadScalar): LoadScalar => {
    const known = copies.get(load.value);
    if (known === undefined) return load;
    const places = load.index.map((place, d): Affine => offsetAffine(place, known.before[d]!));
    return context.load(known.copy, places, load.guard);
  };
  return rewriteGraph(context, graph, (node, original) => {
    if (node.kind !== "compute") return undefined;
    const readsCopied = node.operands.some((value) => copies.has(value));
    const rebuilt =
      readsCopied && !made.has(node)
        ? context.computeLike(node, mapScalar(context, node.body, { load: moved }))
        : node;
    const padding = paddings.get(original.values[0]!);
    if (padding !== undefined) {
      const { shape, load, before } = padding;
      const body = context.load(rebuilt.values[0]!, load.index, load.guard);
      const copy = context.compute({ parallel: shape, body });
      context.inheritOrigins(copy, node);
      copies.set(rebuilt.values[0]!, { copy: copy.values[0]!, before });
      made.add(copy);
    }
    return rebuilt.values;
  });
}

/** The largest copy with zeros of each map that nothing but computations reads, and others than that copy. */
function sharedPaddings(graph: Graph): ReadonlyMap<Value, Padding> {
  const readers = new Map<Value, number>();
  const kept = new Set([...graph.results, ...graph.assignments].map(({ value }) => value));
  const paddings = new Map<Value, Padding>();
  for (const node of graphNodes(graph)) {
    if (node.kind === "leaf") continue;
    if (node.kind === "compute") {
      for (const { value } of gathersOf(node.body)) kept.add(value);
    } else for (const value of node.operands) kept.add(value);
    for (const value of node.operands) readers.set(value, (readers.get(value) ?? 0) + 1);
    const padding = node.kind === "compute" ? paddingOf(node, graph.batchMax) : undefined;
    if (padding === undefined) continue;
    const { value } = padding.load;
    const size = ({ shape }: Padding) => elementsAt(shape, graph.batchMax);
    const known = paddings.get(value);
    if (known === undefined || size(known) < size(padding)) paddings.set(value, padding);
  }
  return new Map([...paddings].filter(([value]) => !kept.has(value) && readers.get(value)! > 1));
}

/**
 * A map that is all of another one, the whole of its last dimension as it is, with zeros before or after the places of
 * other dimensions.
 */
function paddingOf({ parallel, reducer, body }: Compute, batchMax: number): Padding | undefined {
  if (reducer !== null || body.kind !== "load" || body.guard.kind === "true") return undefined;
  const { value, index, guard } = body;
  const { node, shape } = value;
  if (node.kind !== "compute" || node.reducer !== null) return undefined;
  if (index.length !== parallel.length || index.length === 0) return undefined;
  const offsets = index.map((place, d) => subtractAffine(axisAffine(d), place));
  if (!offsets.every(({ terms, batch }) => terms.length === 0 && batch === 0)) return undefined;
  const before = offsets.map(({ constant }) => constant);
  const holdsAll = shape.every(
    (extent, d) =>
      sameExtent(extent, parallel[d]!) ||
      (isFixed(extent) && before[d]! + extent.constant <= parallel[d]!.constant),
  );
  if (!holdsAll || before.some((count) => count < 0)) return undefined;
  if (!sameExtent(shape.at(-1)!, parallel.at(-1)!)) return undefined;
  const inside = and(...index.map((place, d) => inRange(place, shape[d]!)));
  if (!implies(inside, guard, parallel, batchMax)) return undefined;
  return { shape: parallel, load: body, before };
}
