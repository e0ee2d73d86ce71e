/**
 * Index maps: nodes that only move elements (transpose, reshape, slice, pad, broadcast) or name positions. They
 * become part of the loads that read them, so that none is a copy unless a reader needs it to be one.
 */

import {
  type Affine,
  addAffine,
  axisAffine,
  bareAxis,
  constantAffine,
  isQuotient,
  scaleAffine,
  substituteAffine,
  substituteSteps,
} from "../../graph/affine.ts";
import { and, substituteCondition } from "../../graph/condition.ts";
import { type GraphContext, loadsOf, operandsOf } from "../../graph/context.ts";
import { type Extent, fixed, isFixed, sameShape, stackedAxis } from "../../graph/extent.ts";
import type { Compute, LoadScalar, Scalar, Scan } from "../../graph/node.ts";
import { mapScalar, substituteAxes } from "../../graph/rewrite.ts";
import { scalarCost } from "../../graph/scalar-cost.ts";
import { linearOffset, quotients, simplifyAffine } from "../simplify-index.ts";
import { axesOfNode, bodyScope, type NodeScope, namedNodeRules } from "./node-rule.ts";
import type { Scope } from "./rule.ts";

export const indexMapRules = namedNodeRules({
  // A map that loads each element of a tensor at its own place is that tensor.
  dropIdentityMap: (node) => {
    if (node.reducer !== null || node.body.kind !== "load") return undefined;
    const { value, index, guard } = node.body;
    const isIdentity =
      guard.kind === "true" &&
      sameShape(value.shape, node.parallel) &&
      index.every((i, dimension) => isOwnPlace(i, dimension, node));
    return isIdentity ? [value] : undefined;
  },
  // A load of an index map is a load of what that loads, or the number that it names.
  composeIndexMaps: (node, scope) => {
    const within = bodyScope(node, scope);
    const body = mapScalar(scope.context, node.body, {
      load: (load) => {
        const composed = composeLoad(load, scope);
        return composed !== undefined && isReadable(composed, node, within) ? composed : load;
      },
    });
    return body === node.body ? undefined : scope.context.computeLike(node, body).values;
  },
  // Σ over k of f(k div d, k mod d) = Σ over i, j of f(i, j), in a sum of products
  splitReductionAxis: (node, scope) => {
    if (!isSumOfProducts(node)) return undefined;
    const box = { axes: axesOfNode(node), batchMax: scope.batchMax };
    for (const load of loadsOf(node.body)) {
      if (quotients(linearOffset(load.index, load.value.shape, box)) === 0) continue;
      const split = load.index.map((i) => splittable(i, node)).find((s) => s !== undefined);
      if (split !== undefined) return splitAxis(node, split.axis, split.divisor, scope).values;
    }
    return undefined;
  },
});

function isOwnPlace(index: Affine, dimension: number, node: Compute): boolean {
  const extent = node.parallel[dimension]!;
  const isSingle = isFixed(extent) && extent.constant === 1;
  return bareAxis(index) === dimension || (isSingle && index.key === "0");
}

/** What a load of an index map or of the last place of a stack comes to; undefined if it loads no such thing. */
export function composeLoad(load: LoadScalar, { context }: NodeScope): Scalar | undefined {
  const { node } = load.value;
  if (node.kind === "scan") return lastCarried(load, node, context);
  if (node.kind !== "compute" || node.reducer !== null) return undefined;
  const replace = (axis: number): Affine => load.index[axis]!;
  if (node.body.kind === "load") {
    return context.load(
      node.body.value,
      node.body.index.map((i) => substituteAffine(i, replace)),
      and(load.guard, substituteCondition(node.body.guard, replace)),
    );
  }
  if (!namesPositions(node.body)) return undefined;
  const element = substituteAxes(context, node.body, replace);
  return context.call(
    "select",
    context.condition(load.guard),
    element,
    context.constant(0, element.dtype),
  );
}

