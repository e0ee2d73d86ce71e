/** Where operands of register tiles are: in windows, in memory of the task, or in rows of the batch. */

import type { Affine } from "../graph/affine.ts";
import { add, constant, multiply, place } from "../kernel/build.ts";
import type { Address, Expression } from "../kernel/ir.ts";
import type { LinearAccess } from "../optimize/fusion/linear-access.ts";
import { scalarIndex } from "./indexes.ts";
import type { KernelBuilder } from "./kernel-builder.ts";

/** Where an operand starts for a tile, and the buffer it lies in. */
export interface TileOperand {
  readonly buffer: string;
  /** In elements, at the first step of the sum. */
  readonly start: Expression;
  /** Of a column of the data: the row of the batch within which that is. */
  readonly row?: Expression;
}

/** An operand at the given parallel axes, and so many elements further, before the first step of the sum. */
export function operandAt(
  builder: KernelBuilder,
  { load, start, steps, row }: LinearAccess,
  hint: string,
  axes: readonly Expression[],
  moved = 0,
): TileOperand {
  const { batchMax } = builder;
  const none = { extents: [], batchMax, axes: [], vector: null };
  const at = (first: Affine, along: readonly number[], further: number): Expression =>
    axes.reduce(
      (sum, value, axis) => add(sum, multiply(value, constant(along[axis]!))),
      add(scalarIndex(first, none), constant(further)),
    );
  const operand = {
    buffer: builder.buffer(load.value, "read"),
    start: builder.let(hint, at(start, steps, moved)),
  };
  if (row === null) return operand;
  return { ...operand, row: builder.let("batch_row", at(row.start, row.steps, 0)) };
}

/** The operand so many elements further, and rows of the batch where it is a column. */
export function movedOperand(
  operand: TileOperand,
  elements: Expression,
  rows: Expression,
): TileOperand {
  const start = add(operand.start, elements);
  const { row } = operand;
  return row === undefined ? { ...operand, start } : { ...operand, start, row: add(row, rows) };
}

export function addressOf({ buffer, start, row }: TileOperand): Address {
  return { kind: "address", place: place(buffer, start, row ?? null) };
}
