/**
 * Losses and metrics as functions of single samples. A scalar is usually an expression of means over the batch;
 * finding those means in the graph tells how sample weights enter a loss, and how a metric accumulates over
 * batches of different sizes.
 *
 * As in Keras, a weighted loss is Σ wₙ·vₙ / count (`sum_over_batch_size`), while a metric is Σ wₙ·vₙ / Σ wₙ.
 */

import { axisAffine, extentAffine } from "../graph/affine.ts";
import { type GraphContext, reachableNodes } from "../graph/context.ts";
import { batchExtent, isFixed } from "../graph/extent.ts";
import type { Assignment, Compute, Node, Scalar, Value } from "../graph/node.ts";
import { replaceOperands } from "../graph/rewrite.ts";
import type { MaskedMeans } from "./masked-means.ts";

/** The transformed value, or the node that is in the way. */
export type Attempt<T> =
  | { readonly kind: "done"; readonly result: T }
  | { readonly kind: "blocked"; readonly at: Node };

/** Whether the value is computed from rows of the batch: those of the data, or others, such as noise for each. */
export function dependsOnBatch(value: Value): boolean {
  return reachableNodes([value]).some(
    (node) =>
      (node.kind === "leaf" && node.role === "input") ||
      node.values.some(({ shape }) => !shape.every(isFixed)),
  );
}

/** The reduction axis that runs over the whole batch, if the node sums or averages over it. */
function batchAxis(node: Compute): number | undefined {
  if (node.reducer !== "mean" && node.reducer !== "sum") return undefined;
  if (node.where.kind !== "true" || !node.parallel.every(isFixed)) return undefined;
  const axis = node.reduction.findIndex((extent) => !isFixed(extent));
  return axis === -1 ? undefined : node.parallel.length + axis;
}

/** The number of rows, as f32. */
function batchSize(context: GraphContext): Scalar {
  return context.cast(context.index(extentAffine(batchExtent)), "f32");
}

/**
 * Weighs every sample of a loss: each mean or sum over the batch that it reaches through + − and × or / by
 * values without the batch becomes that of w·v, a mean still divided by the count. Terms without the batch
 * (penalties) stay. `weight` is f32[N].
 */
export function weighSamples(context: GraphContext, loss: Value, weight: Value): Attempt<Value> {
  const blocked: Node[] = [];
  const weigh = (value: Value): Value => {
    const { node } = value;
    if (node.kind === "leaf" || !dependsOnBatch(value)) return value;
    if (node.kind !== "compute") {
      blocked.push(node);
      return value;
    }
    const axis = batchAxis(node);
    if (axis !== undefined) {
      const body = context.call("multiply", context.load(weight, [axisAffine(axis)]), node.body);
      return derived(context, node, context.compute({ ...content(node), body })).values[0]!;
    }
    if (!isLinear(node)) {
      blocked.push(node);
      return value;
    }
    return replaceOperands(context, node, weigh).values[value.result]!;
  };
  const result = weigh(loss);
  return blocked.length > 0 ? { kind: "blocked", at: blocked[0]! } : { kind: "done", result };
}

function content({ parallel, reduction, where, reducer, body }: Compute) {
  return { parallel, reduction, where, reducer, body };
}

function derived(context: GraphContext, from: Node, node: Compute): Compute {
  context.inheritOrigins(node, from);
  return node;
}

/** Whether a map, sum or mean is linear in what it loads that depends on the batch. */
function isLinear(node: Compute): boolean {
  if (node.reducer !== null && node.reducer !== "sum" && node.reducer !== "mean") return false;
  return degree(node.body) <= 1;
}

/** 0 for a scalar without the batch, 1 for a linear one, 2 for any other. */
function degree(scalar: Scalar): 0 | 1 | 2 {
  switch (scalar.kind) {
    case "constant":
    case "index":
    case "condition":
    case "random":
      return 0;
    case "gather":
      return dependsOnBatch(scalar.value) || scalar.index.some((i) => degree(i) > 0) ? 2 : 0;
    case "load":
      return dependsOnBatch(scalar.value) ? 1 : 0;
    case "cast":
      return degree(scalar.of) === 0 ? 0 : scalar.of.dtype === "f32" ? degree(scalar.of) : 2;
    case "call": {
      const degrees = scalar.args.map(degree);
      if (degrees.every((d) => d === 0)) return 0;
      if (degrees.some((d) => d === 2)) return 2;
      switch (scalar.fn) {
        case "add":
        case "subtract":
          // A term without the batch beside one with it is added once, whatever the weights.
          return 1;
        case "negate":
          return 1;
        case "multiply":
          return degrees[0] === 0 || degrees[1] === 0 ? 1 : 2;
        case "divide":
          return degrees[1] === 0 ? 1 : 2;
        default:
          return 2;
      }
    }
  }
}

