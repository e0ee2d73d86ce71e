/** Convolutions of any number of spatial axes, and their derivatives, as graphs with data. */

import { gradientsOf } from "../../../compiler/autodiff/differentiate.ts";
import {
  addAffine,
  axisAffine,
  divAffine,
  offsetAffine,
  scaleAffine,
} from "../../../compiler/graph/affine.ts";
import { and, inRange } from "../../../compiler/graph/condition.ts";
import { GraphContext } from "../../../compiler/graph/context.ts";
import { batchExtent, elementsAt, fixed } from "../../../compiler/graph/extent.ts";
import type { Graph, LeafRole, Value } from "../../../compiler/graph/node.ts";
import { verifyGraph } from "../../../compiler/graph/verify.ts";
import { simplify } from "../../../compiler/optimize/simplify.ts";
import { randomNumbers } from "../contraction-cases.ts";

export interface ConvolutionCase {
  /** By spatial axis. */
  readonly size: readonly number[];
  readonly kernel: readonly number[];
  readonly stride?: number;
  readonly dilation?: number;
  readonly padding?: number;
  readonly channels: readonly [inner: number, outer: number];
  readonly groups?: number;
  readonly batch: readonly [n: number, max: number];
}

export interface ConvolutionGraph {
  readonly context: GraphContext;
  readonly graph: Graph;
  readonly n: number;
  readonly leaf: (role: LeafRole, path: string) => Float64Array;
}

/** y[n, p, o] = Σ x[n, p·stride + k·dilation − padding, c] · w[k, c, o], its input and its weight gradient. */
export function convolutionGraph(spec: ConvolutionCase): ConvolutionGraph {
  const { size, kernel, stride = 1, dilation = 1, padding = 0, groups = 1 } = spec;
  const [inner, outer] = spec.channels;
  const [n, batchMax] = spec.batch;
  const rank = size.length;
  const [innerOfGroup, outerOfGroup] = [inner / groups, outer / groups];
  const context = new GraphContext();
  const outSize = size.map(
    (each, i) => Math.floor((each + 2 * padding - dilation * (kernel[i]! - 1) - 1) / stride) + 1,
  );
  const x = context.leaf("param", "x", "f32", [batchExtent, ...size.map(fixed), fixed(inner)]);
  const w = context.leaf("param", "w", "f32", [
    ...kernel.map(fixed),
    fixed(innerOfGroup),
    fixed(outer),
  ]);
  const channelAxis = rank + 1;
  const taps = kernel.map((_, i) => axisAffine(channelAxis + 1 + i));
  const inChannel = axisAffine(channelAxis + 1 + rank);
  const places = size.map((_, i) =>
    offsetAffine(
      addAffine(scaleAffine(axisAffine(1 + i), stride), scaleAffine(taps[i]!, dilation)),
      -padding,
    ),
  );
  const group = divAffine(axisAffine(channelAxis), outerOfGroup);
  const channel = addAffine(
    groups === 1 ? scaleAffine(group, 0) : scaleAffine(group, innerOfGroup),
    inChannel,
  );
  const product = context.call(
    "multiply",
    context.load(x, [axisAffine(0), ...places, channel]),
    context.load(w, [...taps, inChannel, axisAffine(channelAxis)]),
  );
  const y = context.compute({
    parallel: [batchExtent, ...outSize.map(fixed), fixed(outer)],
    reduction: [...kernel.map(fixed), fixed(innerOfGroup)],
    reducer: "sum",
    where: and(...places.map((place, i) => inRange(place, fixed(size[i]!)))),
    body: product,
  }).values[0]!;
  const axes = y.shape.map((_, axis) => axisAffine(axis));
  const cotangent = context.leaf("state", "c", "f32", y.shape);
  const loss = context.compute({
    parallel: [],
    reduction: y.shape,
    reducer: "sum",
    body: context.call("multiply", context.load(y, axes), context.load(cotangent, axes)),
  }).values[0]!;
  const gradients = gradientsOf(context, loss, [x, w], batchMax);
  const graph = simplify(context, {
    name: "convolution",
    batchMax,
    results: [
      { name: "y", value: y },
      { name: "dx", value: gradients.get(x)! },
      { name: "dw", value: gradients.get(w)! },
    ],
    assignments: [],
  });
  verifyGraph(graph);
  const shapes: Readonly<Record<string, Value>> = { x, w, c: cotangent };
  const leaf = (_role: LeafRole, path: string) =>
    randomNumbers(path, elementsAt(shapes[path]!.shape, batchMax));
  return { context, graph, n, leaf };
}
