/**
 * Rewriting rules on compute nodes, and what they are written with. A node rule gives the values that take the
 * place of the node's own, of the same types and shapes, or undefined where it does not apply.
 */

import {
  type Affine,
  axesOf,
  axisAffine,
  extentAffine,
  substituteAffine,
} from "../../graph/affine.ts";
import { type Condition, conditionAxes, substituteCondition } from "../../graph/condition.ts";
import { type ComputeContent, type GraphContext, scalarChildren } from "../../graph/context.ts";
import { type Extent, sizeAt } from "../../graph/extent.ts";
import type { Compute, Scalar, Value } from "../../graph/node.ts";
import { type ReducerName, reducers } from "../../graph/reducers.ts";
import { substituteAxes } from "../../graph/rewrite.ts";
import { algebraOf } from "../../graph/scalar-functions.ts";
import type { Scope } from "./rule.ts";

export interface NodeScope {
  readonly context: GraphContext;
  readonly batchMax: number;
}

/**
 * A node rule looks at its node and, of the nodes that this one loads, at the bodies of maps and at loops; at no others, and
 * not at which values those read.
 */
export interface NodeRule {
  readonly name: string;
  readonly apply: (node: Compute, scope: NodeScope) => readonly Value[] | undefined;
}

/** The rules of a record, each named by its key. */
export function namedNodeRules(
  rules: Readonly<Record<string, NodeRule["apply"]>>,
): readonly NodeRule[] {
  return Object.entries(rules).map(([name, apply]) => ({ name, apply }));
}

export const axesOfNode = (node: Pick<Compute, "parallel" | "reduction">): readonly Extent[] => [
  ...node.parallel,
  ...node.reduction,
];

/** The scope of a node's body. */
export function bodyScope(node: Compute, { context, batchMax }: NodeScope): Scope {
  return { context, batchMax, axes: axesOfNode(node), where: node.where };
}

/** Every axis that a scalar depends on, by an index, a guard or a condition. */
export function scalarAxes(scalar: Scalar): ReadonlySet<number> {
  const axes = new Set<number>();
  const seen = new Set<Scalar>();
  const visit = (s: Scalar): void => {
    if (seen.has(s)) return;
    seen.add(s);
    if (s.kind === "load") {
      for (const index of s.index) axesOf(index, axes);
      conditionAxes(s.guard, axes);
    } else if (s.kind === "index" || s.kind === "random") {
      axesOf(s.index, axes);
    } else if (s.kind === "condition") {
      conditionAxes(s.condition, axes);
    }
    for (const child of scalarChildren(s)) visit(child);
  };
  visit(scalar);
  return axes;
}

/** Points of a box at a batch size. */
export const pointsAt = (extents: readonly Extent[], n: number): number =>
  extents.reduce((product, extent) => product * sizeAt(extent, n), 1);

/** A map with this body over these axes. */
export function mapValue({ context }: NodeScope, parallel: readonly Extent[], body: Scalar): Value {
  return context.compute({ parallel, body }).values[0]!;
}

/** The scalar that loads the whole of a value, its first dimension at axis 0 and so on. */
export function loadWhole({ context }: NodeScope, value: Value): Scalar {
  return context.load(
    value,
    value.shape.map((_, axis) => axisAffine(axis)),
  );
}

/** A result of a node of fewer operations, changed by a map over the same box. */
export function mapOver(
  scope: NodeScope,
  value: Value,
  change: (element: Scalar) => Scalar,
): readonly Value[] {
  return [mapValue(scope, value.shape, change(loadWhole(scope, value)))];
}

/** How many points an extent has, as a scalar of a type: a constant, or made from N. */
export function extentScalar(
  { context }: NodeScope,
  extents: readonly Extent[],
  dtype: Scalar["dtype"],
): Scalar {
  let fixedPart = 1;
  const f = algebraOf(context, dtype);
  let result: Scalar | undefined;
  for (const extent of extents) {
    if (extent.batch === 0) {
      fixedPart *= extent.constant;
      continue;
    }
    const scalar = context.cast(context.index(extentAffine(extent)), dtype);
    result = result === undefined ? scalar : f.multiply(result, scalar);
  }
  if (result === undefined) return f.number(fixedPart);
  return fixedPart === 1 ? result : f.multiply(result, f.number(fixedPart));
}

/** The node with one axis written in terms of the others and taken out. */
export function eliminateAxis(
  node: Compute,
  axis: number,
  replacement: Affine,
  where: Condition,
  { context }: NodeScope,
): ComputeContent {
  const renumber = (other: number): Affine => axisAffine(other > axis ? other - 1 : other);
  const replaced = substituteAffine(replacement, renumber);
  const replace = (other: number): Affine => (other === axis ? replaced : renumber(other));
  const rank = node.parallel.length;
  return {
    parallel: node.parallel.filter((_, i) => i !== axis),
    reduction: node.reduction.filter((_, i) => rank + i !== axis),
    where: substituteCondition(where, replace),
    reducer: node.reducer,
    body: substituteAxes(context, node.body, replace),
  };
}

/** Results of a reduction over one point with this body, or over none. */
export function finishOne(
  context: GraphContext,
  reducer: ReducerName,
  body: Scalar | undefined,
  dtype: Scalar["dtype"],
): readonly Scalar[] {
  const f = algebraOf(context, dtype);
  const row = reducers[reducer];
  if (body === undefined) return row.finish(f, row.identity(f), f.number(0));
  return row.finish(f, row.lift(f, body, context.constant(0, "i32")), f.number(1));
}