/** What the last iteration stacked of what becomes a carry is that carry after the loop: nothing need be stacked for it. */
function lastCarried(
  { value, index, guard }: LoadScalar,
  { carries, stacks, length, values }: Scan,
  context: GraphContext,
): Scalar | undefined {
  const stack = stacks[value.result - carries.length];
  if (stack === undefined) return undefined;
  const carry = carries.findIndex(({ next }) => next === stack.value);
  if (carry < 0) return undefined;
  const at = stackedAxis(stack.value.shape);
  const last = substituteSteps(stack.place, () => constantAffine(length - 1));
  if (index[at]!.key !== last.key) return undefined;
  return context.load(values[carry]!, index.toSpliced(at, 1), guard);
}

/** Whether a body depends on nothing but its axes, and costs next to nothing. */
function namesPositions(body: Scalar): boolean {
  return operandsOf(body).length === 0 && scalarCost(body) <= 2;
}

/**
 * Whether a node can read its operand so. Maps and plain reductions can read anything; a sum of products reads
 * operands whose places in memory are affine in the axes, after splitting axes of the reduction if need be, and which
 * dimensions keep windows apart: `hidesWindow`.
 */
function isReadable(composed: Scalar, node: Compute, scope: Scope): boolean {
  if (!isSumOfProducts(node)) return true;
  if (composed.kind !== "load") return composed.kind === "constant";
  const index = composed.index.map((i) => simplifyAffine(i, scope));
  if (index.some((i) => hidesWindow(i, axesOfNode(node)))) return false;
  if (quotients(linearOffset(index, composed.value.shape, scope)) === 0) return true;
  return index.every((i) =>
    i.terms.every((term) => !isQuotient(term.atom) || splittable(i, node) !== undefined),
  );
}

/**
 * Whether one dimension has a window that slides, h + k, among axes that are other digits of it: as x[64·(h + k) + c] has
 * where x[h + k, c] was reshaped. From a place in x it cannot be seen then which h, k and c meet it, so the derivative would
 * have to try them.
 */
function hidesWindow({ terms }: Affine, extents: readonly Extent[]): boolean {
  if (terms.length < 3) return false;
  const digits = terms
    .map(({ coefficient, atom }) => ({ size: Math.abs(coefficient), atom }))
    .sort((a, b) => a.size - b.size);
  return digits.some(({ size, atom }, i) => {
    const next = digits[i + 1];
    const extent = atom.kind === "axis" ? extents[atom.axis]! : undefined;
    return next !== undefined && extent !== undefined && isFixed(extent)
      ? next.size < size * extent.constant
      : false;
  });
}

function isSumOfProducts(node: Compute): boolean {
  return node.reducer === "sum" && loadsOf(node.body).length > 1;
}

/** A `div` or `mod` of one reduction axis by a divisor of its extent. */
function splittable(
  index: Affine,
  node: Compute,
): { readonly axis: number; readonly divisor: number } | undefined {
  for (const { atom } of index.terms) {
    if (!isQuotient(atom)) continue;
    const axis = bareAxis(atom.base);
    if (axis === undefined || axis < node.parallel.length) continue;
    const extent = node.reduction[axis - node.parallel.length]!;
    if (isFixed(extent) && extent.constant % atom.divisor === 0) {
      return { axis, divisor: atom.divisor };
    }
  }
  return undefined;
}

/** Axis r = divisor·r₁ + r₀, in the same reading order. */
function splitAxis(node: Compute, axis: number, divisor: number, { context }: NodeScope): Compute {
  const rank = node.parallel.length;
  const replace = (other: number): Affine => {
    if (other < axis) return axisAffine(other);
    if (other > axis) return axisAffine(other + 1);
    return addAffine(scaleAffine(axisAffine(axis), divisor), axisAffine(axis + 1));
  };
  const extent = node.reduction[axis - rank]!;
  return context.compute({
    parallel: node.parallel,
    reduction: node.reduction.flatMap((other, i) =>
      rank + i === axis ? [fixed(extent.constant / divisor), fixed(divisor)] : [other],
    ),
    where: substituteCondition(node.where, replace),
    reducer: node.reducer,
    body: substituteAxes(context, node.body, replace),
  });
}
