/**
 * The derivative of one node: from the derivative of the loss by its results to what it contributes to
 * those by its operands. For each load X[A(p, r)] of the body b,
 *
 *     dX[q] += Σ over (p, r) with A(p, r) = q, where(p, r) and the load's guard of dY[p] · ρ(p, r) · ∂b/∂load
 *
 * which is a compute node over q, by inverting A. ρ is the reducer's factor. For a gather from X at places that data
 * say the same terms are scattered there, in reading order of (p, r). A scatter is differentiated as the map of its
 * body, whose cotangent is gathered.
 */

import {
  type Affine,
  addAffine,
  axisAffine,
  constantAffine,
  constantValue,
  extentAffine,
  scaleAffine,
  zeroAffine,
} from "../graph/affine.ts";
import {
  always,
  and,
  type Condition,
  conditionAxes,
  substituteCondition,
} from "../graph/condition.ts";
import type { ComputeContent, GraphContext } from "../graph/context.ts";
import { type Extent, isFixed } from "../graph/extent.ts";
import type { Compute, GatherScalar, LoadScalar, Scalar, Scatter, Value } from "../graph/node.ts";
import { reducers } from "../graph/reducers.ts";
import { mapScalar, scalarMapper } from "../graph/rewrite.ts";
import { algebraOf } from "../graph/scalar-functions.ts";
import { adjointsOf, isConstant, plus, times } from "./adjoint.ts";
import { transportOf } from "./transport.ts";

/** A part of the derivative by `operand`, of its shape and type. */
export interface Contribution {
  readonly operand: Value;
  readonly value: Value;
}

/**
 * What a node contributes to its active operands. `cotangents` are the derivatives of the loss by the node's
 * results, null where the loss does not depend on one.
 */
export function contributionsOf(
  context: GraphContext,
  node: Compute,
  cotangents: readonly (Value | null)[],
  isActive: (value: Value) => boolean,
  batchMax: number,
): Contribution[] {
  return new NodeDerivative(context, node, node, batchMax).contributions(cotangents, isActive);
}

/** What a scatter contributes to its active operands, `cotangent` being the derivative of the loss by its result. */
export function scatterContributions(
  context: GraphContext,
  node: Scatter,
  cotangent: Value,
  isActive: (value: Value) => boolean,
  batchMax: number,
): Contribution[] {
  const { parallel, body, index } = node;
  const points = { parallel, reduction: [], where: always, reducer: null, body, values: [] };
  const derivative = new NodeDerivative(context, points, node, batchMax);
  return derivative.pulledBack(context.gather(cotangent, index), isActive, null);
}

/** A compute node, or a map that is none. */
type Points = Pick<Compute, "parallel" | "reduction" | "where" | "reducer" | "body" | "values">;

class NodeDerivative {
  readonly #context: GraphContext;
  readonly #node: Points;
  /** Whose derivative it is. */
  readonly #source: Compute | Scatter;
  readonly #batchMax: number;
  readonly #extents: readonly Extent[];
  /** The node's own parallel indices. */
  readonly #place: readonly Affine[];

  constructor(context: GraphContext, node: Points, source: Compute | Scatter, batchMax: number) {
    this.#context = context;
    this.#node = node;
    this.#source = source;
    this.#batchMax = batchMax;
    this.#extents = [...node.parallel, ...node.reduction];
    this.#place = node.parallel.map((_, axis) => axisAffine(axis));
  }

