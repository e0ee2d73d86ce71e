/** Rules that make reductions smaller, or no reductions. */

import {
  type Affine,
  addAffine,
  axesOf,
  axisAffine,
  scaleAffine,
  subtractAffine,
  zeroAffine,
} from "../../graph/affine.ts";
import { and, conditionAxes, inRange, not } from "../../graph/condition.ts";
import { isFixed, sizeAt } from "../../graph/extent.ts";
import type { Compute, Scalar } from "../../graph/node.ts";
import { reducers } from "../../graph/reducers.ts";
import { mapScalar } from "../../graph/rewrite.ts";
import { factsOf, simplifyGuard } from "../simplify-index.ts";
import {
  axesOfNode,
  eliminateAxis,
  extentScalar,
  finishOne,
  mapOver,
  mapValue,
  type NodeScope,
  namedNodeRules,
  scalarAxes,
} from "./node-rule.ts";
import { guardRange } from "./operands.ts";
import { argsOf, isConstant } from "./rule.ts";

export const reductionRules = namedNodeRules({
  // `where` without what the box implies.
  simplifyWhere: (node, scope) => {
    const box = { axes: axesOfNode(node), batchMax: scope.batchMax };
    const where = simplifyGuard(node.where, box);
    if (where.key === node.where.key) return undefined;
    return scope.context.compute({ ...node, where }).values;
  },
  // A reduction over no points gives the reducer's identity, finished.
  reduceNothing: (node, scope) => {
    if (node.reducer === null || node.where.kind !== "false") return undefined;
    return finishOne(scope.context, node.reducer, undefined, node.body.dtype).map((result) =>
      mapValue(scope, node.parallel, result),
    );
  },
  // A reduction without axes is over one point at most.
  reduceOnePoint: (node, scope) => {
    if (node.reducer === null || node.reduction.length > 0) return undefined;
    const { context } = scope;
    const body = mapScalar(context, node.body, { load: (load) => guardRange(load, node, scope) });
    const one = finishOne(context, node.reducer, body, node.body.dtype);
    const none = finishOne(context, node.reducer, undefined, node.body.dtype);
    const isKept = context.condition(node.where);
    return one.map((result, i) =>
      mapValue(scope, node.parallel, context.call("select", isKept, result, none[i]!)),
    );
  },
  // Reducing over an axis of extent 1 is taking its only point.
  dropUnitAxis: (node, scope) => {
    const at = node.reduction.findIndex((extent) => isFixed(extent) && extent.constant === 1);
    if (at < 0) return undefined;
    const content = eliminateAxis(node, node.parallel.length + at, zeroAffine, node.where, scope);
    return scope.context.compute(content).values;
  },
  // Σᵣ b = extent · b where b and `where` do not depend on r; likewise for the reducers that equal points leave alone
  dropInvariantAxis: (node, scope) => {
    const axis = invariantAxis(node);
    if (axis === undefined) return undefined;
    const rest = scope.context.compute(eliminateAxis(node, axis, zeroAffine, node.where, scope));
    const extent = node.reduction[axis - node.parallel.length]!;
    const { context } = scope;
    if (node.reducer === "sum") {
      const count = extentScalar(scope, [extent], node.body.dtype);
      return mapOver(scope, rest.values[0]!, (sum) => context.call("multiply", sum, count));
    }
    if (node.reducer === "logsumexp") {
      const count = extentScalar(scope, [extent], node.body.dtype);
      return mapOver(scope, rest.values[0]!, (sum) =>
        context.call("add", sum, context.call("log", count)),
      );
    }
    return rest.values;
  },
  // A reduction that does not depend on a parallel axis is done once, and broadcast along it.
  dropUnusedParallelAxis: (node, scope) => {
    if (node.reducer === null) return undefined;
    const used = new Set([...scalarAxes(node.body), ...conditionAxes(node.where)]);
    const axis = node.parallel.findIndex(
      (extent, i) => !used.has(i) && !(isFixed(extent) && extent.constant === 1),
    );
    if (axis < 0) return undefined;
    const smaller = scope.context.compute(eliminateAxis(node, axis, zeroAffine, node.where, scope));
    const places = node.parallel.map((_, i) => i).filter((i) => i !== axis);
    return smaller.values.map((value) =>
      mapValue(scope, node.parallel, scope.context.load(value, places.map(axisAffine))),
    );
  },
  // Σ over r with r = e is the term at e, if e is in range
  solveAxis: (node, scope) => {
    if (node.reducer === null || reducers[node.reducer].usesIndex) return undefined;
    for (const fact of factsOf(node.where)) {
      if (fact.kind !== "zero") continue;
      const solved = solveFor(fact.value, node);
      if (solved === undefined) continue;
      const extent = node.reduction[solved.axis - node.parallel.length]!;
      const others = factsOf(node.where).filter((other) => other !== fact);
      const where = and(inRange(solved.solution, extent), ...others);
      return scope.context.compute(eliminateAxis(node, solved.axis, solved.solution, where, scope))
        .values;
    }
    return undefined;
  },
  // Σ (if c then b else 0) = Σ b over the points with c, for a condition c on the axes
  conditionIntoWhere: (node, scope) => {
    if (node.reducer !== "sum") return undefined;
    const [test, whenTrue, whenFalse] = argsOf(node.body, "select") ?? [];
    if (test?.kind !== "condition") return undefined;
    const [condition, body] = isConstant(whenFalse!, 0)
      ? [test.condition, whenTrue!]
      : isConstant(whenTrue!, 0)
        ? [not(test.condition), whenFalse!]
        : [undefined, node.body];
    if (condition === undefined) return undefined;
    return scope.context.compute({ ...node, where: and(node.where, condition), body }).values;
  },
});

