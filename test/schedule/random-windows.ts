/**
 * Random sums over windows: of products of two tensors, one read along several axes at once, where what is read exists and
 * further conditions hold. Loops over their places are bounded by those conditions, runs of places have loops of their own,
 * and neighbouring sums are added up side by side: what depends on which axes bound which others, of any layer or of none.
 */

import fc from "fast-check";
import {
  type Affine,
  addAffine,
  axisAffine,
  offsetAffine,
  scaleAffine,
} from "../../compiler/graph/affine.ts";
import { rangeOf } from "../../compiler/graph/affine-range.ts";
import {
  and,
  type Condition,
  divides,
  inRange,
  nonnegative,
  not,
  or,
  zero,
} from "../../compiler/graph/condition.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import { batchExtent, type Extent, elementsAt, fixed } from "../../compiler/graph/extent.ts";
import type { Graph, Value } from "../../compiler/graph/node.ts";
import { printGraph } from "../../compiler/graph/print.ts";
import type { RandomGraph } from "../graph/random-graph.ts";
import { axes, Choices } from "../graph/random-steps.ts";
import { randomNumbers } from "./contraction-cases.ts";

/** The graph of one such sum, with the derivatives by what it reads where it is a sum. */
export function randomWindows(): fc.Arbitrary<RandomGraph> {
  return fc
    .record({
      n: fc.integer({ min: 1, max: 5 }),
      spare: fc.integer({ min: 0, max: 3 }),
      choices: fc.array(fc.nat(1000), { minLength: 48, maxLength: 48 }),
    })
    .map(({ n, spare, choices }) => windowsOf(n, n + spare, new Choices(choices)));
}

interface Space {
  readonly parallel: readonly Extent[];
  readonly reduction: readonly Extent[];
  readonly batchMax: number;
}

function windowsOf(n: number, batchMax: number, take: Choices): RandomGraph {
  const context = new GraphContext();
  const batch = take.of(["none", "parallel", "reduction"] as const);
  const isOfBatch = (kind: typeof batch, i: number) => batch === kind && i === 0;
  const channels = fixed(take.of([3, 4, 8, 16, 21, 40]));
  const places = Array.from({ length: take.between(1, 2) }, (_, i) =>
    isOfBatch("parallel", i) ? batchExtent : fixed(take.between(1, 9)),
  );
  const reduction = Array.from({ length: take.between(1, 2) }, (_, i) =>
    isOfBatch("reduction", i) ? batchExtent : fixed(take.between(1, 7)),
  );
  const space = { parallel: [...places, channels], reduction, batchMax };
  const extents = [...space.parallel, ...reduction];
  const first = places.length + 1;
  const channel = axisAffine(places.length);
  const summed = axes(reduction.length, first);
  // Of those of the batch each place is read; the others are read together, or apart, or not at all.
  const x = windowIndex(space, axes(places.length), summed, take);
  const isRow = (place: Affine) => extents[axisOf(place)] === batchExtent;
  const some = subset([...axes(places.length), ...summed], take);
  const w = [...some.filter(isRow), ...some.filter((place) => !isRow(place))];
  const leaves = new Map<string, Value>();
  const leaf = (path: string, shape: readonly Extent[]): Value => {
    const isColumn = shape[0] === batchExtent;
    const value = context.leaf(isColumn ? "input" : "param", path, "f32", shape);
    leaves.set(path, value);
    return value;
  };
  const wShape = w.map((index) => extents[axisOf(index)]!);
  const body = context.call(
    "multiply",
    context.load(leaf("x", [...x.shape, channels]), [...x.index, channel]),
    context.load(leaf("w", [...wShape, channels]), [...w, channel]),
  );
  const reducer = take.of(["sum", "sum", "max"] as const);
  const [y] = context.compute({
    parallel: space.parallel,
    reduction,
    where: and(x.where, ...conditions(extents.length, places.length, take)),
    reducer,
    body,
  }).values;
  const isDerived = reducer === "sum";
  const graph: Graph = {
    name: "windows",
    batchMax,
    results: [{ name: "y", value: y! }, ...(isDerived ? [lossOf(context, y!)] : [])],
    assignments: isDerived ? updatesOf(context, [...leaves.values()]) : [],
  };
  return {
    context,
    graph,
    n,
    leaf: (_role, path) => randomNumbers(path, elementsAt(leaves.get(path)!.shape, batchMax)),
    params: [...leaves.values()],
    [fc.toStringMethod]: () => `N = ${n}:\n${printGraph(graph)}`,
  };
}

