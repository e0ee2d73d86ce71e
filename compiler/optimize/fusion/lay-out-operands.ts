/**
 * Operands that a loop multiplies by in every iteration, laid out once, before the loop, as register tiles read them: with
 * the columns side by side. Else each iteration would do so anew, as the one that goes back through a recurrent layer
 * with its transposed weights.
 *
 *     scan t < 5 { dh = sum[j] dz[i0, j]·w[i1, j] }      becomes      v = w[i1, i0]; scan t < 5 { dh = sum[j] dz[i0, j]·v[j, i1] }
 */

import {
  type Affine,
  axisAffine,
  loopsOf,
  substituteAffine,
  zeroAffine,
} from "../../graph/affine.ts";
import type { GraphContext } from "../../graph/context.ts";
import { elementsAt, isFixed } from "../../graph/extent.ts";
import { throughLoops } from "../../graph/loops.ts";
import type { Compute, Graph, LoadScalar } from "../../graph/node.ts";
import { rewriteGraph } from "../../graph/rewrite.ts";
import { replaceLoads } from "./copies.ts";
import { axesOfNode, type LinearAccess } from "./linear-access.ts";
import { stridedContraction } from "./strided-contraction.ts";

/** Adds maps only; values stay the same bits. */
export const layOutOperands: (context: GraphContext, graph: Graph) => Graph = throughLoops(
  (context, graph) =>
    rewriteGraph(context, graph, (node) => {
      if (node.kind !== "compute" || node.loops.size === 0) return undefined;
      const contraction = stridedContraction(node, graph.batchMax);
      if (contraction === undefined) return undefined;
      const { run, vectorAxis } = contraction;
      const { node: maker } = run.load.value;
      const isSame = maker.loops.size === node.loops.size;
      if (run.steps[vectorAxis] === 1 || isSame) return undefined;
      const laidOut = withColumnsInRows(context, node, run, vectorAxis, graph.batchMax);
      return (
        laidOut &&
        replaceLoads(context, node, (load) => (load === run.load ? laidOut : load)).values
      );
    }),
);

/** The load from a copy that has the axes it moves along as dimensions, the vector axis last. */
function withColumnsInRows(
  context: GraphContext,
  node: Compute,
  { load, steps }: LinearAccess,
  vectorAxis: number,
  batchMax: number,
): LoadScalar | undefined {
  const { value, index, guard } = load;
  const extents = axesOfNode(node);
  const moved = extents
    .map((_, axis) => axis)
    .filter((axis) => axis !== vectorAxis && steps[axis] !== 0);
  const axes = [...moved, vectorAxis];
  const shape = axes.map((axis) => extents[axis]!);
  const isOfLoop = index.some((at) => loopsOf(at).size > 0);
  if (isOfLoop || !shape.every(isFixed) || !value.shape.every(isFixed)) return undefined;
  // What overlaps, as the windows of a convolution, would grow.
  if (elementsAt(shape, batchMax) > elementsAt(value.shape, batchMax)) return undefined;
  const place = (axis: number): Affine => {
    const at = axes.indexOf(axis);
    return at < 0 ? zeroAffine : axisAffine(at);
  };
  const body = context.load(
    value,
    index.map((at) => substituteAffine(at, place)),
    guard,
  );
  const copy = context.compute({ parallel: shape, body });
  context.inheritOrigins(copy, value.node);
  return context.load(copy.values[0]!, axes.map(axisAffine));
}