  contributions(
    cotangents: readonly (Value | null)[],
    isActive: (value: Value) => boolean,
  ): Contribution[] {
    const node = this.#node;
    const result = node.reducer === null ? this.#context.load(node.values[0]!, this.#place) : null;
    return this.pulledBack(this.#seed(cotangents), isActive, result);
  }

  /** The contributions where `seed` is the adjoint of the body. */
  pulledBack(
    seed: Scalar,
    isActive: (value: Value) => boolean,
    result: Scalar | null,
  ): Contribution[] {
    const { body } = this.#node;
    const adjoints = adjointsOf(this.#context, body, seed, ({ value }) => isActive(value), result);
    return [...adjoints].flatMap(([read, adjoint]) => {
      const value =
        read.kind === "load" ? this.#pullBack(read, adjoint) : this.#scatter(read, adjoint);
      return value === null ? [] : [{ operand: read.value, value }];
    });
  }

  /** The adjoint of the body at (p, r): Σ over the results of dY[p] · ρ(p, r). */
  #seed(cotangents: readonly (Value | null)[]): Scalar {
    const { body, reducer, values } = this.#node;
    const incoming = cotangents.map((value) => (value === null ? null : this.#loadHere(value)));
    if (reducer === null) return incoming[0]!;
    const f = algebraOf(this.#context, body.dtype);
    const factors = reducers[reducer].factor<Scalar>({
      f,
      body,
      results: values.map((value) => this.#context.load(value, this.#place)),
      index: this.#readingIndex(),
      count: () => this.#count(),
      reduce: (other, of) => {
        const { parallel, reduction, where } = this.#node;
        const sibling = this.#make({ parallel, reduction, where, reducer: other, body: of });
        return this.#context.load(sibling, this.#place);
      },
    });
    return factors.reduce<Scalar>((sum, factor, i) => {
      const adjoint = incoming[i];
      if (factor === null || adjoint === null || adjoint === undefined) return sum;
      return plus(this.#context, sum, times(this.#context, adjoint, factor));
    }, f.number(0));
  }

  /** A load at p, or the number that stands everywhere. */
  #loadHere(value: Value): Scalar {
    const { node } = value;
    const isEverywhere =
      node.kind === "compute" && node.reducer === null && node.body.kind === "constant";
    return isEverywhere ? node.body : this.#context.load(value, this.#place);
  }

  /** r's reading-order index in the reduction box, i32. */
  #readingIndex(): Scalar {
    const context = this.#context;
    const { parallel, reduction } = this.#node;
    return reduction.reduce<Scalar>((index, extent, i) => {
      const axis = axisAffine(parallel.length + i);
      const scaled = this.#timesExtent(index, extent);
      return scaled.kind === "index"
        ? context.index(addAffine(scaled.index, axis))
        : context.call("add", scaled, context.index(axis));
    }, context.index(zeroAffine));
  }

  /** An i32 times an extent: affine unless axes or N meet N. */
  #timesExtent(factor: Scalar, extent: Extent): Scalar {
    const context = this.#context;
    if (factor.kind === "index") {
      const number = constantValue(factor.index);
      if (number !== undefined) return context.index(scaleAffine(extentAffine(extent), number));
      if (isFixed(extent)) return context.index(scaleAffine(factor.index, extent.constant));
    }
    return context.call("multiply", factor, context.index(extentAffine(extent)));
  }

  /** The number of points that p keeps, in the body's type. */
  #count(): Scalar {
    const context = this.#context;
    const { reduction, where, body } = this.#node;
    if (where.kind === "true") {
      const size = reduction.reduce<Scalar>(
        (product, extent) => this.#timesExtent(product, extent),
        context.index(constantAffine(1)),
      );
      const number = size.kind === "index" ? constantValue(size.index) : undefined;
      return number === undefined
        ? context.cast(size, body.dtype)
        : context.constant(number, body.dtype);
    }
    return this.#countKept(where);
  }

  /** Counts over the parallel axes that the condition knows only. */
  #countKept(where: Condition): Scalar {
    const { parallel, reduction, body } = this.#node;
    const used = conditionAxes(where);
    const kept = parallel.map((_, axis) => axis).filter((axis) => used.has(axis));
    const renumber = (axis: number): Affine =>
      axis < parallel.length
        ? axisAffine(kept.indexOf(axis))
        : axisAffine(axis - parallel.length + kept.length);
    const count = this.#make({
      parallel: kept.map((axis) => parallel[axis]!),
      reduction,
      where: substituteCondition(where, renumber),
      reducer: "sum",
      body: this.#context.constant(1, body.dtype),
    });
    return this.#context.load(count, kept.map(axisAffine));
  }

  /** Σ of the adjoint over the points where the load reads q, or null if there are none. */
  #pullBack(load: LoadScalar, adjoint: Scalar): Value | null {
    const context = this.#context;
    const { shape } = load.value;
    const points = { extents: this.#extents, where: this.#node.where };
    const transport = transportOf(context, load, points, this.#batchMax);
    const { reduction, domain } = transport;
    if (domain.kind === "false") return null;

    const isSum = reduction.length > 0;
    const source = isSum ? this.#saved(adjoint) : adjoint;
    const body = mapScalar(context, source, {
      affine: (a) => transport.affine(a),
      condition: (c) => transport.condition(c),
      call: chosen,
      load: (moved) =>
        isSum ? moved : context.load(moved.value, moved.index, and(moved.guard, domain)),
    });
    if (isSum) {
      return this.#make({ parallel: shape, reduction, where: domain, reducer: "sum", body });
    }
    const isGuarded = domain.kind === "true" || vanishesUnread(body);
    const zero = context.constant(0, body.dtype);
    return this.#make({
      parallel: shape,
      body: isGuarded ? body : context.call("select", context.condition(domain), body, zero),
    });
  }

  /** Σ of the adjoint over the points where the gather reads q, by adding it there. */
  #scatter({ value: { shape }, index }: GatherScalar, adjoint: Scalar): Value {
    const context = this.#context;
    const { where, parallel, reduction } = this.#node;
    // Points that are skipped read nothing and add nothing.
    const guarded = scalarMapper(context, {
      load: (load) => context.load(load.value, load.index, and(load.guard, where)),
    });
    const kept = (scalar: Scalar, otherwise: number): Scalar =>
      context.call(
        "select",
        context.condition(where),
        guarded(scalar),
        context.constant(otherwise, scalar.dtype),
      );
    const isSkipping = where.kind !== "true";
    const made = context.scatter({
      parallel: [...parallel, ...reduction],
      shape,
      index: isSkipping ? index.map((i) => kept(i, -1)) : index,
      body: isSkipping ? kept(adjoint, 0) : adjoint,
    });
    context.inheritOrigins(made, this.#source, true);
    return made.values[0];
  }

  /**
   * An adjoint that is more than a product of loads, and would be computed again for every term of a sum over
   * a map's axes, becomes a map of its own, which other operands of the node share.
   */
  #saved(adjoint: Scalar): Scalar {
    const { reducer, parallel } = this.#node;
    const isBare = (scalar: Scalar) => scalar.kind === "load" || scalar.kind === "constant";
    const isProduct =
      adjoint.kind === "call" && adjoint.fn === "multiply" && adjoint.args.every(isBare);
    if (reducer !== null || isBare(adjoint) || isProduct) return adjoint;
    return this.#context.load(this.#make({ parallel, body: adjoint }), this.#place);
  }

  #make(content: ComputeContent): Value {
    const made = this.#context.compute(content);
    this.#context.inheritOrigins(made, this.#source, true);
    return made.values[0]!;
  }
}

/** A choice that the domain has decided is what it chooses. */
function chosen(call: Extract<Scalar, { kind: "call" }>): Scalar {
  const [condition, a, b] = call.args;
  if (call.fn !== "select" || condition?.kind !== "constant") return call;
  return condition.value !== 0 ? a! : b!;
}

/** Whether a body is 0 wherever its loads, all with one guard, read 0 instead of their place. */
function vanishesUnread(body: Scalar): boolean {
  switch (body.kind) {
    case "load":
      return true;
    case "cast":
      return vanishesUnread(body.of);
    case "call": {
      const [a, b, c] = body.args;
      const isNumber = (x: Scalar) => x.kind === "constant" || vanishesUnread(x);
      const isZero = (x: Scalar) => isConstant(x, 0) || vanishesUnread(x);
      switch (body.fn) {
        case "negate":
          return vanishesUnread(a!);
        case "multiply":
          return (vanishesUnread(a!) && isNumber(b!)) || (isNumber(a!) && vanishesUnread(b!));
        case "add":
        case "subtract":
          return isZero(a!) && isZero(b!);
        case "select":
          return isZero(b!) && isZero(c!);
        default:
          return false;
      }
    }
    default:
      return false;
  }
}
