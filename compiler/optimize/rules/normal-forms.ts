/**
 * Brings sums into the normal forms that schedules know: a **contraction**, the sum of a product of exactly two
 * bare loads; a **reduction** of one body over all its axes; and **maps** around them. Every gradient of a
 * contraction is a contraction again.
 *
 * The rules regroup products and sums as real arithmetic allows: results agree up to rounding, and where an
 * infinite factor would have met a zero.
 */

import { and } from "../../graph/condition.ts";
import { loadsOf } from "../../graph/context.ts";
import { isFloat } from "../../graph/dtype.ts";
import type { Compute, Scalar } from "../../graph/node.ts";
import { substituteAxes } from "../../graph/rewrite.ts";
import { contractPair, sumOwnAxes } from "./contraction-order.ts";
import { type Factor, factorsOf, productOf } from "./factors.ts";
import { loadWhole, mapOver, mapValue, type NodeScope, namedNodeRules } from "./node-rule.ts";
import { guardRange, operandOf } from "./operands.ts";
import { argsOf } from "./rule.ts";

export const normalFormRules = namedNodeRules({
  // Σ (a ± b) = Σ a ± Σ b where one of them is a product of operands smaller than the space they span
  splitSum: (node, scope) => {
    if (!isFloatSum(node)) return undefined;
    for (const fn of ["add", "subtract"] as const) {
      const terms = argsOf(node.body, fn);
      if (terms === undefined || !terms.some((term) => isContraction(term, node))) continue;
      const [a, b] = terms.map((body) => {
        const sum = scope.context.computeLike(node, body).values[0]!;
        return loadWhole(scope, sum);
      });
      return [mapValue(scope, node.parallel, scope.context.call(fn, a!, b!))];
    }
    return undefined;
  },
  // Σ (if c then b else 0) · d = Σ b·d over the points with c, for a condition c on the axes
  productConditionIntoWhere: (node, scope) => {
    if (!isFloatSum(node)) return undefined;
    const { condition, factors, negative } = factorsOf(node.body);
    if (condition.kind === "true") return undefined;
    const product = productOf(scope.context, factors, node.body.dtype);
    const body = negative ? scope.context.call("negate", product) : product;
    return scope.context.compute({ ...node, where: and(node.where, condition), body }).values;
  },
  // Σ f·g = f · Σ g where f does not depend on the axes summed over
  factorOut: (node, scope) => {
    if (!isFloatSum(node)) return undefined;
    const { negative, factors } = factorsOf(node.body);
    const isOuter = (factor: Factor) =>
      !dependsOnReduction(factor.axes, node) && isInRangeAlone(factor.scalar, node, scope);
    const outer = factors.filter(isOuter);
    const inner = factors.filter((factor) => !isOuter(factor));
    if ((outer.length === 0 && !negative) || inner.length === 0) return undefined;
    const { context } = scope;
    const body = productOf(context, inner, node.body.dtype);
    const sum = context.computeLike(node, body).values[0]!;
    return mapOver(scope, sum, (element) => {
      const scaled =
        outer.length === 0
          ? element
          : productOf(
              context,
              [{ scalar: element, inverse: false, axes: new Set() }, ...outer],
              element.dtype,
            );
      return negative ? context.call("negate", scaled) : scaled;
    });
  },
  // Σ m = Σ f·g for a map m = f·g, of which f does not depend on the axes summed over: of g there may be a sum already
  factorOutOfMap: (node, scope) => {
    const { body, parallel } = node;
    if (!isFloatSum(node) || body.kind !== "load" || body.guard.kind !== "true") return undefined;
    const map = body.value.node;
    if (map.kind !== "compute" || map.reducer !== null) return undefined;
    const product = substituteAxes(scope.context, map.body, (axis) => body.index[axis]!);
    const { condition, factors, negative } = factorsOf(product);
    const inner = factors.filter(({ axes }) => dependsOnReduction(axes, node));
    const [factor] = inner;
    if (condition.kind !== "true" || inner.length !== 1) return undefined;
    if (factors.length === 1 && !negative) return undefined;
    if (factor!.inverse || factor!.scalar.kind !== "load" || parallel.length === 0)
      return undefined;
    return scope.context.compute({ ...node, body: product }).values;
  },
  // A product of operands, each smaller than the space they span, becomes one of two bare loads.
  contract: (node, scope) => {
    if (!isFloatSum(node)) return undefined;
    const groups = groupFactors(factorsOf(node.body).factors);
    if (groups === undefined) return undefined;
    const operands = groups.map((group) => operandOf(group, node, scope));
    const summed = sumOwnAxes(operands, node, scope);
    if (summed !== undefined) return summed.values;
    if (operands.length > 2) return contractPair(operands, node, scope).values;
    const body = scope.context.call("multiply", operands[0]!.load, operands[1]!.load);
    return scope.context.computeLike(node, body).values;
  },
});

const isFloatSum = (node: Compute): boolean => node.reducer === "sum" && isFloat(node.body.dtype);

const dependsOnReduction = (axes: ReadonlySet<number>, node: Compute): boolean =>
  [...axes].some((axis) => axis >= node.parallel.length);

/** Whether every load is in range by its guard alone, without the help of `where`. */
function isInRangeAlone(scalar: Scalar, node: Compute, scope: NodeScope): boolean {
  return (
    node.where.kind === "true" ||
    loadsOf(scalar).every((load) => guardRange(load, node, scope) === load)
  );
}

function isContraction(term: Scalar, node: Compute): boolean {
  const inner = factorsOf(term).factors.filter(({ axes }) => dependsOnReduction(axes, node));
  return groupFactors(inner) !== undefined;
}

/**
 * Factors by the axes they depend on, if there are at least two kinds and none spans the whole space: then the
 * sum is a contraction. Otherwise a product is as large as its largest factor, and the sum is a plain reduction.
 */
function groupFactors(factors: readonly Factor[]): readonly (readonly Factor[])[] | undefined {
  const groups = new Map<string, Factor[]>();
  const spanned = new Set<number>();
  for (const factor of factors) {
    const key = [...factor.axes].sort((a, b) => a - b).join(",");
    const known = groups.get(key);
    if (known === undefined) groups.set(key, [factor]);
    else known.push(factor);
    for (const axis of factor.axes) spanned.add(axis);
  }
  if (groups.size < 2) return undefined;
  const grouped = [...groups.values()];
  if (grouped.some((group) => axesOfGroup(group).size === spanned.size)) return undefined;
  return mergeNested(grouped);
}

const axesOfGroup = (group: readonly Factor[]): ReadonlySet<number> => group[0]!.axes;

/** A group whose axes are among another's joins it: their product is no larger. */
function mergeNested(groups: readonly Factor[][]): readonly Factor[][] {
  const isWithin = (inner: readonly Factor[], outer: readonly Factor[]) =>
    inner !== outer && [...axesOfGroup(inner)].every((axis) => axesOfGroup(outer).has(axis));
  const hosts = groups.filter((group) => !groups.some((other) => isWithin(group, other)));
  const merged = new Map(hosts.map((host) => [host, [...host]]));
  for (const group of groups) {
    if (merged.has(group)) continue;
    merged.get(hosts.find((host) => isWithin(group, host))!)!.push(...group);
  }
  return [...merged.values()];
}
