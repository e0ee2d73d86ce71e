/**
 * Bodies of loops as graphs of their own, so that what is done to graphs is done to them. In such a graph the stacked
 * values are results, the carries are assigned, and values from outside are leaves of the role `outer`.
 */

import { invariant } from "../diagnostics/diagnostic.ts";
import { type GraphContext, graphNodes } from "./context.ts";
import type { Graph, Leaf, Scan, Value } from "./node.ts";
import { mapLoop, rewriteGraph } from "./rewrite.ts";

export interface LoopBody {
  /**
   * Results `0`, `1`, … are the stacked values in order of `Scan.stacks`; assignments go to the carries, in order, but
   * for those that keep their value.
   */
  readonly graph: Graph;
  /** What the leaves of the role `outer` stand for. */
  readonly outside: ReadonlyMap<Leaf, Value>;
}

export function openLoop(context: GraphContext, scan: Scan, around: Graph): LoopBody {
  const outside = new Map<Leaf, Value>();
  const replaced = new Map<Value, Value>();
  for (const value of scan.operands) {
    const { node, dtype, shape } = value;
    // What is not computed is read where it is, from everywhere.
    if (node.kind === "leaf" && node.role !== "carry") continue;
    const leaf = context.leaf("outer", `${node.id}.${value.result}`, dtype, shape);
    outside.set(leaf.node as Leaf, value);
    replaced.set(value, leaf);
  }
  const inside = mapLoop(context, scan, (value) => replaced.get(value) ?? value);
  return {
    graph: {
      name: `${around.name}/loop${scan.loop}`,
      batchMax: around.batchMax,
      results: scan.stacks.map(({ value }, i) => ({ name: String(i), value: inside(value) })),
      assignments: scan.carries
        .map(({ leaf, next }) => ({ target: leaf, value: inside(next) }))
        .filter(({ target, value }) => target !== value),
    },
    outside,
  };
}

/** The loop whose body is that graph, made by `openLoop` of the same loop and changed since. */
export function closeLoop(context: GraphContext, scan: Scan, { graph, outside }: LoopBody): Scan {
  const closed = rewriteGraph(context, graph, (node) => {
    const value = node.kind === "leaf" ? outside.get(node) : undefined;
    return value && [value];
  });
  const next = new Map(closed.assignments.map(({ target, value }) => [target, value]));
  const { loop, length, carries, stacks, recompute } = scan;
  invariant(closed.results.length === stacks.length, "the body of a loop lost a result");
  return context.scan({
    loop,
    length,
    recompute,
    carries: carries.map((carry) => ({ ...carry, next: next.get(carry.leaf) ?? carry.leaf })),
    stacks: stacks.map(({ place }, i) => ({ value: closed.results[i]!.value, place })),
  });
}

/** A pass over graphs that also runs on the bodies of loops, inner ones first. */
export function throughLoops(
  pass: (context: GraphContext, graph: Graph) => Graph,
): (context: GraphContext, graph: Graph) => Graph {
  const run = (context: GraphContext, graph: Graph): Graph => {
    if (!context.hasLoops || loopsIn(graph).length === 0) return pass(context, graph);
    const inLoops = rewriteGraph(context, graph, (node) => {
      if (node.kind !== "scan") return undefined;
      const body = openLoop(context, node, graph);
      const changed = run(context, body.graph);
      if (changed === body.graph) return undefined;
      return closeLoop(context, node, { ...body, graph: changed }).values;
    });
    return pass(context, inLoops);
  };
  return run;
}

/** The loops of a graph, inner ones not. */
export function loopsIn(graph: Graph): Scan[] {
  return graphNodes(graph).filter((node): node is Scan => node.kind === "scan");
}
