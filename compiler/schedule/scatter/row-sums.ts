/** What both kinds of schedules do for a first row: add up all rows of its key, and make of the sums what is wanted. */

import type { Value } from "../../graph/node.ts";
import { elementType } from "../../kernel/algebra.ts";
import { add, broadcast, constant, i32, load } from "../../kernel/build.ts";
import type { Expression } from "../../kernel/ir.ts";
import type { Group, ScatterStep } from "../../optimize/group.ts";
import { lowerBody } from "../body.ts";
import { evaluateMaps, type Registers, storeGlobals, storeValue } from "../epilogue.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import type { DensePosition, SourceRows } from "./source-rows.ts";

/** A position within the rows, of which not all lanes need be points. */
export interface SumPosition extends DensePosition {
  readonly active: number;
  readonly mask: Expression | null;
}

/** Follows the links from a first row on; `amount` is how many rows there are. */
export function emitRowSums(
  builder: KernelBuilder,
  rows: SourceRows,
  group: Group,
  step: ScatterStep,
  { row, amount, key }: Readonly<Record<"row" | "amount" | "key", Expression>>,
  positions: readonly SumPosition[],
): void {
  const { node, memory } = step;
  const [result] = node.values;
  const dtype = elementType(result.dtype);
  const sums = positions.map(({ lanes }) => builder.mutable("sum", constant(0, dtype, lanes)));
  const from = builder.mutable("from", row);
  builder.loop("j", constant(0), amount, () => {
    const next = builder.let("next", load(rows.numbers(memory.next, from.value, "read"), i32));
    const axes = rows.axesOf(from.value);
    positions.forEach((position, i) => {
      const { active, mask, lanes } = position;
      const body = lowerBody(builder, node.body, rows.source(axes, position), { active, mask });
      builder.assign(sums[i]!.name, add(sums[i]!.value, broadcast(body, lanes)));
    });
    builder.assign(from.name, next);
  });
  positions.forEach((position, i) => {
    const point = rows.target(key, position);
    const sum = builder.let("total", sums[i]!.value);
    if (group.scopes.get(result) === "global") {
      storeValue(builder, result, point, sum, position);
    }
    const registers: Registers = new Map<Value, Expression>([[result, sum]]);
    evaluateMaps(builder, group.stages, point, registers, position);
    storeGlobals(builder, group, group.stages, point, registers, position);
  });
}
