/**
 * Loads whose place in memory is a linear function of the axes: what tiles, vectors and packing are made for.
 * Reshapes, transposes, slices and broadcasts are linear once the index is flattened; padding and gathers
 * are not.
 */

import {
  type Affine,
  addAffine,
  atomAffine,
  axesOf,
  extentAffine,
  scaleAffine,
} from "../../graph/affine.ts";
import type { Extent } from "../../graph/extent.ts";
import type { Compute, LoadScalar, Value } from "../../graph/node.ts";
import { type Box, linearOffset, simplifyAffine } from "../simplify-index.ts";

/** `memory[start + Σ steps[axis]·axis]`, in elements. */
export interface LinearAccess {
  readonly load: LoadScalar;
  /** Of literals, N and the steps of loops. */
  readonly start: Affine;
  /** One for each axis of the node, 0 where the element does not depend on it or the axis has one point. */
  readonly steps: readonly number[];
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

/** The linear form of a load, or undefined if it is guarded, gathers rows of a column, or is not linear. */
export function linearAccess(load: LoadScalar, box: Box): LinearAccess | undefined {
  if (load.guard.kind !== "true" || isColumn(load.value)) return undefined;
  const steps = linearSteps(linearOffset(load.index, load.value.shape, box), box);
  return steps && { load, ...steps };
}

/**
 * By how many elements each axis moves a load within memory, guards aside, or undefined if that is not even.
 * Rows of a column lie anywhere: the axes that choose them move by more than any row.
 */
export function memorySteps({ value, index }: LoadScalar, box: Box): readonly number[] | undefined {
  if (!isColumn(value)) return linearSteps(linearOffset(index, value.shape, box), box)?.steps;
  const [row, ...rest] = index;
  const within = linearSteps(linearOffset(rest, value.shape.slice(1), box), box);
  if (within === undefined) return undefined;
  const chosen = axesOf(row!);
  return within.steps.map((step, axis) => (chosen.has(axis) ? Number.POSITIVE_INFINITY : step));
}

/** The coefficients of an affine, or undefined if it has quotients or remainders of the axes. */
export function linearSteps(
  affine: Affine,
  box: Box,
): Pick<LinearAccess, "start" | "steps"> | undefined {
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
