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

/** Places the tile of this task, of so many rows and columns. */
export function placeTile(
  builder: KernelBuilder,
  { box, outerAxes, rows, columns }: TiledContraction,
  height: number,
  width: number,
): PlacedTile {
  const counts = [
    ...box.axes.slice(0, outerAxes).map(extentValue),
    ceilQuotient(extentValue(rows.extent), height),
    ceilQuotient(extentValue(columns.extent), width),
  ];
  const isOne = (axis: number) => axis < outerAxes && sizeAt(box.axes[axis]!, box.batchMax) === 1;
  let rest: Expression = symbol("task");
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

function divided(kind: "quotient" | "remainder", a: Expression, b: Expression): Expression {
  if (b.kind !== "constant") return operation(kind, a, b);
  return kind === "quotient" ? quotient(a, b.value) : remainder(a, b.value);
}
