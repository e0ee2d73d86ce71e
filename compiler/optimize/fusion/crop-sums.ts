/**
 * Sums with nothing to add outside of an interval of a parallel axis, as the gradients of slices are: the sum is
 * done over the interval only, and who reads it finds zeros around.
 *
 *     y[i < 12] = sum[j] where 4 <= i < 8: a[i − 4, j]·b[j]   →   c[i < 4] = sum[j] a[i, j]·b[j];  y[i] = c[i − 4]{4 <= i < 8}
 */

import {
  type Affine,
  axisAffine,
  offsetAffine,
  scaleAffine,
  substituteAffine,
} from "../../graph/affine.ts";
import {
  always,
  and,
  type Condition,
  conditionAxes,
  conditionLoops,
  conjuncts,
  evaluateCondition,
  mapCondition,
  nonnegative,
} from "../../graph/condition.ts";
import type { GraphContext } from "../../graph/context.ts";
import { type Extent, fixed, isFixed } from "../../graph/extent.ts";
import type { Compute, Graph, Value } from "../../graph/node.ts";
import { mapScalar, rewriteGraph } from "../../graph/rewrite.ts";
import { type Box, simplifyAffine } from "../simplify-index.ts";
import { axesOfNode } from "./linear-access.ts";

/** Axes longer than this are not searched for the points that a condition holds at. */
const longestAxis = 1 << 16;

/** Needs nothing; adds maps that only move; values stay the same bits. */
export function cropSums(context: GraphContext, graph: Graph): Graph {
  return rewriteGraph(context, graph, (node) => {
    if (node.kind !== "compute" || node.reducer !== "sum" || node.where.kind === "true") {
      return undefined;
    }
    return cropped(context, node, graph.batchMax);
  });
}

interface Interval {
  readonly first: number;
  readonly length: number;
}

function cropped(
  context: GraphContext,
  node: Compute,
  batchMax: number,
): readonly Value[] | undefined {
  const intervals = new Map<number, Interval>();
  node.parallel.forEach((extent, axis) => {
    const interval = intervalOf(node, axis, extent);
    if (interval !== undefined) intervals.set(axis, interval);
  });
  if (intervals.size === 0) return undefined;

  const parallel = node.parallel.map((extent, axis) => {
    const interval = intervals.get(axis);
    return interval === undefined ? extent : fixed(interval.length);
  });
  const replace = (axis: number): Affine =>
    offsetAffine(axisAffine(axis), intervals.get(axis)?.first ?? 0);
  const box: Box = { axes: [...parallel, ...node.reduction], batchMax };
  const affine = (a: Affine): Affine => simplifyAffine(substituteAffine(a, replace), box);
  const condition = (c: Condition): Condition => mapCondition(c, affine);
  const left = conjuncts(node.where).filter((part) => !intervals.has(soleAxis(part) ?? -1));
  const content = context.compute({
    parallel,
    reduction: node.reduction,
    reducer: node.reducer,
    where: condition(and(...left)),
    body: mapScalar(context, node.body, { affine, condition }),
  });
  context.inheritOrigins(content, node);

  const index = parallel.map((_, axis) =>
    offsetAffine(axisAffine(axis), -(intervals.get(axis)?.first ?? 0)),
  );
  const guard = and(
    ...[...intervals].map(([axis, interval]) => within(axis, interval, node.parallel[axis]!)),
  );
  const body = context.load(content.values[0]!, index, guard);
  return context.compute({ parallel: node.parallel, body }).values;
}

/** The points of an axis that a sum has anything at, if they are some in a row and not all. */
function intervalOf(node: Compute, axis: number, extent: Extent): Interval | undefined {
  if (!isFixed(extent) || extent.constant > longestAxis) return undefined;
  const parts = conjuncts(node.where).filter((part) => soleAxis(part) === axis);
  if (parts.length === 0) return undefined;
  const point = axesOfNode(node).map(() => 0);
  const holds: number[] = [];
  for (let at = 0; at < extent.constant; at++) {
    point[axis] = at;
    if (parts.every((part) => evaluateCondition(part, point, 1))) holds.push(at);
  }
  const [first] = holds;
  const isRun = first !== undefined && holds.at(-1) === first + holds.length - 1;
  return isRun && holds.length < extent.constant ? { first, length: holds.length } : undefined;
}

/** The only thing that a condition depends on, if that is an axis. */
function soleAxis(part: Condition): number | undefined {
  const axes = [...conditionAxes(part)];
  return axes.length === 1 && conditionLoops(part).size === 0 && !dependsOnBatch(part)
    ? axes[0]
    : undefined;
}

function dependsOnBatch(part: Condition): boolean {
  let depends = false;
  mapCondition(part, (value) => {
    depends ||= value.batch !== 0;
    return value;
  });
  return depends;
}

function within(axis: number, { first, length }: Interval, extent: Extent): Condition {
  const after = offsetAffine(axisAffine(axis), -first);
  const last = first + length - 1;
  const before = offsetAffine(scaleAffine(axisAffine(axis), -1), last);
  return and(
    first === 0 ? always : nonnegative(after),
    last === extent.constant - 1 ? always : nonnegative(before),
  );
}
