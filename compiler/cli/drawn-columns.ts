/**
 * A batch of random rows for any model, to time its kernels on: fractions from −1 to 1, and integers that are in
 * range wherever the model looks something up by them.
 */

import type { ColumnPlan, SelfTestPlan } from "../../runtime/plan.ts";
import type { Dataset } from "../../runtime/training/dataset.ts";
import { selfTestDataset } from "../../runtime/training/self-test.ts";
import { sizeAt } from "../graph/extent.ts";
import type { Graph, Scalar, Value } from "../graph/node.ts";
import { gathersOf, loadsOf, nodesOfBodies } from "../graph/traversal.ts";
import { selfTestRanges } from "../self-test.ts";
import type { LoweredProgram } from "../semantics/program.ts";

/** `rows` rows of all columns; the same ones every time. */
export function drawColumns(
  lowered: LoweredProgram,
  columns: readonly ColumnPlan[],
  rows: number,
): Dataset {
  const ranges = { ...selfTestRanges(lowered), ...lookupRanges(lowered) };
  return selfTestDataset(columns, { seed: 0, rows, ranges, checks: [] });
}

/** Of integer columns that the model looks up by: from 0 to the size of the smallest table. */
function lookupRanges({ predict, training, batchMax }: LoweredProgram): SelfTestPlan["ranges"] {
  const ranges: Record<string, readonly [number, number]> = {};
  const updates = (training?.updates ?? []).map(({ graph }) => graph);
  for (const { index, size } of [predict, ...updates].flatMap((graph) =>
    lookups(graph, batchMax),
  )) {
    for (const column of columnsBehind(index)) {
      ranges[column] = [0, Math.min(size, ranges[column]?.[1] ?? size)];
    }
  }
  return ranges;
}

interface Lookup {
  readonly index: Scalar;
  /** Of the dimension that it is an index of. */
  readonly size: number;
}

function lookups(graph: Graph, batchMax: number): Lookup[] {
  const bodies = nodesOfBodies(graph).flatMap((node) =>
    node.kind === "compute" ? [node.body] : [],
  );
  return bodies
    .flatMap(gathersOf)
    .flatMap(({ value, index }) =>
      index.map((scalar, axis) => ({ index: scalar, size: sizeAt(value.shape[axis]!, batchMax) })),
    );
}

/** The integer columns of the data that a scalar is computed from through integers alone. */
function columnsBehind(scalar: Scalar): ReadonlySet<string> {
  const columns = new Set<string>();
  const seen = new Set<Value>();
  const visit = (value: Value): void => {
    if (seen.has(value) || (value.dtype !== "i32" && value.dtype !== "u8")) return;
    seen.add(value);
    const { node } = value;
    if (node.kind !== "leaf") for (const operand of node.operands) visit(operand);
    else if (node.role === "input") columns.add(node.path);
  };
  for (const { value } of loadsOf(scalar)) visit(value);
  return columns;
}
