/**
 * Reductions whose points lie side by side in runs, a run for each result, as the channels of a group do: of all else
 * first, then of each run. What is read first are then whole vectors of memory, where results would have to gather them.
 *
 *     sum[p, j < 8] x[n, p, 8·g + j]   =   sum[j < 8] y[n, 8·g + j]   where y[n, c] = sum[p] x[n, p, c]
 */

import {
  addAffine,
  axisAffine,
  divAffine,
  modAffine,
  scaleAffine,
  substituteAffine,
} from "../../graph/affine.ts";
import { conditionAxes, substituteCondition } from "../../graph/condition.ts";
import type { GraphContext } from "../../graph/context.ts";
import { type Extent, elementsAt, fixed, isFixed, sizeAt } from "../../graph/extent.ts";
import type { Compute, Graph, Value } from "../../graph/node.ts";
import type { ReducerName } from "../../graph/reducers.ts";
import { mapScalar, rewriteGraph } from "../../graph/rewrite.ts";
import { simplifyAffine, simplifyGuard } from "../simplify-index.ts";
import { axesOfNode, boxOf, memorySteps } from "./linear-access.ts";
import { factsOf, type NodeFacts } from "./node-facts.ts";

/** Points beside those of a run below which results are as many as what is read. */
const fewestOthers = 4;

/** Reducers r with r over runs of (r over all else) = r over all, also of no points. */
const nesting: ReadonlySet<ReducerName> = new Set(["sum", "any", "all"]);

/** A result's axis, and the axis of the points of its run. */
interface Run {
  readonly results: number;
  readonly points: number;
}

/** Needs nothing; regroups sums, so results may differ in rounding. */
export function reduceNeighboursLast(context: GraphContext, graph: Graph): Graph {
  const facts = factsOf(context, graph.batchMax, { workgroup: null });
  return rewriteGraph(context, graph, (node) => {
    if (node.kind !== "compute") return undefined;
    const run = runOf(node, graph.batchMax, facts);
    return run && reduceApart(context, node, run, graph.batchMax);
  });
}

/** The runs of a reduction that is not one of them alone; undefined where vectors find what they read side by side. */
function runOf(node: Compute, batchMax: number, facts: NodeFacts): Run | undefined {
  const { parallel, reducer, where } = node;
  if (reducer === null) return undefined;
  if (!nesting.has(reducer) && !(reducer === "moments" && where.kind === "true")) return undefined;
  const extents = axesOfNode(node);
  const isLong = (axis: number) => sizeAt(extents[axis]!, batchMax) > 1;
  const results = parallel.findLastIndex((_, axis) => isLong(axis));
  if (results < 0 || !isFixed(extents[results]!)) return undefined;
  if (facts.gathers(node).length > 0 || facts.contraction(node) !== undefined) return undefined;
  const box = boxOf(node, batchMax);
  const steps = facts.loads(node).map((load) => memorySteps(load, box));
  // Vectors of results run along memory already, or it is not known how they do. Numbers of a result are read once.
  const moves = (each: readonly (number | undefined)[]) =>
    each.slice(parallel.length).some((step) => step !== 0);
  if (steps.some((each) => each.includes(undefined) || (each[results] === 1 && moves(each))))
    return undefined;
  const points = extents.findIndex(
    (extent, axis) =>
      axis >= parallel.length &&
      isLong(axis) &&
      isFixed(extent) &&
      steps.some((each) => each[axis] === 1 && each[results] === extent.constant),
  );
  if (points < 0) return undefined;
  const others = node.reduction.toSpliced(points - parallel.length, 1);
  if (elementsAt(others, batchMax) < fewestOthers) return undefined;
  const ofRun = conditionAxes(where);
  return ofRun.has(points) || ofRun.has(results) ? undefined : { results, points };
}

function reduceApart(
  context: GraphContext,
  node: Compute,
  { results, points }: Run,
  batchMax: number,
): readonly Value[] {
  const { parallel, reduction, reducer, where, body } = node;
  const rank = parallel.length;
  const width = reduction[points - rank]!.constant;
  const joined: Extent = fixed(parallel[results]!.constant * width);
  const shape = parallel.with(results, joined);
  const others = reduction.toSpliced(points - rank, 1);
  const place = axisAffine(results);
  const replace = (axis: number) => {
    if (axis === results) return divAffine(place, width);
    if (axis === points) return modAffine(place, width);
    return axisAffine(axis > points ? axis - 1 : axis);
  };
  const box = { axes: [...shape, ...others], batchMax };
  const made = (parts: Parameters<GraphContext["compute"]>[0]): Compute => {
    const compute = context.compute(parts);
    context.inheritOrigins(compute, node);
    return compute;
  };
  const apart = made({
    parallel: shape,
    reduction: others,
    reducer,
    where: substituteCondition(where, replace),
    body: mapScalar(context, body, {
      affine: (at) => simplifyAffine(substituteAffine(at, replace), box),
      condition: (c) => simplifyGuard(substituteCondition(c, replace), box),
    }),
  });
  const inRun = shape.map((_, axis) =>
    axis === results
      ? addAffine(scaleAffine(axisAffine(axis), width), axisAffine(rank))
      : axisAffine(axis),
  );
  const ofRuns = (result: number, by: ReducerName) =>
    made({
      parallel,
      reduction: [fixed(width)],
      reducer: by,
      body: context.load(apart.values[result]!, inRun),
    });
  if (reducer !== "moments") return ofRuns(0, reducer!).values;
  // Of parts with as many points: the mean of the means; the mean of the variances and the variance of the means.
  const between = ofRuns(0, "moments");
  const within = ofRuns(1, "mean");
  const own = parallel.map((_, axis) => axisAffine(axis));
  const sum = context.call(
    "add",
    context.load(within.values[0]!, own),
    context.load(between.values[1]!, own),
  );
  return [between.values[0]!, made({ parallel, body: sum }).values[0]!];
}
