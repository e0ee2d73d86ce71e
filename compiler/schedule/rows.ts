/**
 * The schedule of all groups without a register tile, and of those whose tile holds whole rows: a row program
 * for each row, rows cut into tasks. What a row is follows from the group: the leading axes that its stages
 * share, or, for maps and column sums, all axes but the innermost, which the lanes run along.
 */

import { sizeAt } from "../graph/extent.ts";
import { add, ceilQuotient, constant, min, multiply, symbol } from "../kernel/build.ts";
import type { Expression } from "../kernel/ir.ts";
import { runsAlongReduction } from "../optimize/fusion/node-facts.ts";
import type { Group } from "../optimize/group.ts";
import type { TargetDescription } from "../optimize/target-description.ts";
import { askForNextIteration } from "./ahead.ts";
import { emitContraction } from "./contraction.ts";
import { planOfGroup } from "./contraction-choice.ts";
import type { FinishedTile } from "./contraction-epilogue.ts";
import { limitsOf } from "./contraction-limits.ts";
import { type ContractionPlan, evenTasks } from "./contraction-plan.ts";
import { commentOf, nameOfGroup, predictedSeconds } from "./cost.ts";
import { KernelBuilder, type ScheduledKernel, type Surroundings } from "./kernel-builder.ts";
import { extentValue } from "./micro-kernel.ts";
import { planRows, writingOf } from "./rows-plan.ts";
import { RowProgram } from "./rows-program.ts";
import { tileOfSums } from "./sum-tiles.ts";

/** The kernel of a group of kind `rows`, `map` or `reduction`. */
export function scheduleRows(
  group: Group,
  surroundings: Surroundings,
  target: TargetDescription,
): ScheduledKernel {
  const { batchMax, times } = surroundings;
  const builder = new KernelBuilder(surroundings);
  const depth =
    group.kind === "rows" ? group.tileSpace.length : pointwiseDepth(group, batchMax, target);
  const tiled = planOfGroup(group, batchMax, target);
  const { stages } = group;
  const lanes = target.vectorLanes;
  const plan = tiled
    ? planRows(stages, depth, batchMax, lanes)
    : planRows(stages, depth, batchMax, lanes, writingOf(stages, depth, batchMax, target, times));
  const program = new RowProgram(builder, group, plan);
  const tasks = tiled
    ? emitTiledRows(builder, tiled.plan, program)
    : emitRows(builder, group, depth, program, target);
  return builder.finish(nameOfGroup(group, surroundings), tasks, commentOf(group, surroundings));
}

/**
 * The row of a map or column sum: all axes before the last long one, or before those along which sums are added up side by
 * side; of a sum along its row: all axes.
 */
function pointwiseDepth({ stages }: Group, batchMax: number, target: TargetDescription): number {
  const [first] = stages;
  const anchor = stages.find((stage) => stage.reducer !== null);
  const { parallel } = first!;
  if (anchor !== undefined && runsAlongReduction(anchor, batchMax)) return parallel.length;
  // Of the first axis tasks are made.
  const sweepAxes = parallel.flatMap((extent, axis) =>
    axis > 0 && sizeAt(extent, batchMax) > 1 ? [axis] : [],
  );
  const sums = stages
    .filter(({ reducer }) => reducer !== null)
    .map((node) => ({ node, sweepAxes }));
  const sweep = sweepAxes.map((axis) => parallel[axis]!);
  const tiled = tileOfSums(sums, sweep, target, batchMax)?.points.length ?? 0;
  return sweepAxes.at(-1 - tiled) ?? 0;
}

/** Loops over rows, the outermost axis cut into tasks. */
function emitRows(
  builder: KernelBuilder,
  group: Group,
  depth: number,
  program: RowProgram,
  target: TargetDescription,
): Expression {
  const extents = group.stages[0]!.parallel.slice(0, depth);
  const [outermost] = extents;
  if (outermost === undefined) {
    program.emitRow([]);
    return constant(1);
  }
  const count = extentValue(outermost);
  const seconds = predictedSeconds(group, builder.batchMax, target);
  const size = sizeAt(outermost, builder.batchMax);
  const worthwhile = Math.max(1, (target.taskSeconds * size) / Math.max(seconds, 1e-12));
  const rowsPerTask = Math.ceil(size / evenTasks(size, worthwhile));
  const tasks = ceilQuotient(count, rowsPerTask);
  const isWhole = rowsPerTask >= size;
  const from = isWhole
    ? constant(0)
    : builder.let("first_row", multiply(symbol("task"), constant(rowsPerTask)));
  const to = isWhole ? count : builder.let("row_end", min(add(from, constant(rowsPerTask)), count));
  const ahead = askForNextIteration(builder, group, depth, target.cacheBytes[0]);
  const visit = (row: readonly Expression[]): void => {
    const extent = extents[row.length];
    if (extent === undefined) {
      ahead(row);
      program.emitRow(row);
      return;
    }
    const [start, end] = row.length === 0 ? [from, to] : [constant(0), extentValue(extent)];
    builder.loop("row", start, end, (axis) => visit([...row, axis]));
  };
  visit([]);
  return isWhole ? constant(1) : tasks;
}

/** Register tiles that hold whole rows; their sums go through memory of the task, row by row. */
function emitTiledRows(
  builder: KernelBuilder,
  plan: ContractionPlan,
  program: RowProgram,
): Expression {
  const { contraction, lanes, rowAxis } = plan;
  const [sum] = contraction.node.values;
  const depth = contraction.vectorAxis;
  const finish = ({ sums, start: first, axes, from, to, vectors }: FinishedTile): void => {
    builder.loop("r", from, to, (r) => {
      const row = axes
        .slice(0, depth)
        .map((axis, d) => (d === rowAxis ? builder.let("row", add(axis, r)) : axis));
      const start = builder.let("tile_row", add(first, multiply(r, constant(vectors * lanes))));
      program.emitRow(row, new Map([[sum!, { name: sums, start }]]));
    });
  };
  return emitContraction(builder, plan, {
    limits: limitsOf(plan, null, builder.surroundings),
    finish,
  });
}