/** What a tensor is read at by places and places summed over, with its shape, and where that is in it. */
function windowIndex(
  { parallel, reduction, batchMax }: Space,
  places: readonly Affine[],
  summed: readonly Affine[],
  take: Choices,
): {
  readonly index: readonly Affine[];
  readonly shape: readonly Extent[];
  readonly where: Condition;
} {
  const extents = [...parallel, ...reduction];
  const isRow = (place: Affine) => extents[axisOf(place)] === batchExtent;
  const rows = [...places, ...summed].filter(isRow);
  const [others, bound] = [places, summed].map((all) => all.filter((place) => !isRow(place)));
  const count = Math.max(others!.length, bound!.length);
  const windows = Array.from({ length: count }, (_, i) => {
    const terms = [others![i], bound![i]].filter((term) => term !== undefined);
    const scaled = terms.map((term) => scaleAffine(term, take.of([1, 1, 1, 1, 1, 2, -1])));
    const index = offsetAffine(
      scaled.reduce((sum, term) => addAffine(sum, term)),
      take.between(-2, 2),
    );
    const extent = fixed(take.between(1, Math.max(2, rangeOf(index, extents, batchMax).max + 1)));
    return { index, extent };
  });
  const isShifted = rows.length > 0 && take.below(3) === 0;
  const shifted = rows.map((row) => offsetAffine(row, isShifted ? take.of([-1, 1]) : 0));
  return {
    index: [...shifted, ...windows.map(({ index }) => index)],
    shape: [...rows.map(() => batchExtent), ...windows.map(({ extent }) => extent)],
    where: and(
      ...shifted.map((index) => inRange(index, batchExtent)),
      ...windows.map(({ index, extent }) => inRange(index, extent)),
    ),
  };
}

/** Up to two conditions on an axis that is summed over and others. */
function conditions(axisCount: number, placeCount: number, take: Choices): readonly Condition[] {
  return Array.from({ length: take.below(3) }, () => {
    const bounded = axisAffine(take.between(placeCount + 1, axisCount - 1));
    const other = axisAffine(take.below(axisCount));
    const value = offsetAffine(
      addAffine(
        scaleAffine(bounded, take.of([1, 1, -1, 2])),
        scaleAffine(other, take.of([0, -1, -1, 1, 2])),
      ),
      take.between(-2, 4),
    );
    const kinds = [zero(value), divides(2, value), not(divides(3, value))];
    const single = take.below(3) === 0 ? take.of(kinds) : nonnegative(value);
    return take.below(8) === 0 ? or(single, nonnegative(offsetAffine(other, -1))) : single;
  });
}

function subset(all: readonly Affine[], take: Choices): readonly Affine[] {
  const some = all.filter(() => take.below(2) > 0);
  return some.length === 0 ? all.slice(-1) : some;
}

function axisOf({ terms }: Affine): number {
  const atom = terms[0]?.atom;
  return atom?.kind === "axis" ? atom.axis : -1;
}

/** A scalar by which all of the value's elements have different derivatives. */
function lossOf(context: GraphContext, value: Value): Graph["results"][number] {
  const loaded = context.load(value, axes(value.shape.length));
  const body = context.call("multiply", loaded, loaded);
  const mean = context.compute({ parallel: [], reduction: value.shape, reducer: "mean", body });
  return { name: "loss", value: mean.values[0]! };
}

function updatesOf(context: GraphContext, leaves: readonly Value[]): Graph["assignments"] {
  return leaves.flatMap((target) => {
    const { node, shape } = target;
    if (node.kind !== "leaf" || node.role !== "param") return [];
    const gradient = context.load(
      context.leaf("gradient", node.path, "f32", shape),
      axes(shape.length),
    );
    const body = context.call("subtract", context.load(target, axes(shape.length)), gradient);
    return [{ target, value: context.compute({ parallel: shape, body }).values[0]! }];
  });
}
