/**
 * Cuts reductions in two, so that each part finds more to run at the same time.
 *
 * A reduction over the batch and over each of its rows becomes one along each row, then one over the rows. The first
 * part can then be computed where the row is, with what made it; the second has little to read.
 *
 *     sum[n, c] b   =   sum[n] (sum[c] b)        mean[n, c] b   =   mean[n] (mean[c] b)
 *
 * On targets with workgroups, reductions of many points to few results are cut into chunks as well
 * (`chunk-reductions.ts`); on those without, reductions of runs are those of all else first (`reduce-neighbours.ts`),
 * and long ones those of each row (`reduce-rows-first.ts`).
 */

import { axisAffine } from "../../graph/affine.ts";
import type { GraphContext } from "../../graph/context.ts";
import { isFixed } from "../../graph/extent.ts";
import type { Compute, Graph, Value } from "../../graph/node.ts";
import type { ReducerName } from "../../graph/reducers.ts";
import { rewriteGraph } from "../../graph/rewrite.ts";
import type { TargetDescription } from "../target-description.ts";
import { chunkReductions } from "./chunk-reductions.ts";
import { reduceNeighboursLast } from "./reduce-neighbours.ts";
import { reduceRowsFirst } from "./reduce-rows-first.ts";

/** Reducers r with r over rows of (r along the row) = r over all, if all rows have as many points. */
const nesting: ReadonlySet<ReducerName> = new Set(["sum", "mean", "any", "all"]);

/** Needs nothing; regroups sums, so results may differ in rounding. */
export function splitReductions(
  context: GraphContext,
  graph: Graph,
  target: TargetDescription,
): Graph {
  const { workgroup } = target;
  const byRows = rewriteGraph(context, graph, (node) =>
    node.kind === "compute" ? split(context, node) : undefined,
  );
  return workgroup === null
    ? reduceRowsFirst(context, reduceNeighboursLast(context, byRows), target)
    : chunkReductions(context, byRows, workgroup);
}

function split(context: GraphContext, node: Compute): readonly Value[] | undefined {
  const { parallel, reduction, reducer, where, body } = node;
  const [rows, ...rest] = reduction;
  if (reducer === null || !nesting.has(reducer) || where.kind !== "true") return undefined;
  if (parallel.length > 0 || rows === undefined || isFixed(rows) || rest.length === 0) {
    return undefined;
  }
  // Axes keep their numbers: the rows' axis comes first among the reduction axes, and there are no others.
  const alongRows = context.compute({ parallel: [rows], reduction: rest, reducer, body });
  context.inheritOrigins(alongRows, node);
  const total = context.compute({
    parallel,
    reduction: [rows],
    reducer,
    body: context.load(alongRows.values[0]!, [axisAffine(0)]),
  });
  context.inheritOrigins(total, node);
  return total.values;
}
