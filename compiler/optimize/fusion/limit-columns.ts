/**
 * For targets that bind few tensors to a kernel: a node that reads more columns of the data than that has those too
 * many gathered into memory first. Tensors in memory can share a binding, as they share arenas; columns cannot.
 *
 *     y = x1[i0] + x2[i0] + … + x9[i0]   →   c5 = x5[i0], …;  y = x1[i0] + … + x4[i0] + c5[i0] + … + c9[i0]
 */

import type { GraphContext } from "../../graph/context.ts";
import type { Graph } from "../../graph/node.ts";
import { rewriteGraph } from "../../graph/rewrite.ts";
import type { WorkgroupLimits } from "../target-description.ts";
import { copyOf, replaceLoads } from "./copies.ts";
import { isColumn } from "./linear-access.ts";

/** What a kernel binds beside columns: the row numbers, and at most each arena. */
const otherBindings = 1 + 3;

/** Needs nothing; adds identity maps only, which must not be moved back into their readers. */
export function limitColumns(
  context: GraphContext,
  graph: Graph,
  { buffers }: WorkgroupLimits,
): Graph {
  const most = buffers - otherBindings;
  return rewriteGraph(context, graph, (node) => {
    if (node.kind !== "compute") return undefined;
    const columns = node.operands.filter(isColumn);
    if (columns.length <= most) return undefined;
    const excess = new Set(columns.slice(most));
    return replaceLoads(context, node, (load) =>
      excess.has(load.value)
        ? context.load(copyOf(context, load.value), load.index, load.guard)
        : load,
    ).values;
  });
}
