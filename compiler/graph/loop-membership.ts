/** Which loops a node belongs to, and which nodes a loop consists of. */

import { loopsOf } from "./affine.ts";
import { conditionLoops } from "./condition.ts";
import type { Node, Scalar, Value } from "./node.ts";
import { visitScalars } from "./traversal.ts";

export const noLoops: ReadonlySet<number> = new Set();

/** The loops that what is computed of these operands by these scalars depends on. */
export function loopsAround(
  operands: readonly Value[],
  scalars: readonly Scalar[],
  mentioned: ReadonlySet<number> = noLoops,
): ReadonlySet<number> {
  const loops = new Set(mentioned);
  for (const { node } of operands) for (const loop of node.loops) loops.add(loop);
  for (const scalar of scalars) {
    visitScalars(scalar, (part) => {
      if (part.kind === "index" || part.kind === "random") loopsOf(part.index, loops);
      else if (part.kind === "condition") conditionLoops(part.condition, loops);
      else if (part.kind === "load") {
        for (const index of part.index) loopsOf(index, loops);
        conditionLoops(part.guard, loops);
      }
    });
  }
  return loops.size === 0 ? noLoops : loops;
}

/** The nodes that the ends of a loop's body reach and that depend on the loop, operands before users. */
export function bodyNodes(loop: number, ends: readonly Value[]): Node[] {
  const seen = new Set<Node>();
  const pending = ends.map(({ node }) => node);
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (seen.has(node) || !node.loops.has(loop)) continue;
    seen.add(node);
    if (node.kind !== "leaf") pending.push(...node.operands.map((value) => value.node));
  }
  return [...seen].sort((a, b) => a.id - b.id);
}
