/**
 * Loops without what nobody reads: stacks whose value is not used, and carries that neither the rest of the graph nor
 * the loop itself needs. What they were computed from goes with them. Of equal stacks one is kept.
 *
 *     (%9, %10, %11) = scan …      of which only %10 is read      becomes      %12 = scan …
 */

import { type GraphContext, graphNodes } from "./context.ts";
import { loopsIn, throughLoops } from "./loops.ts";
import type { Graph, Node, Scan, Stack, Value } from "./node.ts";
import { rewriteGraph } from "./rewrite.ts";

export function pruneLoops(context: GraphContext, graph: Graph): Graph {
  if (!context.hasLoops || loopsIn(graph).length === 0) return graph;
  const once = throughLoops(pruneOutermost);
  // What an inner loop no longer reads may be a carry of the one around it.
  for (let before = graph; ; ) {
    const after = once(context, before);
    if (after === before) return after;
    before = after;
  }
}

function pruneOutermost(context: GraphContext, graph: Graph): Graph {
  const parts = neededParts(graph);
  return rewriteGraph(context, graph, (node, original) => {
    const needed = parts.get(original);
    if (node.kind !== "scan" || needed === undefined) return undefined;
    const { loop, length, recompute } = node;
    const carries = node.carries.filter((_, i) => needed.carries[i]);
    const stacks: Stack[] = [];
    const places = node.stacks.map(({ value, place }, i) => {
      if (!needed.stacks[i]) return null;
      const same = stacks.findIndex((s) => s.value === value && s.place.key === place.key);
      return same >= 0 ? same : stacks.push({ value, place }) - 1;
    });
    const isWhole = carries.length === node.carries.length && stacks.length === node.stacks.length;
    if (isWhole) return undefined;
    const pruned = context.scan({ loop, length, recompute, carries, stacks });
    const results = [
      ...needed.carries.map((isNeeded, i) => (isNeeded ? carries.indexOf(node.carries[i]!) : null)),
      ...places.map((place) => (place === null ? null : place + carries.length)),
    ];
    return node.values.map((value, i) => {
      const place = results[i];
      return place === null || place === undefined ? value : pruned.values[place]!;
    });
  });
}

interface NeededParts {
  readonly carries: readonly boolean[];
  readonly stacks: readonly boolean[];
}

/** Of each loop that the graph needs; users are asked before what they use. */
function neededParts(graph: Graph): ReadonlyMap<Node, NeededParts> {
  const used = new Set<Value>();
  const parts = new Map<Node, NeededParts>();
  for (const { value } of [...graph.results, ...graph.assignments]) used.add(value);
  for (const node of graphNodes(graph).reverse()) {
    if (node.kind === "leaf" || !node.values.some((value) => used.has(value))) continue;
    if (node.kind !== "scan") {
      for (const value of node.operands) used.add(value);
      continue;
    }
    const { needed, read } = partsOf(node, used);
    parts.set(node, needed);
    for (const value of read) used.add(value);
  }
  return parts;
}

/** What of a loop its used results need, and what that reads from outside. */
function partsOf(
  { loop, carries, stacks, values }: Scan,
  used: ReadonlySet<Value>,
): { readonly needed: NeededParts; readonly read: ReadonlySet<Value> } {
  const needed = {
    carries: carries.map((_, i) => used.has(values[i]!)),
    stacks: stacks.map((_, i) => used.has(values[carries.length + i]!)),
  };
  const read = new Set<Value>();
  const seen = new Set<Value>();
  const pending = stacks.flatMap(({ value }, i) => (needed.stacks[i] ? [value] : []));
  const carry = (i: number): void => {
    const { init, next } = carries[i]!;
    needed.carries[i] = true;
    read.add(init);
    pending.push(next);
  };
  needed.carries.forEach((isNeeded, i) => {
    if (isNeeded) carry(i);
  });
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    if (seen.has(value)) continue;
    seen.add(value);
    const { node } = value;
    if (!node.loops.has(loop)) read.add(value);
    else if (node.kind !== "leaf") pending.push(...node.operands);
    else {
      const at = carries.findIndex(({ leaf }) => leaf === value);
      if (at >= 0 && !needed.carries[at]) carry(at);
    }
  }
  return { needed, read };
}
