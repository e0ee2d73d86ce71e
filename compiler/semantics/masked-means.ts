/**
 * Sums and means of masked values in losses and metrics. A term that the mask leaves out counts nothing, not even where
 * it is NaN, and a mean is over those that are left: its terms are weighed by mask·count/valid, as in Keras, which is
 * what sample weights then multiply. A metric adds up terms and masks apart, over all batches.
 */

import { axisAffine, extentAffine } from "../graph/affine.ts";
import type { GraphContext } from "../graph/context.ts";
import type { Compute, Scalar, Value } from "../graph/node.ts";
import { reduceAxes } from "./tensors/reduce.ts";

/** What a mean weighed by a mask is made of. */
export interface MaskedMean {
  /** The mean of the terms, 0 where they are masked, over all of them. */
  readonly terms: Compute;
  /** The share of the terms that the mask leaves. */
  readonly share: Compute;
}

/** The means over masked values that an expression was found to have. */
export type MaskedMeans = Map<Value, MaskedMean>;

/** The sum or mean of x (f32) over axes among which are all of its mask's. */
export function reduceMasked(
  context: GraphContext,
  reducer: "sum" | "mean",
  { value: x, mask }: { readonly value: Value; readonly mask: Value },
  axes: readonly number[],
  keepDims: boolean,
  means: MaskedMeans,
): readonly Value[] {
  const isReal = context.load(mask, axisAffines(mask));
  const own = context.load(x, axisAffines(x));
  const terms = (weigh: (term: Scalar) => Scalar): Value => {
    const body = context.call("select", isReal, weigh(own), context.constant(0, "f32"));
    return context.compute({ parallel: x.shape, body }).values[0]!;
  };
  const reduce = (of: Value) => reduceAxes(context, reducer, of, axes, keepDims);
  const plain = reduce(terms((term) => term));
  if (reducer === "sum") return plain;
  const real = context.compute({
    parallel: mask.shape,
    body: context.cast(isReal, "f32"),
  }).values[0]!;
  const overAll = (kind: "sum" | "mean") =>
    reduceAxes(context, kind, real, axesOf(mask), false)[0]!;
  const valid = context.load(overAll("sum"), []);
  // Where nothing is valid all terms are 0 already.
  const weight = context.call(
    "divide",
    count(context, mask),
    context.call("maximum", valid, context.constant(1, "f32")),
  );
  const ratio = context.compute({ parallel: [], body: weight }).values[0]!;
  const weighed = reduce(terms((term) => context.call("multiply", term, context.load(ratio, []))));
  const share = overAll("mean");
  if (plain[0]!.node.kind === "compute" && share.node.kind === "compute") {
    means.set(weighed[0]!, { terms: plain[0]!.node, share: share.node });
  }
  return weighed;
}

const axesOf = ({ shape }: Value) => shape.map((_, d) => d);
const axisAffines = ({ shape }: Value) => shape.map((_, d) => axisAffine(d));

/** The number of the mask's elements, as f32. */
function count(context: GraphContext, { shape }: Value): Scalar {
  const [first, ...others] = shape;
  const inner = others.reduce((product, { constant }) => product * constant, 1);
  const extent = { batch: first!.batch * inner, constant: first!.constant * inner };
  return context.cast(context.index(extentAffine(extent)), "f32");
}
