/**
 * Reductions over the batch that read more than a cache holds: of each row of the batch first, then over the rows. What a
 * row has can then be reduced by the task that made it, while it is near, and rows are tasks, where the results would be
 * a single one.
 *
 *     sum[n, y, x] b[n, y, x, c]   =   sum[n] r[n, c]   where r[n, c] = sum[y, x] b[n, y, x, c]
 *
 * Moments of a row take two passes over it, the mean and the deviations from it: that is more exact than one that
 * corrects itself as it goes, and does not divide at each point.
 */

import { axisAffine } from "../../graph/affine.ts";
import { conditionAxes, substituteCondition } from "../../graph/condition.ts";
import type { GraphContext } from "../../graph/context.ts";
import { elementsAt, isFixed } from "../../graph/extent.ts";
import type { Compute, Graph, Scalar, Value } from "../../graph/node.ts";
import type { ReducerName } from "../../graph/reducers.ts";
import { rewriteGraph, substituteAxes } from "../../graph/rewrite.ts";
import type { TargetDescription } from "../target-description.ts";
import { factsOf, type NodeFacts } from "./node-facts.ts";

/** Points that a row has for each result at least, so that those of rows are little to write and to read. */
const fewestPoints = 32;

/** What a reduction may read and stay whole, of the second-level cache. */
const wholeShare = 0.5;

const elementBytes = 4;

/** Reducers r with r over rows of (r of the row) = r over all, if all rows have as many points. */
const nesting: ReadonlySet<ReducerName> = new Set(["sum", "mean", "any", "all"]);

/** Needs nothing; regroups sums, so results may differ in rounding. */
export function reduceRowsFirst(
  context: GraphContext,
  graph: Graph,
  { cacheBytes }: Pick<TargetDescription, "cacheBytes">,
): Graph {
  const facts = factsOf(context, graph.batchMax, { workgroup: null });
  const leastBytes = wholeShare * cacheBytes[1];
  return rewriteGraph(context, graph, (node) =>
    node.kind === "compute" && isLong(node, facts, leastBytes) ? split(context, node) : undefined,
  );
}

/** Whether a reduction to results for all rows alike goes over rows that are worth being reduced one by one. */
function isLong(node: Compute, facts: NodeFacts, leastBytes: number): boolean {
  const { parallel, reduction, reducer, where } = node;
  if (reducer === null || !(nesting.has(reducer) || reducer === "moments")) return false;
  const rows = reduction.filter((extent) => !isFixed(extent));
  if (rows.length !== 1 || !parallel.every(isFixed)) return false;
  // Rows that have other points than their neighbours have another number of them.
  if (conditionAxes(where).has(parallel.length + reduction.indexOf(rows[0]!))) return false;
  const inRow = elementsAt(reduction.filter(isFixed), 1);
  const read = elementsAt([...parallel, ...reduction], facts.batchMax) * elementBytes;
  if (inRow < fewestPoints || read < leastBytes) return false;
  return facts.gathers(node).length === 0 && !facts.isContraction(node);
}

function split(context: GraphContext, node: Compute): readonly Value[] {
  const { parallel, reduction } = node;
  const made = (parts: Parameters<GraphContext["compute"]>[0]): Compute => {
    const compute = context.compute(parts);
    context.inheritOrigins(compute, node);
    return compute;
  };
  const rank = parallel.length;
  const rows = reduction.find((extent) => !isFixed(extent))!;
  const inRow = reduction.filter(isFixed);
  // Axes of the node as those of a row: its place comes first, before the results.
  let next = rank + 1;
  const places = [
    ...parallel.map((_, axis) => axis + 1),
    ...reduction.map((extent) => (isFixed(extent) ? next++ : 0)),
  ];
  const placed = (axis: number) => axisAffine(places[axis]!);
  const body = substituteAxes(context, node.body, placed);
  const where = substituteCondition(node.where, placed);
  const rowBox = { parallel: [rows, ...parallel], reduction: inRow, where };
  const ofRow = (value: Value): Scalar =>
    context.load(
      value,
      rowBox.parallel.map((_, axis) => axisAffine(axis)),
    );
  const overRows = (value: Value, reducer: ReducerName): Compute => {
    const index = [axisAffine(rank), ...parallel.map((_, axis) => axisAffine(axis))];
    return made({ parallel, reduction: [rows], reducer, body: context.load(value, index) });
  };
  if (node.reducer !== "moments") {
    const [part] = made({ ...rowBox, reducer: node.reducer, body }).values;
    return overRows(part!, node.reducer!).values;
  }
  const [mean] = made({ ...rowBox, reducer: "mean", body }).values;
  const deviation = context.call("subtract", body, ofRow(mean!));
  const square = context.call("square", deviation);
  const [variance] = made({ ...rowBox, reducer: "mean", body: square }).values;
  // Of rows with as many points: the mean of the means; the mean of the variances and the variance of the means.
  const between = overRows(mean!, "moments");
  const within = overRows(variance!, "mean");
  const at = parallel.map((_, axis) => axisAffine(axis));
  const sum = context.call(
    "add",
    context.load(within.values[0]!, at),
    context.load(between.values[1]!, at),
  );
  return [between.values[0]!, made({ parallel, body: sum }).values[0]!];
}
