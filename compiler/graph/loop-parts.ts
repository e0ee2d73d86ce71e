/** Which nodes of a loop's body have to wait for the step before. */

import type { Compute, Node, Scan, Scatter } from "./node.ts";

/**
 * Nodes of the body that depend on a carry, and those that only a loop can compute: loops within, and calls, whose
 * derivatives are not those of what they compute. The others could be computed for all steps at once.
 */
export function boundNodes({ loop, nodes }: Scan): ReadonlySet<Node> {
  const bound = new Set<Node>();
  for (const node of nodes) {
    const isBound =
      (node.kind !== "compute" && node.kind !== "scatter") ||
      node.operands.some((value) => value.node.loops.has(loop) && bound.has(value.node));
    if (isBound) bound.add(node);
  }
  return bound;
}

/** The others, operands before users. */
export function freeNodes(scan: Scan): readonly (Compute | Scatter)[] {
  const bound = boundNodes(scan);
  return scan.nodes.filter(
    (node): node is Compute | Scatter =>
      (node.kind === "compute" || node.kind === "scatter") && !bound.has(node),
  );
}
