/** Operands of contractions: what a group of factors becomes so that the contraction loads it bare. */

import { type Affine, axisAffine, constantValue } from "../../graph/affine.ts";
import { and, inRange } from "../../graph/condition.ts";
import { loadsOf, scalarChildren } from "../../graph/context.ts";
import { type Extent, sameExtent } from "../../graph/extent.ts";
import type { Compute, LoadScalar, Scalar } from "../../graph/node.ts";
import { castNumber } from "../../graph/number-algebra.ts";
import { mapScalar, renumberAxes } from "../../graph/rewrite.ts";
import { scalarFunctions } from "../../graph/scalar-functions.ts";
import { simplifyGuard } from "../simplify-index.ts";
import { type Factor, productOf } from "./factors.ts";
import { axesOfNode, mapValue, type NodeScope, pointsAt, scalarAxes } from "./node-rule.ts";

/** A bare load with the axes that it depends on. */
export interface Operand {
  readonly load: LoadScalar;
  readonly axes: ReadonlySet<number>;
}

export const sortedAxes = (axes: Iterable<number>): number[] =>
  [...new Set(axes)].sort((a, b) => a - b);

/** A group of factors over the same axes as one bare load: of its own tensor, or of a map made for it. */
export function operandOf(group: readonly Factor[], node: Compute, scope: NodeScope): Operand {
  const [only] = group;
  if (group.length === 1 && only!.scalar.kind === "load" && !only!.inverse) {
    return { load: only!.scalar, axes: only!.axes };
  }
  const body = productOf(scope.context, group, node.body.dtype);
  const load = mapOnOwnIndexes(body, node, scope) ?? mapOnAxes(body, node, scope);
  return { load, axes: scalarAxes(load) };
}

/**
 * The load with a guard that holds exactly where it is in range, as far as the box does not prove it: for a load
 * that moves out from under the `where` that kept it in range. The same load if the box proves it.
 */
export function guardRange(
  load: LoadScalar,
  node: Compute,
  { context, batchMax }: NodeScope,
): LoadScalar {
  const box = { axes: axesOfNode(node), batchMax };
  const ranges = load.index.map((i, dimension) => inRange(i, load.value.shape[dimension]!));
  const guard = simplifyGuard(and(...ranges), box, load.guard);
  return guard.kind === "true"
    ? load
    : context.load(load.value, load.index, and(load.guard, guard));
}

/** A part of a node's body as a map over the axes that it depends on, loaded at those axes. */
export function mapOnAxes(body: Scalar, node: Compute, scope: NodeScope): LoadScalar {
  const { context } = scope;
  const all = axesOfNode(node);
  const guarded = mapScalar(context, body, { load: (load) => guardRange(load, node, scope) });
  const axes = sortedAxes(scalarAxes(guarded));
  const numbers: number[] = [];
  axes.forEach((axis, i) => {
    numbers[axis] = i;
  });
  const parallel = axes.map((axis) => all[axis]!);
  const value = mapValue(scope, parallel, renumberAxes(context, guarded, numbers));
  return context.load(value, axes.map(axisAffine));
}

/**
 * f(x[h + i]) becomes a map f(x) that is loaded at h + i: no larger than x, where a map over h and i would hold
 * every window. All loads must share their indexes, and their guard; under a guard f must keep 0, which is what
 * a load that is guarded out reads.
 */
function mapOnOwnIndexes(body: Scalar, node: Compute, scope: NodeScope): LoadScalar | undefined {
  const { context } = scope;
  const coordinates = new Map<string, { readonly index: Affine; readonly extent: Extent }>();
  const loads = loadsOf(body);
  const guard = loads[0]?.guard;
  if (guard === undefined || readsAxesOutsideLoads(body)) return undefined;
  for (const load of loads) {
    if (load.guard.key !== guard.key) return undefined;
    for (const [dimension, index] of load.index.entries()) {
      if (constantValue(index) !== undefined) continue;
      const extent = load.value.shape[dimension]!;
      const known = coordinates.get(index.key);
      if (known !== undefined && !sameExtent(known.extent, extent)) return undefined;
      coordinates.set(index.key, { index, extent });
    }
  }
  if (guard.kind !== "true" && valueAtZero(body) !== 0) return undefined;
  const places = [...coordinates.values()];
  const all = axesOfNode(node);
  const own = places.map(({ extent }) => extent);
  const spanned = sortedAxes(scalarAxes(body)).map((axis) => all[axis]!);
  if (pointsAt(own, scope.batchMax) > pointsAt(spanned, scope.batchMax)) return undefined;
  const numbers = new Map([...coordinates.keys()].map((key, i) => [key, i]));
  const renamed = mapScalar(context, body, {
    load: ({ value, index }) =>
      context.load(
        value,
        index.map((i) => (constantValue(i) === undefined ? axisAffine(numbers.get(i.key)!) : i)),
      ),
  });
  const value = mapValue(scope, own, renamed);
  return context.load(
    value,
    places.map(({ index }) => index),
    guard,
  );
}

function readsAxesOutsideLoads(body: Scalar): boolean {
  if (body.kind === "index" || body.kind === "condition" || body.kind === "random") return true;
  return scalarChildren(body).some(readsAxesOutsideLoads);
}

/** The value of a body whose loads all read 0. */
function valueAtZero(body: Scalar): number {
  switch (body.kind) {
    case "constant":
      return body.value;
    case "cast":
      return castNumber(valueAtZero(body.of), body.of.dtype, body.dtype);
    case "call": {
      const row = scalarFunctions[body.fn];
      const args = body.args.map(valueAtZero);
      return body.dtype === "i32" ? row.evaluateInteger(...args) | 0 : row.evaluate(...args);
    }
    case "load":
      return 0;
    default:
      return Number.NaN;
  }
}
