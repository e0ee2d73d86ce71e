/** How many tensors a kernel of some stages would have in memory, for targets that bind only so many to one. */

import type { Compute, LeafRole, Value } from "../../graph/node.ts";
import { isColumn } from "./linear-access.ts";
import type { Structure, StructureOptions } from "./structure.ts";
import { pointsInRegisters, pointsInRow, sharedForValues } from "./workgroup-rows.ts";

/** Numbers that are uploaded for every step are no memory. */
const uploaded: ReadonlySet<LeafRole> = new Set<LeafRole>(["scalar", "hyper", "counter"]);

/**
 * Counts memory that is read or written once, the row numbers of the batch where columns are read, and scratch for
 * rows that shared memory may be too small for.
 */
export function countBuffers(
  stages: readonly Compute[],
  structure: Structure,
  isGlobal: (value: Value) => boolean,
  options: StructureOptions,
): number {
  const { stored } = options;
  const made = new Set(stages.flatMap(({ values }) => values));
  const roots = new Set<Value>();
  let readsColumns = false;
  for (const { operands, values } of stages) {
    for (const value of operands) {
      if (value.node.kind === "leaf" && uploaded.has(value.node.role)) continue;
      if (isColumn(value)) readsColumns = true;
      if (!made.has(value)) roots.add(stored.get(value) ?? value);
    }
    for (const value of values) if (isGlobal(value)) roots.add(stored.get(value) ?? value);
  }
  return roots.size + (readsColumns ? 1 : 0) + scratchOf(stages, structure, isGlobal, options);
}

/** Values of rows that may have to go through global memory: too long for registers, and for shared memory together. */
function scratchOf(
  stages: readonly Compute[],
  { kind, tileSpace }: Structure,
  isGlobal: (value: Value) => boolean,
  { batchMax, target: { workgroup } }: StructureOptions,
): number {
  if (kind !== "rows" || workgroup === null) return 0;
  const made = new Set(stages.flatMap(({ values }) => values));
  const read = new Set(stages.flatMap(({ operands }) => operands.filter((v) => made.has(v))));
  const points = (value: Value) => pointsInRow(value, tileSpace.length, batchMax);
  const kept = [...read].filter((value) => points(value) > workgroup.threads * pointsInRegisters);
  const bytes = kept.reduce((sum, value) => sum + 4 * points(value), 0);
  return bytes > sharedForValues(workgroup) ? kept.filter((value) => !isGlobal(value)).length : 0;
}
