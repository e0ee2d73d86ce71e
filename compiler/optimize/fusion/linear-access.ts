/**
 * Loads whose place in memory is a linear function of the axes: what tiles, vectors and packing are made for.
 * Reshapes, transposes, slices and broadcasts are linear once the index is flattened; padding and gathers
 * are not. Rows of the batch lie anywhere, but a place is linear in the row's number and within the row.
 */

import {
  type Affine,
  addAffine,
  atomAffine,
  axesOf,
  extentAffine,
  scaleAffine,
} from "../../graph/affine.ts";
import { type Extent, elementsAt } from "../../graph/extent.ts";
import type { Compute, LoadScalar, Value } from "../../graph/node.ts";
import { type Box, linearOffset, simplifyAffine } from "../simplify-index.ts";

/** `start + Σ steps[axis]·axis`. */
export interface LinearPlace {
  /** Of literals, N and the steps of loops. */
  readonly start: Affine;
  /** One for each axis of the node, 0 where the place does not depend on it or the axis has one point. */
  readonly steps: readonly number[];
}

/** A load by its place in memory, in elements. */
export interface LinearAccess extends LinearPlace {
  readonly load: LoadScalar;
  /** Of a column of the data: which row of the batch it is within which the place is; null for what lies in an arena. */
  readonly row: LinearPlace | null;
}

/** All axes of a node, parallel ones first. */
export function axesOfNode(node: Pick<Compute, "parallel" | "reduction">): readonly Extent[] {
  return [...node.parallel, ...node.reduction];
}

export function boxOf(node: Compute, batchMax: number): Box {
  return { axes: axesOfNode(node), batchMax };
}

/** Whether a value is a column of the data, whose rows lie wherever the batch takes them from. */
export function isColumn({ node }: Value): boolean {
  return node.kind === "leaf" && node.role === "input";
}

/** The linear form of a load, or undefined if it is guarded or not linear. */
export function linearAccess(load: LoadScalar, box: Box): LinearAccess | undefined {
  const { value, index, guard } = load;
  if (guard.kind !== "true") return undefined;
  const ofColumn = isColumn(value);
  const [first, ...rest] = index;
  const row = ofColumn ? linearSteps(first!, box) : null;
  const within = ofColumn
    ? linearOffset(rest, value.shape.slice(1), box)
    : linearOffset(index, value.shape, box);
  const place = linearSteps(within, box);
  return place && row !== undefined ? { load, ...place, row } : undefined;
}

/** How far an axis moves a load, in elements, as if the rows of a column lay side by side in the order of the batch. */
export function stepAlong({ load, steps, row }: LinearAccess, axis: number): number {
  if (row === null || row.steps[axis] === 0) return steps[axis]!;
  const rowElements = elementsAt(load.value.shape.slice(1), 1);
  return steps[axis]! + row.steps[axis]! * rowElements;
}

/**
 * By how many elements each axis moves a load within memory, guards aside; undefined for axes that do not move it evenly.
 * Rows of a column lie anywhere: the axes that choose them move by more than any row.
 */
export function memorySteps(
  { value, index }: LoadScalar,
  box: Box,
): readonly (number | undefined)[] {
  if (!isColumn(value)) return evenSteps(linearOffset(index, value.shape, box), box);
  const [row, ...rest] = index;
  const within = evenSteps(linearOffset(rest, value.shape.slice(1), box), box);
  const chosen = axesOf(row!);
  return within.map((step, axis) => (chosen.has(axis) ? Number.POSITIVE_INFINITY : step));
}

/** The coefficients of an affine, undefined for axes in quotients or remainders. */
function evenSteps(affine: Affine, box: Box): readonly (number | undefined)[] {
  const steps: (number | undefined)[] = box.axes.map(() => 0);
  const { terms } = simplifyAffine(affine, box);
  for (const { coefficient, atom } of terms) {
    if (atom.kind === "axis") steps[atom.axis] = coefficient;
  }
  for (const { atom } of terms) {
    if (atom.kind === "axis") continue;
    for (const axis of axesOf(atomAffine(atom))) steps[axis] = undefined;
  }
  return steps;
}

/** The coefficients of an affine, or undefined if it has quotients or remainders of the axes. */
export function linearSteps(affine: Affine, box: Box): LinearPlace | undefined {
  const { constant, batch, terms } = simplifyAffine(affine, box);
  let start = extentAffine({ constant, batch });
  const steps = box.axes.map(() => 0);
  for (const { coefficient, atom } of terms) {
    const alone = atomAffine(atom);
    if (atom.kind === "axis") steps[atom.axis] = coefficient;
    else if (axesOf(alone).size === 0) start = addAffine(start, scaleAffine(alone, coefficient));
    else return undefined;
  }
  return { start, steps };
}
