/**
 * Contractions that the register-tiled schedule can run: sums of a product of two loads, both linear in the
 * axes, where the output's contiguous axis occurs in exactly one of them. Matrix products in every transpose,
 * their gradients, batched products and unpadded convolutions are of this form.
 */

import { isFixed, sizeAt } from "../../graph/extent.ts";
import type { Compute } from "../../graph/node.ts";
import { axesOfNode, boxOf, type LinearAccess, linearAccess, stepAlong } from "./linear-access.ts";

export interface StridedContraction {
  readonly node: Compute;
  /**
   * The operand that is the same along the vector axis: one element is broadcast to all lanes. It may be a column of the
   * data, whose rows are read where they lie.
   */
  readonly broadcast: LinearAccess;
  /** The operand that runs along the vector axis; no column of the data. */
  readonly run: LinearAccess;
  /** The innermost parallel axis with more than one point. */
  readonly vectorAxis: number;
  /** The parallel axes along which only `broadcast` moves, the longest of which a register tile has as rows. */
  readonly rowAxes: readonly number[];
  /** The other parallel axes. */
  readonly outerAxes: readonly number[];
  /** The reduction axes with more than one point, those along which `broadcast` lies closest last. */
  readonly sumAxes: readonly number[];
}

/**
 * Points of the sum beyond which an operand whose columns do not lie side by side is not copied to where they
 * do: the copy is memory of one task.
 */
const longestPanel = 1 << 13;

export function stridedContraction(
  node: Compute,
  batchMax: number,
): StridedContraction | undefined {
  const { reducer, body, where } = node;
  if (reducer !== "sum" || where.kind !== "true" || body.dtype !== "f32") return undefined;
  if (body.kind !== "call" || body.fn !== "multiply") return undefined;
  const [left, right] = body.args;
  if (left?.kind !== "load" || right?.kind !== "load") return undefined;
  const box = boxOf(node, batchMax);
  const a = linearAccess(left, box);
  const b = linearAccess(right, box);
  if (a === undefined || b === undefined) return undefined;

  const extents = axesOfNode(node);
  const isLong = (axis: number) => sizeAt(extents[axis]!, batchMax) > 1;
  const parallel = node.parallel.map((_, axis) => axis).filter(isLong);
  const sumAxes = node.reduction.map((_, r) => node.parallel.length + r).filter(isLong);
  const vectorAxis = parallel.at(-1);
  if (vectorAxis === undefined || sumAxes.length === 0) return undefined;
  const columns = extents[vectorAxis]!;
  if (!isFixed(columns)) return undefined;

  const moves = (access: LinearAccess, axis: number) => stepAlong(access, axis) !== 0;
  if (moves(a, vectorAxis) === moves(b, vectorAxis)) return undefined;
  const [broadcast, run] = moves(a, vectorAxis) ? [b, a] : [a, b];
  if (run.row !== null) return undefined;
  const sumPoints = sumAxes.reduce((points, axis) => points * sizeAt(extents[axis]!, batchMax), 1);
  if (run.steps[vectorAxis] !== 1 && sumPoints > longestPanel) return undefined;
  const others = parallel.filter((axis) => axis !== vectorAxis);
  const isRow = (axis: number) => moves(broadcast, axis) && !moves(run, axis);
  return {
    node,
    broadcast,
    run,
    vectorAxis,
    rowAxes: others.filter(isRow),
    outerAxes: others.filter((axis) => !isRow(axis)),
    // Loops are long where they run through memory, and cheap where they are long.
    sumAxes: sumAxes.sort((a, b) => stride(broadcast, b) - stride(broadcast, a)),
  };
}

/**
 * Points of a sum that lie side by side in both operands, from which on it is added up along them where its columns do not:
 * a vector of them.
 */
const fewestAlong = 16;

/**
 * Whether a sum had better be added up along its points than in tiles: it has no rows, so that nothing is used twice of what
 * would be copied for columns to lie side by side.
 */
export function isAddedAlong({
  node,
  broadcast,
  run,
  vectorAxis,
  rowAxes,
  sumAxes,
}: StridedContraction): boolean {
  if (rowAxes.length > 0 || run.steps[vectorAxis] === 1 || broadcast.row !== null) return false;
  const last = node.parallel.length + node.reduction.length - 1;
  return (
    sumAxes.includes(last) &&
    broadcast.steps[last] === 1 &&
    run.steps[last] === 1 &&
    axesOfNode(node)[last]!.constant >= fewestAlong
  );
}

/** Columns up to which a tile without rows has a single sum to wait for, with the widest vectors there are. */
const mostAcross = 16;

/**
 * Whether a sum had better be added up beside those of its neighbours than in tiles: it has no rows and few columns, and
 * there are others that read the same elements for all columns.
 */
export function isAddedBeside({
  node,
  broadcast,
  run,
  vectorAxis,
  rowAxes,
  outerAxes,
}: StridedContraction): boolean {
  return (
    rowAxes.length === 0 &&
    run.steps[vectorAxis] === 1 &&
    broadcast.row === null &&
    node.parallel[vectorAxis]!.constant <= mostAcross &&
    outerAxes.some((axis) => axis < vectorAxis && broadcast.steps[axis] === 0)
  );
}

function stride(access: LinearAccess, axis: number): number {
  return Math.abs(stepAlong(access, axis));
}
