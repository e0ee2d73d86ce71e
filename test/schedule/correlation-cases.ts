/** Correlations of one and two axes, forward and as both gradients of one, as graphs with data. */

import {
  type Affine,
  addAffine,
  axisAffine,
  offsetAffine,
  scaleAffine,
} from "../../compiler/graph/affine.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import { batchExtent, type Extent, elementsAt, fixed } from "../../compiler/graph/extent.ts";
import type { LeafRole, Value } from "../../compiler/graph/node.ts";
import { randomNumbers } from "./contraction-cases.ts";
import type { GraphCase } from "./schedule-case.ts";

export interface CorrelationCase {
  /** Places of the forward result along each axis: one or two. */
  readonly sizes: readonly number[];
  readonly channels: number;
  readonly filters: number;
  readonly form: "forward" | "dataGradient" | "filterGradient";
  /** Whether negative sums become 0. */
  readonly isRectified: boolean;
  /** Whether the data are a column, read through the row numbers of the batch. */
  readonly isColumn?: boolean;
}

const taps = 3;

/** A graph with a result for each case, by number, of batches of n of at most `batchMax` rows. */
export function correlationGraph(
  cases: readonly CorrelationCase[],
  [n, batchMax]: readonly [number, number],
): GraphCase {
  const context = new GraphContext();
  const shapes = new Map<string, readonly Extent[]>();
  const leaf = (path: string, shape: readonly Extent[], role: LeafRole = "param"): Value => {
    shapes.set(path, shape);
    return context.leaf(role, path, "f32", shape);
  };
  const results = cases.map((given, i) => ({
    name: `${i}`,
    value: resultOf(context, given, `${i}`, leaf),
  }));
  return {
    context,
    graph: { name: "correlations", batchMax, results, assignments: [] },
    n,
    leaf: (_, path) => randomNumbers(path, elementsAt(shapes.get(path)!, batchMax)),
  };
}

function resultOf(
  context: GraphContext,
  { sizes, channels, filters, form, isRectified, isColumn = false }: CorrelationCase,
  name: string,
  leaf: (path: string, shape: readonly Extent[], role?: LeafRole) => Value,
): Value {
  const data = isColumn ? "input" : "param";
  const rank = sizes.length;
  const places = sizes.map(fixed);
  const wider = sizes.map((size) => fixed(size + taps - 1));
  const widest = sizes.map((size) => fixed(size + 2 * (taps - 1)));
  const offsets = sizes.map(() => fixed(taps));
  const filter = () => leaf(`${name}/w`, [...offsets, fixed(channels), fixed(filters)]);
  const axes = (first: number) => sizes.map((_, d) => axisAffine(first + d));
  const plus = (a: readonly Affine[], b: readonly Affine[]) =>
    a.map((at, d) => addAffine(at, b[d]!));
  const sum = (parallel: Extent[], reduction: Extent[], ...factors: [Value, Affine[]][]) =>
    context.compute({
      parallel,
      reduction,
      reducer: "sum",
      body: context.call(
        "multiply",
        ...factors.map(([value, index]) => context.load(value, index)),
      ),
    });
  const made = () => {
    if (form === "forward") {
      // n, places, filters; taps, channels
      const x = leaf(`${name}/x`, [batchExtent, ...wider, fixed(channels)], data);
      const [column, tap, channel] = [1 + rank, 2 + rank, 2 + 2 * rank];
      return sum(
        [batchExtent, ...places, fixed(filters)],
        [...offsets, fixed(channels)],
        [x, [axisAffine(0), ...plus(axes(1), axes(tap)), axisAffine(channel)]],
        [filter(), [...axes(tap), axisAffine(channel), axisAffine(column)]],
      );
    }
    if (form === "dataGradient") {
      // n, places of the data, channels; taps, filters
      const dy = leaf(`${name}/dy`, [batchExtent, ...widest, fixed(filters)]);
      const [column, tap, filterAxis] = [1 + rank, 2 + rank, 2 + 2 * rank];
      const back = axes(tap).map((at) => offsetAffine(scaleAffine(at, -1), taps - 1));
      return sum(
        [batchExtent, ...wider, fixed(channels)],
        [...offsets, fixed(filters)],
        [dy, [axisAffine(0), ...plus(axes(1), back), axisAffine(filterAxis)]],
        [filter(), [...axes(tap), axisAffine(column), axisAffine(filterAxis)]],
      );
    }
    // taps, channels, filters; n, places
    const x = leaf(`${name}/x`, [batchExtent, ...wider, fixed(channels)], data);
    const dy = leaf(`${name}/dy`, [batchExtent, ...places, fixed(filters)]);
    const [channel, column, row, place] = [rank, rank + 1, rank + 2, rank + 3];
    return sum(
      [...offsets, fixed(channels), fixed(filters)],
      [batchExtent, ...places],
      [x, [axisAffine(row), ...plus(axes(place), axes(0)), axisAffine(channel)]],
      [dy, [axisAffine(row), ...axes(place), axisAffine(column)]],
    );
  };
  const value = made().values[0]!;
  if (!isRectified) return value;
  const body = context.call(
    "maximum",
    context.constant(0, "f32"),
    context.load(
      value,
      value.shape.map((_, d) => axisAffine(d)),
    ),
  );
  return context.compute({ parallel: value.shape, body }).values[0]!;
}
