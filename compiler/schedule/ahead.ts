/**
 * Asks for memory that the next iteration of a loop will read and write. What rows of the batch have of a sequence lies
 * far apart, and an iteration goes through a little of each: no processor foresees so many streams, so every line would be
 * waited for. As each iteration asks for the lines of the next one, they come in meanwhile: to the second level, as the
 * first would lose them again before the iteration is over.
 */

import {
  type Affine,
  axesOf,
  axisAffine,
  offsetAffine,
  stepAffine,
  substituteAffine,
  substituteSteps,
  zeroAffine,
} from "../graph/affine.ts";
import { loadsOf } from "../graph/context.ts";
import { bytesPerElement } from "../graph/dtype.ts";
import { elementsAt, sizeAt } from "../graph/extent.ts";
import type { Compute, Value } from "../graph/node.ts";
import { add, constant } from "../kernel/build.ts";
import { askFor } from "../kernel/intrinsics.ts";
import type { Expression } from "../kernel/ir.ts";
import { identityIndex } from "../optimize/fusion/copies.ts";
import { axesOfNode } from "../optimize/fusion/linear-access.ts";
import type { Group } from "../optimize/group.ts";
import { recombine, scalarIndex } from "./indexes.ts";
import { isStepScalar, type KernelBuilder } from "./kernel-builder.ts";
import { lineElements } from "./micro-kernel.ts";

/** A run of elements for each row. */
interface Run {
  readonly buffer: string;
  /** Of the first element, of the axes that fix the row. */
  readonly offset: Affine;
  readonly elements: number;
  readonly node: Compute;
}

/** What to emit for each row that is fixed by so many leading axes. */
export function askForNextIteration(
  builder: KernelBuilder,
  { stages, scopes }: Group,
  depth: number,
  /** Bytes of the first-level cache: smaller tensors are near anyway. */
  nearBytes: number,
): (row: readonly Expression[]) => void {
  const runs = new Map<string, Run>();
  const visit = (node: Compute, value: Value, index: readonly Affine[], isWritten: boolean) => {
    const { node: maker } = value;
    if (value.dtype !== "f32" || (maker.kind === "leaf" && isUploaded(value))) return;
    const offset = atNextIteration(recombine(builder.indexOf(value, index).offset));
    const elements = offset && runLength(offset, node, depth, builder.batchMax);
    if (offset === undefined || elements === undefined) return;
    const { memory } = builder.surroundings.placeOf(value);
    const bytes = elementsAt(memory.shape, builder.batchMax) * bytesPerElement[value.dtype];
    if (bytes <= nearBytes) return;
    const buffer = builder.buffer(value, isWritten ? "write" : "read");
    const first = firstOfRun(offset, depth);
    runs.set(`${buffer} ${first.key}`, { buffer, offset: first, elements, node });
  };
  for (const node of stages) {
    for (const { value, index, guard } of loadsOf(node.body)) {
      if (!scopes.has(value) && guard.kind === "true") visit(node, value, index, false);
    }
    for (const value of node.values) {
      if (scopes.get(value) === "global")
        visit(node, value, identityIndex(value.shape.length), true);
    }
  }
  return (row) => {
    for (const { buffer, offset, elements, node } of runs.values()) {
      const extents = axesOfNode(node);
      const { batchMax } = builder;
      const start = scalarIndex(offset, { extents, batchMax, axes: row, vector: null });
      for (let line = 0; line < elements; line += lineElements) {
        builder.emit(askFor(buffer, add(start, constant(line)), null, "second"));
      }
    }
  };
}

function isUploaded({ node }: Value): boolean {
  return node.kind === "leaf" && (node.role === "input" || isStepScalar(node));
}

/** The same place one iteration later; undefined where it does not depend on the iteration of one loop. */
function atNextIteration(offset: Affine): Affine | undefined {
  const steps = offset.terms.flatMap(({ atom }) => (atom.kind === "step" ? [atom] : []));
  const [step, ...others] = steps;
  if (step === undefined || others.length > 0) return undefined;
  return substituteSteps(offset, () => offsetAffine(stepAffine(step.loop, step.length), 1));
}

/** How many elements side by side a row has; undefined if it has others. */
function runLength(
  offset: Affine,
  node: Compute,
  depth: number,
  batchMax: number,
): number | undefined {
  const extents = axesOfNode(node);
  const inner = [...axesOf(offset)].filter((axis) => axis >= depth);
  if (offset.terms.some(({ atom }) => atom.kind === "div" || atom.kind === "mod")) return undefined;
  const [axis, ...others] = inner;
  if (axis === undefined) return 1;
  const isRun = offset.terms.some(
    ({ atom, coefficient }) => atom.kind === "axis" && atom.axis === axis && coefficient === 1,
  );
  return isRun && others.length === 0 ? sizeAt(extents[axis]!, batchMax) : undefined;
}

function firstOfRun(offset: Affine, depth: number): Affine {
  return substituteAffine(offset, (axis) => (axis < depth ? axisAffine(axis) : zeroAffine));
}