/** mean b = Σ b / count where every point counts. Before differentiation, so that there are sums only. */
export const meanRules = namedNodeRules({
  // mean b = (Σ b) · (1 / count)
  meanToSum: (node, scope) => {
    if (node.reducer !== "mean" || node.where.kind !== "true") return undefined;
    const { context } = scope;
    const sum = context.compute({ ...node, reducer: "sum" });
    const { dtype } = node.body;
    const count = extentScalar(scope, node.reduction, dtype);
    return mapOver(scope, sum.values[0]!, (total) =>
      isConstant(count)
        ? context.call("multiply", total, reciprocal(count, scope))
        : context.call("divide", total, count),
    );
  },
});

function reciprocal(count: Scalar, { context }: NodeScope): Scalar {
  const value = count.kind === "constant" ? count.value : Number.NaN;
  return context.constant(1 / value, count.dtype);
}

/** A reduction axis whose points are all equal, for a reducer that has a rule for it. */
function invariantAxis(node: Compute): number | undefined {
  if (node.reducer === null || node.reducer === "prod") return undefined;
  const used = new Set([...scalarAxes(node.body), ...conditionAxes(node.where)]);
  const rank = node.parallel.length;
  const at = node.reduction.findIndex((extent, i) => {
    if (used.has(rank + i) || sizeAt(extent, 1) < 1) return false;
    // Of equal points the first is chosen, and along the first axis that is index 0.
    return i === 0 || !reducers[node.reducer!].usesIndex;
  });
  return at < 0 ? undefined : rank + at;
}

/** value = 0 solved for a reduction axis with coefficient ±1. */
function solveFor(
  value: Affine,
  node: Compute,
): { readonly axis: number; readonly solution: Affine } | undefined {
  for (const { coefficient, atom } of value.terms) {
    if (atom.kind !== "axis" || Math.abs(coefficient) !== 1) continue;
    if (atom.axis < node.parallel.length) continue;
    const own = scaleAffine(axisAffine(atom.axis), coefficient);
    const others = subtractAffine(value, own);
    if (axesOf(others).has(atom.axis)) continue;
    return { axis: atom.axis, solution: addAffine(scaleAffine(others, -coefficient), zeroAffine) };
  }
  return undefined;
}
