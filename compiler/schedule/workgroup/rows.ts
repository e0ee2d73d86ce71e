/**
 * The schedule of groups for workgroups: maps, reductions and rows as row programs, and of any other group a correct
 * one. Rows are numbered through all axes that they are fixed by; a workgroup takes as many as it has room for.
 */

import { elementsAt } from "../../graph/extent.ts";
import {
  add,
  ceilQuotient,
  constant,
  less,
  min,
  multiply,
  operation,
  quotient,
  remainder,
  subtract,
  symbol,
  when,
} from "../../kernel/build.ts";
import type { Expression } from "../../kernel/ir.ts";
import type { Group } from "../../optimize/group.ts";
import type { WorkgroupLimits } from "../../optimize/target-description.ts";
import { commentOf, nameOfGroup } from "../cost.ts";
import { KernelBuilder, type ScheduledKernel, type Surroundings } from "../kernel-builder.ts";
import { pointsOf } from "./joined-axes.ts";
import { planWorkgroup, type WorkgroupPlan } from "./plan.ts";
import { WorkgroupProgram } from "./program.ts";
import type { RowThreads } from "./tree.ts";

/** The kernel of any group. */
export function scheduleWorkgroupRows(
  group: Group,
  surroundings: Surroundings,
  limits: WorkgroupLimits,
): ScheduledKernel {
  const builder = new KernelBuilder(surroundings);
  const plan = planWorkgroup(group, surroundings.batchMax, limits);
  const { threadsPerRow, rowsPerGroup, rowAxes, turns } = plan;
  const { threads, slot } = threadsOf(builder, plan);
  const program = new WorkgroupProgram(builder, group, plan, threads, {
    withSubgroups: limits.subgroups,
    subgroupThreads: limits.subgroupThreads,
  });
  const rows = pointsOf(rowAxes);
  if (threadsPerRow === 1) emitRows(builder, plan, program, slot, rows);
  else emitSharedRows(builder, plan, program, { threads, slot, rows });
  const tasks = ceilQuotient(rows, rowsPerGroup * turns * rowLanes(plan));
  return builder.finish(
    nameOfGroup(group, surroundings),
    tasks,
    commentOf(group, surroundings),
    threadsPerRow * rowsPerGroup,
  );
}

/** The threads of this thread's row, and the number of the row in the workgroup. */
function threadsOf(
  builder: KernelBuilder,
  { threadsPerRow: count, rowsPerGroup, threadStride: stride }: WorkgroupPlan,
): { readonly threads: RowThreads; readonly slot: Expression } {
  const groupThreads = rowsPerGroup * count;
  // A thread that is alone has no number.
  const thread = groupThreads === 1 ? constant(0) : symbol("thread");
  const inner = stride === 1 ? count : stride;
  const outer = builder.let(
    "outer",
    groupThreads === inner ? constant(0) : quotient(thread, inner),
  );
  const within = inner === groupThreads ? thread : builder.let("inner", remainder(thread, inner));
  const [lane, slot] = stride === 1 ? [within, outer] : [outer, within];
  const firstThread = stride === 1 ? multiply(slot, constant(count)) : slot;
  return { threads: { lane, count, stride, groupThreads, firstThread }, slot };
}

/** Rows side by side that a thread computes at once. */
function rowLanes({ lanes, lanesAlong }: WorkgroupPlan): number {
  return lanesAlong === "rows" ? lanes : 1;
}

/** Rows of one thread each: no thread waits for another, and those without a row leave. */
function emitRows(
  builder: KernelBuilder,
  plan: WorkgroupPlan,
  program: WorkgroupProgram,
  slot: Expression,
  rows: Expression,
): void {
  const { rowsPerGroup, turns } = plan;
  const lanes = rowLanes(plan);
  const perTask = rowsPerGroup * turns;
  const number = add(multiply(symbol("task"), constant(perTask)), slot);
  const first = multiply(number, constant(lanes));
  if (turns > 1 && lanes > 1) {
    emitRowsAtOnce(builder, plan, program, first, rows);
    return;
  }
  const emitRow = (number: Expression) =>
    program.emitRow({ number, slot: constant(0), isWanted: null, isFirst: null });
  if (turns === 1) {
    const row = builder.let("row", first);
    builder.emit(
      when(
        less(row, rows),
        builder.block(() => emitRow(row)),
      ),
    );
    return;
  }
  const end = multiply(add(symbol("task"), constant(1)), constant(perTask));
  builder.loop("row", first, min(end, rows), emitRow, rowsPerGroup);
}

/** All runs of rows of a thread together; of those past the end the last one once more, to no purpose. */
function emitRowsAtOnce(
  builder: KernelBuilder,
  plan: WorkgroupPlan,
  program: WorkgroupProgram,
  first: Expression,
  rows: Expression,
): void {
  const { rowsPerGroup, turns, rowAxes } = plan;
  const lanes = rowLanes(plan);
  const isWhole = dividesAlways(rowAxes, rowsPerGroup * turns * lanes);
  const slot = constant(0);
  program.emitRows(
    Array.from({ length: turns }, (_, turn) => {
      const own = builder.let("row", add(first, constant(turn * rowsPerGroup * lanes)));
      if (isWhole) return { number: own, slot, isWanted: null, isFirst: null };
      const isWanted = builder.let("wanted", less(own, rows));
      const number = builder.let("own_row", min(own, subtract(rows, constant(lanes))));
      return { number, slot, isWanted, isFirst: null };
    }),
  );
}

/** Rows of several threads, which all come to the end. */
function emitSharedRows(
  builder: KernelBuilder,
  plan: WorkgroupPlan,
  program: WorkgroupProgram,
  { threads, slot, rows }: { threads: RowThreads; slot: Expression; rows: Expression },
): void {
  const { rowsPerGroup, rowAxes } = plan;
  const lanes = rowLanes(plan);
  const run = add(multiply(symbol("task"), constant(rowsPerGroup)), slot);
  const number = builder.let("row", multiply(run, constant(lanes)));
  const isFirst = builder.let("first", operation("equal", threads.lane, constant(0)));
  if (dividesAlways(rowAxes, rowsPerGroup * lanes)) {
    program.emitRow({ number, slot, isWanted: null, isFirst });
    return;
  }
  const isWanted = builder.let("wanted", less(number, rows));
  const last = builder.let("own_row", min(number, subtract(rows, constant(lanes))));
  program.emitRow({ number: last, slot, isWanted, isFirst });
}

/** Whether a number divides that of the points of a box, however large the batch is. */
function dividesAlways(box: WorkgroupPlan["rowAxes"], divisor: number): boolean {
  // The number of points at N = 0 and N = 1 tell for one axis with N; with more of them also N = 2 does.
  return [0, 1, 2, 3].every((n) => elementsAt(box, n) % divisor === 0);
}
