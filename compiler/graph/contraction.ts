/**
 * What makes a compute node a contraction: a sum of products of two loads, every axis of which is used by
 * two of the operands A and B and the result Y, or by all three:
 *
 *     batch: A, B, Y     m: A, Y     n: B, Y     k: A, B
 *
 * Matrix products, convolutions and all their gradients are contractions. The classification only reads
 * the node; a schedule that relies on it needs no knowledge of where the node came from.
 */

import { axesOf } from "./affine.ts";
import type { Extent } from "./extent.ts";
import type { Compute, LoadScalar, Scalar } from "./node.ts";

export interface ContractionOperand {
  readonly load: LoadScalar;
  /** The factor as it stands in the body: the load, or what it is converted to. */
  readonly scalar: Scalar;
}

export interface Contraction {
  readonly a: ContractionOperand;
  readonly b: ContractionOperand;
  /** Axis numbers of the node, each list ascending; an axis of extent 1 may be in no operand at all. */
  readonly batch: readonly number[];
  readonly m: readonly number[];
  readonly n: readonly number[];
  readonly k: readonly number[];
}

/** The roles of the operands and axes, or null if the node is no contraction. */
export function classifyContraction(node: Compute): Contraction | null {
  if (node.reducer !== "sum" || node.body.kind !== "call" || node.body.fn !== "multiply")
    return null;
  const [a, b] = node.body.args.map(operandOf);
  if (a === undefined || b === undefined) return null;
  const inA = indexAxes(a.load);
  const inB = indexAxes(b.load);
  const roles = { batch: [], m: [], n: [], k: [] } as Record<"batch" | "m" | "n" | "k", number[]>;
  const extents: readonly Extent[] = [...node.parallel, ...node.reduction];
  for (const [axis, extent] of extents.entries()) {
    const isParallel = axis < node.parallel.length;
    const isUnit = extent.batch === 0 && extent.constant === 1;
    if (isParallel && inA.has(axis) && inB.has(axis)) roles.batch.push(axis);
    else if (isParallel && inA.has(axis)) roles.m.push(axis);
    else if (isParallel && inB.has(axis)) roles.n.push(axis);
    else if (!isParallel && inA.has(axis) && inB.has(axis)) roles.k.push(axis);
    // A sum over one operand's axis, or a copy of the result, is work that a contraction would repeat.
    else if (!isUnit) return null;
    else roles[isParallel ? "m" : "k"].push(axis);
  }
  return { a, b, ...roles };
}

function operandOf(scalar: Scalar): ContractionOperand | undefined {
  let load = scalar;
  while (load.kind === "cast") load = load.of;
  return load.kind === "load" ? { load, scalar } : undefined;
}

function indexAxes(load: LoadScalar): ReadonlySet<number> {
  const axes = new Set<number>();
  for (const index of load.index) axesOf(index, axes);
  return axes;
}
