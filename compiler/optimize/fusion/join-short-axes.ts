/**
 * Joins the last two axes of maps and sums of products whose last one is shorter than a vector, as the channels of a group
 * and the outputs of a channel are: the lanes of a vector then run along both. What is the same along the short axis is
 * read at a quotient of the lanes, which is one vector of memory put in another order.
 *
 *     y[p, c, m < 2] = sum[k] x[p + k, c]·w[k, c, m]   →   y[p, j] = sum[k] x[p + k, j div 2]·w[k, j div 2, j mod 2]
 *
 * A register tile along so few columns would compute mostly nothing.
 */

import { axesOf } from "../../graph/affine.ts";
import { conditionAxes } from "../../graph/condition.ts";
import { type GraphContext, loadsOf, visitScalars } from "../../graph/context.ts";
import { isFixed, sizeAt } from "../../graph/extent.ts";
import type { Compute, Graph, Node } from "../../graph/node.ts";
import { knownNodes } from "../../graph/rewrite.ts";
import type { TargetDescription } from "../target-description.ts";
import { joinPair, withJoinedAxes } from "./joined-axes.ts";
import { boxOf, memorySteps } from "./linear-access.ts";
import { isProductSum } from "./prepare-products.ts";

/** Short axes that a vector has room for, from which on it is filled by joining them: of products, rather than by tiles. */
const fewestRuns = { map: 2, product: 4 } as const;

/** Needs nothing; values stay the same but for products that are rounded apart; what the graph keeps has its shape. */
export function joinShortAxes(
  context: GraphContext,
  graph: Graph,
  { vectorLanes }: Pick<TargetDescription, "vectorLanes">,
): Graph {
  const ofScatters = madeOfScatters(knownNodes(context, graph));
  return withJoinedAxes(context, graph, (rebuilt, node) => {
    if (ofScatters.has(node)) return undefined;
    const axis = shortAxis(rebuilt, graph.batchMax, vectorLanes);
    return axis === undefined ? undefined : joinPair(context, rebuilt, axis - 1);
  });
}

/** Maps of what scatters make, which keep its shape: they may be computed where it adds alone, see `sparse-updates.ts`. */
function madeOfScatters(nodes: readonly Node[]): ReadonlySet<Node> {
  const made = new Set<Node>();
  for (const node of nodes) {
    if (node.kind !== "compute" || node.reducer !== null) continue;
    const isMade = (from: Node) => from.kind === "scatter" || made.has(from);
    if (node.operands.some((value) => isMade(value.node))) made.add(node);
  }
  return made;
}

/** The short axis of a node that vectors had better run over together with the axis before. */
function shortAxis(node: Compute, batchMax: number, lanes: number): number | undefined {
  const { parallel, reducer, body } = node;
  if (reducer !== null && !isProductSum(node)) return undefined;
  const axis = parallel.findLastIndex((extent) => sizeAt(extent, batchMax) > 1);
  const [runs, short] = [parallel[axis - 1], parallel[axis]];
  if (runs === undefined || !isFixed(runs) || !isFixed(short!)) return undefined;
  const width = short!.constant;
  const fewest = fewestRuns[reducer === null ? "map" : "product"];
  if (lanes % width !== 0 || fewest * width > lanes || width * runs.constant < lanes)
    return undefined;
  if (namesAxes(node, [axis - 1, axis])) return undefined;
  const box = boxOf(node, batchMax);
  const steps = loadsOf(body).map((load) => memorySteps(load, box));
  // One operand is read as it runs, the other within a vector.
  type Steps = readonly (number | undefined)[];
  const isRun = (each: Steps) => each[axis] === 1 && each[axis - 1] === width;
  const isNear = (each: Steps) =>
    each[axis] === 0 && Math.abs(each[axis - 1] ?? lanes) * (lanes / width - 1) < lanes;
  return steps.some(isRun) && steps.every((each) => isRun(each) || isNear(each)) ? axis : undefined;
}

/** Whether more than where loads read depends on one of the axes. */
function namesAxes({ where, body }: Compute, axes: readonly number[]): boolean {
  const isAbout = (of: ReadonlySet<number>) => axes.some((axis) => of.has(axis));
  let found = isAbout(conditionAxes(where));
  visitScalars(body, (scalar) => {
    if (scalar.kind === "load") found ||= isAbout(conditionAxes(scalar.guard));
    else if (scalar.kind === "condition") found ||= isAbout(conditionAxes(scalar.condition));
    else if (scalar.kind === "index" || scalar.kind === "random")
      found ||= isAbout(axesOf(scalar.index));
    else if (scalar.kind === "gather") found = true;
  });
  return found;
}
