/**
 * The first values of what loops carry, each computed by a node of its own: it is stored where the loop goes on to
 * overwrite it, so nothing may read it that runs beside the loop or after it.
 */

import type { GraphContext } from "../../graph/context.ts";
import type { Graph, Node, Scan } from "../../graph/node.ts";
import { rewriteGraph } from "../../graph/rewrite.ts";
import { newCopyOf, type Work, workOf } from "./copies.ts";

/** Adds identity maps only; returns the same graph if each first value has a place of its own. */
export function ownFirstCarries(context: GraphContext, graph: Graph): Graph {
  // A copy may turn out to be a node that others read: then it is copied in turn.
  for (let current = graph; ; ) {
    const next = copyShared(context, current);
    if (next === current) return current;
    current = next;
  }
}

function copyShared(context: GraphContext, graph: Graph): Graph {
  const nodes = workOf(graph);
  if (!nodes.some(({ kind }) => kind === "scan")) return graph;
  const made = new Set(nodes.flatMap(({ values }) => values));
  const kept = new Set([...graph.results, ...graph.assignments].map(({ value }) => value));
  return rewriteGraph(context, graph, (node, original) => {
    if (node.kind !== "scan" || original.kind !== "scan") return undefined;
    const before = ancestorsOf(original);
    const carries = node.carries.map((carry, i) => {
      const { init } = original.carries[i]!;
      if (!kept.has(init) && isOwn(original, i, nodes, before)) return carry;
      const own = newCopyOf(context, carry.init, made);
      made.add(own);
      return { ...carry, init: own };
    });
    if (carries.every((carry, i) => carry === node.carries[i])) return undefined;
    return context.scan({ ...node, carries }).values;
  });
}

/** Whether all else that reads the first value of a carry runs before the loop. */
function isOwn(
  scan: Scan,
  carry: number,
  nodes: readonly Work[],
  before: ReadonlySet<Node>,
): boolean {
  const { carries, stacks } = scan;
  const { init } = carries[carry]!;
  if (init.node.kind !== "compute") return false;
  const ends = [...carries.map(({ next }) => next), ...stacks.map(({ value }) => value)];
  const isCarriedTwice = carries.some((other, i) => i !== carry && other.init === init);
  const isRead = scan.nodes.some((node) => node.kind !== "leaf" && node.operands.includes(init));
  if (isCarriedTwice || isRead || ends.includes(init)) return false;
  return nodes.every((node) => node === scan || before.has(node) || !node.operands.includes(init));
}

/** All nodes that a node depends on. */
function ancestorsOf(node: Work): ReadonlySet<Node> {
  const seen = new Set<Node>();
  const pending: Node[] = [node];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (next.kind === "leaf") continue;
    for (const { node: operand } of next.operands) {
      if (!seen.has(operand)) pending.push(operand);
      seen.add(operand);
    }
  }
  return seen;
}
