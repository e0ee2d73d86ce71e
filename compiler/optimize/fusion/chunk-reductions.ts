/**
 * Two-stage reductions for devices that run many workgroups at once: where few results are made of very many points
 * (a bias gradient over all pixels of a batch, the norm of all gradients), the reduction axes are cut into chunks,
 * each reduced by a workgroup of its own, and the parts are then reduced to the results. Chunks are literals, so
 * that a result has the same bits on every device.
 *
 *     sum[n, y, x] b[n, y, x, c]   =   sum[k] (sum[j, y, x] b[4k + j, y, x, c])
 *
 * Left whole: reductions that name a point by its number, means and moments with points left out, and moments that do
 * not fall into equal chunks.
 */

import {
  type Affine,
  addAffine,
  axisAffine,
  extentAffine,
  offsetAffine,
  scaleAffine,
  subtractAffine,
} from "../../graph/affine.ts";
import { and, type Condition, nonnegative, substituteCondition } from "../../graph/condition.ts";
import type { GraphContext } from "../../graph/context.ts";
import { type Extent, elementsAt, fixed, isFixed, sizeAt } from "../../graph/extent.ts";
import type { Compute, Graph, Scalar, Value } from "../../graph/node.ts";
import type { ReducerName } from "../../graph/reducers.ts";
import { rewriteGraph, substituteAxes } from "../../graph/rewrite.ts";
import type { WorkgroupLimits } from "../target-description.ts";
import { runsAlongReduction } from "./node-facts.ts";
import { isProductSum } from "./prepare-products.ts";
import { tiledContraction } from "./tiled-contraction.ts";

/** Points a thread above which a reduction is cut: rows longer than that are computed by themselves. */
const mostPoints = { numbers: 16, results: 64 } as const;

/** Points a thread that a chunk has at least. */
const leastPoints = 8;

/** Workgroups to cut a reduction into, as a multiple of those that run at the same time. */
const waves = 4;

const elementBytes = 4;

/** Threads that read the points of neighbouring results, where those lie side by side. */
const accessThreads = 32;

/** Reducers that reduce their own results as they reduce points, also those of no points. */
const nesting: ReadonlySet<ReducerName> = new Set([
  "sum",
  "prod",
  "any",
  "all",
  "max",
  "min",
  "logsumexp",
]);

/** Needs nothing; regroups sums, so results may differ in rounding. */
export function chunkReductions(
  context: GraphContext,
  graph: Graph,
  limits: WorkgroupLimits,
): Graph {
  const read = readValues(graph);
  const chunk = new Chunker(context, graph.batchMax, limits);
  return rewriteGraph(context, graph, (node, original) =>
    node.kind === "compute"
      ? chunk.rewrite(node, (result) => read.has(original.values[result]!))
      : undefined,
  );
}

/** Values that anything reads. */
function readValues({ results, assignments }: Graph): ReadonlySet<Value> {
  const read = new Set<Value>();
  const visit = (value: Value): void => {
    if (read.has(value)) return;
    read.add(value);
    if (value.node.kind !== "leaf") value.node.operands.forEach(visit);
  };
  for (const { value } of [...results, ...assignments]) visit(value);
  return read;
}

/** A reduction axis in two: the chunk that a point is in, which becomes a parallel axis, and its place in it. */
interface Cut {
  /** Null where each place is a chunk. */
  readonly inner: Extent | null;
  readonly chunks: Extent;
  /** Whether the last chunk, or with few rows in the batch more of them, has fewer points. */
  readonly isUneven: boolean;
}

class Chunker {
  readonly #context: GraphContext;
  readonly #batchMax: number;
  readonly #limits: WorkgroupLimits;

  constructor(context: GraphContext, batchMax: number, limits: WorkgroupLimits) {
    this.#context = context;
    this.#batchMax = batchMax;
    this.#limits = limits;
  }

