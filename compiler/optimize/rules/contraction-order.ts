/** The order in which products of more than two operands are multiplied and summed. */

import { axisAffine } from "../../graph/affine.ts";
import { conditionAxes, substituteCondition } from "../../graph/condition.ts";
import type { Compute, LoadScalar, Scalar } from "../../graph/node.ts";
import { renumberAxes } from "../../graph/rewrite.ts";
import { axesOfNode, type NodeScope, pointsAt } from "./node-rule.ts";
import { guardRange, type Operand, sortedAxes } from "./operands.ts";

/**
 * An axis that is summed over and occurs in one operand only is summed there first:
 * Σ a(m, k, j)·b(k, n) = Σ (Σⱼ a)·b. Undefined if there is none.
 */
export function sumOwnAxes(
  operands: readonly Operand[],
  node: Compute,
  scope: NodeScope,
): Compute | undefined {
  for (const operand of operands) {
    const others = operands.filter((other) => other !== operand);
    const summed = privateAxes(operand.axes, others, node);
    if (summed.length > 0) return contractFirst([operand], others, summed, node, scope);
  }
  return undefined;
}

/** Multiplies the two of three or more operands that make the least work, and leaves the rest as it is. */
export function contractPair(
  operands: readonly Operand[],
  node: Compute,
  scope: NodeScope,
): Compute {
  const pairs = operands.flatMap((a, i) => operands.slice(i + 1).map((b) => [a, b] as const));
  let best: { pair: readonly [Operand, Operand]; summed: readonly number[] } | undefined;
  let leastWork = Number.POSITIVE_INFINITY;
  for (const pair of pairs) {
    const others = operands.filter((operand) => !pair.includes(operand));
    const union = new Set(pair.flatMap((operand) => [...operand.axes]));
    const summed = privateAxes(union, others, node);
    const kept = [...union].filter((axis) => !summed.includes(axis));
    const rest = sortedAxes([...kept, ...others.flatMap((other) => [...other.axes])]);
    const work = pointsOf(sortedAxes(union), node, scope) + pointsOf(rest, node, scope);
    if (work < leastWork) {
      leastWork = work;
      best = { pair, summed };
    }
  }
  const { pair, summed } = best!;
  const others = operands.filter((operand) => !pair.includes(operand));
  return contractFirst(pair, others, summed, node, scope);
}

const pointsOf = (axes: readonly number[], node: Compute, { batchMax }: NodeScope): number => {
  const all = axesOfNode(node);
  return pointsAt(
    axes.map((axis) => all[axis]!),
    batchMax,
  );
};

/** Axes summed over that no other operand and no condition depends on. */
function privateAxes(
  axes: ReadonlySet<number>,
  others: readonly Operand[],
  node: Compute,
): readonly number[] {
  const inWhere = conditionAxes(node.where);
  return sortedAxes(axes).filter(
    (axis) =>
      axis >= node.parallel.length &&
      !inWhere.has(axis) &&
      !others.some((other) => other.axes.has(axis)),
  );
}

/** A node of its own for the product of the first operands, summed over some axes; the sum of its product with the rest. */
function contractFirst(
  first: readonly Operand[],
  others: readonly Operand[],
  summed: readonly number[],
  node: Compute,
  scope: NodeScope,
): Compute {
  const { context } = scope;
  const all = axesOfNode(node);
  const union = sortedAxes(first.flatMap((operand) => [...operand.axes]));
  const kept = union.filter((axis) => !summed.includes(axis));
  // The batch leads every tensor that has it, also where the whole sums over it.
  const isBatch = (axis: number) => all[axis]!.batch !== 0;
  const outer = [...kept.filter(isBatch), ...kept.filter((axis) => !isBatch(axis))];
  // What `where` kept in range must be so by itself in a node of its own.
  const loads = first.map((operand) => guardRange(operand.load, node, scope));
  const product = productOfLoads(loads, scope);
  const early = context.compute({
    parallel: outer.map((axis) => all[axis]!),
    reduction: summed.map((axis) => all[axis]!),
    reducer: summed.length > 0 ? "sum" : null,
    body: renumberAxes(context, product, positions([...outer, ...summed])),
  });
  const rest = [
    context.load(early.values[0]!, outer.map(axisAffine)),
    ...others.map((o) => o.load),
  ];
  const body = productOfLoads(rest, scope);
  const remaining = [...all.keys()].filter((axis) => !summed.includes(axis));
  const numbers = positions(remaining);
  return context.compute({
    parallel: node.parallel,
    reduction: node.reduction.filter((_, i) => !summed.includes(node.parallel.length + i)),
    where: substituteCondition(node.where, (axis) => axisAffine(numbers[axis]!)),
    reducer: "sum",
    body: renumberAxes(context, body, numbers),
  });
}

/** The position of each axis in a list, by axis. */
function positions(axes: readonly number[]): number[] {
  const numbers: number[] = [];
  axes.forEach((axis, i) => {
    numbers[axis] = i;
  });
  return numbers;
}

const productOfLoads = (loads: readonly LoadScalar[], { context }: NodeScope): Scalar =>
  loads.reduce<Scalar | undefined>(
    (product, load) => (product === undefined ? load : context.call("multiply", product, load)),
    undefined,
  )!;
