/**
 * Which tile of a contraction's result a task computes. Columns are numbered fastest, so that neighbouring tasks
 * share the rows that they read.
 */

import { sizeAt } from "../../graph/extent.ts";
import {
  ceilQuotient,
  constant,
  multiply,
  operation,
  quotient,
  remainder,
  symbol,
} from "../../kernel/build.ts";
import type { Expression } from "../../kernel/ir.ts";
import type { TiledContraction } from "../../optimize/fusion/tiled-contraction.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import { extentValue } from "../micro-kernel.ts";

export interface PlacedTile {
  /** The values of the contraction's box at the tile's first row and column. */
  readonly axes: readonly Expression[];
  /** How many tiles there are. */
  readonly tasks: Expression;
}

/** Places a tile of so many rows and columns: that of this task, or the one of a number. */
export function placeTile(
  builder: KernelBuilder,
  contraction: TiledContraction,
  height: number,
  width: number,
  number: Expression = symbol("task"),
): PlacedTile {
  const { box, outerAxes, rows, columns } = contraction;
  const counts = tileCounts(contraction, height, width);
  const isOne = (axis: number) => axis < outerAxes && sizeAt(box.axes[axis]!, box.batchMax) === 1;
  let rest = number;
  const numbers = [...counts];
  for (let i = counts.length - 1; i >= 0; i--) {
    const count = counts[i]!;
    if (isOne(i) || (count.kind === "constant" && count.value === 1)) numbers[i] = constant(0);
    else if (i === 0) numbers[i] = rest;
    else {
      numbers[i] = builder.let("tile", divided("remainder", rest, count));
      rest = builder.let("rest", divided("quotient", rest, count));
    }
  }
  const axes = [...numbers, constant(0)];
  axes[rows.axis] = builder.let("first_row", multiply(axes[rows.axis]!, constant(height)));
  axes[columns.axis] = builder.let("first_column", multiply(axes[columns.axis]!, constant(width)));
  return { axes, tasks: counts.reduce(multiply) };
}

/** How many tiles of so many rows and columns there are. */
export function countTiles(
  contraction: TiledContraction,
  height: number,
  width: number,
): Expression {
  return tileCounts(contraction, height, width).reduce(multiply);
}

/** How many there are along each axis. */
function tileCounts(
  { box, outerAxes, rows, columns }: TiledContraction,
  height: number,
  width: number,
): readonly Expression[] {
  return [
    ...box.axes.slice(0, outerAxes).map(extentValue),
    ceilQuotient(extentValue(rows.extent), height),
    ceilQuotient(extentValue(columns.extent), width),
  ];
}

function divided(kind: "quotient" | "remainder", a: Expression, b: Expression): Expression {
  if (b.kind !== "constant") return operation(kind, a, b);
  return kind === "quotient" ? quotient(a, b.value) : remainder(a, b.value);
}