  rewrite(node: Compute, isRead: (result: number) => boolean): readonly Value[] | undefined {
    const { reducer, where } = node;
    if (reducer === null || (isProductSum(node) && tiledContraction(node, this.#batchMax)))
      return undefined;
    const needsAll = reducer === "mean" || reducer === "moments";
    if (!(nesting.has(reducer) || needsAll)) return undefined;
    if ((reducer === "max" || reducer === "min") && isRead(1)) return undefined;
    if (needsAll && where.kind !== "true") return undefined;
    const wanted = this.#chunksFor(node);
    if (wanted < 2) return undefined;
    const cuts = this.#cut(node, wanted);
    if (!cuts.some((cut) => cut !== null)) return undefined;
    if (reducer === "moments") return this.#moments(node, cuts);
    if (reducer === "mean") return this.#mean(node, cuts);
    const parts = this.#parts(node, cuts, reducer);
    return this.#total(node, parts, 0, reducer).values;
  }

  /** How many chunks a reduction is worth; less than two if it had better stay whole. */
  #chunksFor(node: Compute): number {
    const { threads, concurrency } = this.#limits;
    const results = elementsAt(node.parallel, this.#batchMax);
    const points = elementsAt(node.reduction, this.#batchMax);
    const isAlong = runsAlongReduction(node, this.#batchMax);
    const side = isAlong ? 1 : Math.min(accessThreads * this.#lanes(results), results);
    const groups = Math.ceil(results / side);
    const pointsPerThread = (points * side) / threads;
    const most = node.parallel.length === 0 ? mostPoints.numbers : mostPoints.results;
    if (groups >= concurrency || pointsPerThread <= most) return 0;
    return Math.floor(Math.min((waves * concurrency) / groups, pointsPerThread / leastPoints));
  }

  /** Elements side by side that a thread reads by one access, of as many. */
  #lanes(elements: number): number {
    const lanes = this.#limits.accessBytes / elementBytes;
    return elements % lanes === 0 ? lanes : 1;
  }

  /** Axes from the outermost on are taken whole, the one that has more places than chunks are wanted in runs. */
  #cut({ parallel, reduction, reducer }: Compute, wanted: number): readonly (Cut | null)[] {
    let left = wanted;
    const mustBeEven = reducer === "moments";
    const leadsBatch = parallel.some((extent) => !isFixed(extent));
    return reduction.map((extent) => {
      const size = sizeAt(extent, this.#batchMax);
      if (left < 2 || size < 2) return null;
      // A dimension with N leads a shape, and there is one.
      const mayBeWhole = isFixed(extent) || !leadsBatch;
      if (size <= left && mayBeWhole) {
        left = Math.floor(left / size);
        return { inner: null, chunks: extent, isUneven: false };
      }
      const lanes = this.#lanes(size);
      const least = Math.ceil(size / left / lanes) * lanes;
      left = 0;
      const run = isFixed(extent) ? evenRun(size, least, lanes, mustBeEven) : least;
      if (run >= size || (mustBeEven && !isFixed(extent))) return null;
      const isUneven = !isFixed(extent) || size % run !== 0;
      return { inner: fixed(run), chunks: fixed(Math.ceil(size / run)), isUneven };
    });
  }

  /** The reduction of each chunk; its parallel axes are the node's with the chunks after a leading N. */
  #parts(node: Compute, cuts: readonly (Cut | null)[], reducer: ReducerName): Parts {
    const { parallel, reduction } = node;
    const rank = parallel.length;
    const at = parallel.findIndex(isFixed);
    const first = parallel.some((extent) => !isFixed(extent)) ? (at < 0 ? rank : at) : 0;
    const chunks = cuts.flatMap((cut) => (cut === null ? [] : [cut.chunks]));
    const partParallel = parallel.toSpliced(first, 0, ...chunks);
    const inner: Extent[] = [];
    const places: Affine[] = parallel.map((_, axis) =>
      axisAffine(axis < first ? axis : axis + chunks.length),
    );
    let chunk = first;
    let kept: Condition[] = [];
    reduction.forEach((extent, r) => {
      const cut = cuts[r]!;
      const own = axisAffine(partParallel.length + inner.length);
      if (cut === null) {
        inner.push(extent);
        places.push(own);
        return;
      }
      const start = axisAffine(chunk++);
      if (cut.inner === null) {
        places.push(start);
        return;
      }
      inner.push(cut.inner);
      const place = addAffine(scaleAffine(start, cut.inner.constant), own);
      places.push(place);
      if (cut.isUneven) {
        const last = offsetAffine(extentAffine(extent), -1);
        kept = [...kept, nonnegative(subtractAffine(last, place))];
      }
    });
    const replace = (axis: number): Affine => places[axis]!;
    const body = substituteAxes(this.#context, node.body, replace);
    const where = and(substituteCondition(node.where, replace), ...kept);
    const parts = this.#made(node, {
      parallel: partParallel,
      reduction: inner.length === 0 ? [fixed(1)] : inner,
      where,
      reducer,
      body,
    });
    return { node: parts, first, chunks };
  }

  /** One result of the parts, reduced over the chunks. */
  #total(
    node: Compute,
    { node: parts, first, chunks }: Parts,
    result: number,
    reducer: ReducerName,
  ): Compute {
    const rank = node.parallel.length;
    const index = parts.parallel.map((_, axis) => {
      if (axis < first) return axisAffine(axis);
      if (axis < first + chunks.length) return axisAffine(rank + axis - first);
      return axisAffine(axis - chunks.length);
    });
    const body = this.#context.load(parts.values[result]!, index);
    return this.#made(node, { parallel: node.parallel, reduction: chunks, reducer, body });
  }

  /** The sum divided by the number of points. */
  #mean(node: Compute, cuts: readonly (Cut | null)[]): readonly Value[] | undefined {
    const context = this.#context;
    const count = this.#countOf(node);
    if (count === undefined) return undefined;
    const total = this.#total(node, this.#parts(node, cuts, "sum"), 0, "sum");
    const body = context.call("divide", this.#at(total, 0), count);
    return this.#made(node, { parallel: node.parallel, body }).values;
  }

  /** The number of points of a reduction, at least 1, as a float; undefined if it is not affine in N. */
  #countOf({ reduction, body: { dtype } }: Compute): Scalar | undefined {
    const context = this.#context;
    const [batch, ...others] = reduction.filter((extent) => !isFixed(extent));
    if (others.length > 0) return undefined;
    const rest = reduction.filter(isFixed).reduce((product, { constant }) => product * constant, 1);
    if (batch === undefined) return context.constant(rest, dtype);
    const count = context.cast(context.index(scaleAffine(extentAffine(batch), rest)), dtype);
    return context.call("maximum", count, context.constant(1, dtype));
  }

  /** Over chunks of as many points: the mean of the means, and the mean of the variances and the variance of the means. */
  #moments(node: Compute, cuts: readonly (Cut | null)[]): readonly Value[] {
    const parts = this.#parts(node, cuts, "moments");
    const between = this.#total(node, parts, 0, "moments");
    const within = this.#total(node, parts, 1, "mean");
    const body = this.#context.call("add", this.#at(within, 0), this.#at(between, 1));
    const variance = this.#made(node, { parallel: node.parallel, body });
    return [between.values[0]!, variance.values[0]!];
  }

  #at(node: Compute, result: number): Scalar {
    return this.#context.load(
      node.values[result]!,
      node.parallel.map((_, axis) => axisAffine(axis)),
    );
  }

  #made(node: Compute, parts: Parameters<GraphContext["compute"]>[0]): Compute {
    const made = this.#context.compute(parts);
    this.#context.inheritOrigins(made, node);
    return made;
  }
}

interface Parts {
  readonly node: Compute;
  /** The first axis of the chunks, and their extents. */
  readonly first: number;
  readonly chunks: readonly Extent[];
}

/** The run of at least so many places, a multiple of `step`, that cuts an axis evenly, if there is one not much longer. */
function evenRun(size: number, least: number, step: number, mustBeEven: boolean): number {
  const longest = mustBeEven ? size : 2 * least;
  for (let run = least; run <= longest; run += step) if (size % run === 0) return run;
  return least;
}
