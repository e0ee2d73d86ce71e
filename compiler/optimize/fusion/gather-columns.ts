/**
 * Materialises the rows of a batch once where a contraction reads a column of the data directly: a column's
 * rows lie wherever the batch takes them from, and a register tile wants them side by side.
 */

import type { GraphContext } from "../../graph/context.ts";
import type { Compute, Graph } from "../../graph/node.ts";
import { rewriteGraph } from "../../graph/rewrite.ts";
import { copyOf, replaceLoads } from "./copies.ts";
import { isColumn } from "./linear-access.ts";

export function gatherColumns(context: GraphContext, graph: Graph): Graph {
  return rewriteGraph(context, graph, (node) => {
    if (node.kind !== "compute" || !isProductSum(node)) return undefined;
    return replaceLoads(context, node, (load) =>
      isColumn(load.value)
        ? context.load(copyOf(context, load.value), load.index, load.guard)
        : load,
    ).values;
  });
}

/** A sum of a product of two loads. */
export function isProductSum({ reducer, body }: Compute): boolean {
  return (
    reducer === "sum" &&
    body.kind === "call" &&
    body.fn === "multiply" &&
    body.args.every((arg) => arg.kind === "load")
  );
}