/** Where one mean of a metric accumulates: both start at 0 with every epoch. */
export interface Totals {
  /** Σ wₙ·vₙ; the shape of the mean. */
  readonly total: Value;
  /** Σ wₙ, rank 0. */
  readonly weight: Value;
}

export interface AccumulatedMetric {
  readonly assignments: readonly Assignment[];
  /** The metric from the totals alone. */
  readonly readout: Value;
}

/**
 * Turns a metric into totals over batches and an expression of them: each mean over the batch becomes
 * Σ w·v / Σ w over the whole epoch, each sum Σ w·v, and what is computed from them is computed at read-out.
 * `totals(i, mean)` makes the states of the i-th mean; `weight` is f32[N], or null for 1. Of means over masked values
 * Σ w·mask is what they are divided by.
 */
export function accumulateMeans(
  context: GraphContext,
  metric: Value,
  weight: Value | null,
  totals: (index: number, mean: Value) => Totals,
  masked: MaskedMeans = new Map(),
): Attempt<AccumulatedMetric> {
  const blocked: Node[] = [];
  const assignments: Assignment[] = [];
  const finished = new Map<Value, Value>();
  const finish = (value: Value): Value => {
    const known = finished.get(value);
    if (known !== undefined) return known;
    const result = compute(value);
    finished.set(value, result);
    return result;
  };
  const compute = (value: Value): Value => {
    const { node } = value;
    if (!dependsOnBatch(value)) return value;
    if (node.kind !== "compute" || (batchAxis(node) === undefined && readsBatchRows(node))) {
      blocked.push(node);
      return value;
    }
    const axis = batchAxis(node);
    if (axis === undefined) return replaceOperands(context, node, finish).values[value.result]!;
    const places = totals(assignments.length / 2, value);
    const mean = masked.get(value);
    const sum = perSampleSum(context, mean?.terms ?? node, axis, weight);
    const count =
      mean === undefined
        ? weight && total(context, weight)
        : perSampleSum(context, mean.share, 0, weight);
    assignments.push(
      { target: places.total, value: sumOf(context, places.total, sum) },
      { target: places.weight, value: countOf(context, places.weight, count) },
    );
    const index = value.shape.map((_, i) => axisAffine(i));
    const load = context.load(places.total, index);
    const body =
      node.reducer === "sum" ? load : context.call("divide", load, divisor(context, places.weight));
    return derived(context, node, context.compute({ parallel: value.shape, body })).values[0]!;
  };
  const readout = finish(metric);
  if (blocked.length > 0) return { kind: "blocked", at: blocked[0]! };
  return { kind: "done", result: { assignments, readout } };
}

/** Σ wₙ to divide by. As in Keras, a mean of nothing, or of samples without weight, is 0: so is its total. */
function divisor(context: GraphContext, weight: Value): Scalar {
  const sum = context.load(weight, []);
  const isNothing = context.call("equal", sum, context.constant(0, "f32"));
  return context.call("select", isNothing, context.constant(1, "f32"), sum);
}

/** Whether some operand has the batch as a dimension, so that nothing of the node can wait for read-out. */
function readsBatchRows(node: Compute): boolean {
  return node.operands.some((value) => dependsOnBatch(value) && !value.shape.every(isFixed));
}

/** Σ over the batch of w·v, where v is the mean (or sum) of one sample's values. */
function perSampleSum(
  context: GraphContext,
  node: Compute,
  axis: number,
  weight: Value | null,
): Value {
  if (weight === null && node.reducer === "mean") {
    // Σ v = mean · N, so the mean that the loss may share is computed once.
    const index = node.parallel.map((_, i) => axisAffine(i));
    const body = context.call("multiply", context.load(node.values[0]!, index), batchSize(context));
    return context.compute({ parallel: node.parallel, body }).values[0]!;
  }
  const weighted =
    weight === null
      ? node.body
      : context.call("multiply", context.load(weight, [axisAffine(axis)]), node.body);
  const sum = context.compute({ ...content(node), body: weighted }).values[0]!;
  if (node.reducer === "sum") return sum;
  const index = node.parallel.map((_, i) => axisAffine(i));
  const body = context.call("multiply", context.load(sum, index), batchSize(context));
  return context.compute({ parallel: node.parallel, body }).values[0]!;
}

function total(context: GraphContext, weight: Value): Value {
  const body = context.load(weight, [axisAffine(0)]);
  return context.compute({ parallel: [], reduction: [batchExtent], reducer: "sum", body })
    .values[0]!;
}

function sumOf(context: GraphContext, state: Value, addend: Value): Value {
  const index = state.shape.map((_, i) => axisAffine(i));
  const body = context.call("add", context.load(state, index), context.load(addend, index));
  return context.compute({ parallel: state.shape, body }).values[0]!;
}

function countOf(context: GraphContext, state: Value, count: Value | null): Value {
  const addend = count === null ? batchSize(context) : context.load(count, []);
  return context.compute({
    parallel: [],
    body: context.call("add", context.load(state, []), addend),
  }).values[0]!;
}
