/**
 * The schedule of contraction groups: register tiles over rows and columns, with the group's maps computed on
 * each finished tile while it is in the first-level cache. Bias, activation and mask, and, on the gradient of a
 * parameter, its whole optimizer update never see other memory in between.
 *
 * Tasks are panels of columns times runs of rows. The last tile of rows begins early enough to end with those of its
 * task: it computes some rows again and does nothing with them, so one piece of code serves every batch. Fewer rows
 * than a tile has are computed one by one.
 */

import { invariant } from "../diagnostics/diagnostic.ts";
import { type Extent, fixed } from "../graph/extent.ts";
import {
  add,
  ceilQuotient,
  constant,
  less,
  max,
  min,
  multiply,
  quotient,
  remainder,
  subtract,
  symbol,
  when,
} from "../kernel/build.ts";
import type { Expression } from "../kernel/ir.ts";
import { axesOfNode, type LinearAccess } from "../optimize/fusion/linear-access.ts";
import { stridedContraction } from "../optimize/fusion/strided-contraction.ts";
import type { Group } from "../optimize/group.ts";
import type { TargetDescription } from "../optimize/target-description.ts";
import { emitEpilogue, type FinishedTile, prefetchOperands } from "./contraction-epilogue.ts";
import { packPanel } from "./contraction-pack.ts";
import { type ContractionPlan, planContraction } from "./contraction-plan.ts";
import { commentOf, nameOfGroup } from "./cost.ts";
import { scalarIndex } from "./indexes.ts";
import { KernelBuilder, type ScheduledKernel, type Surroundings } from "./kernel-builder.ts";
import { extentValue, invokeTile, type TileOperand } from "./micro-kernel.ts";

/** The kernel of a group of kind `contraction`. */
export function scheduleContraction(
  group: Group,
  surroundings: Surroundings,
  target: TargetDescription,
): ScheduledKernel {
  const { batchMax } = surroundings;
  const anchor = group.stages.find((stage) => stage.reducer !== null);
  const contraction = anchor && stridedContraction(anchor, batchMax);
  invariant(contraction !== undefined, "a contraction group without a strided contraction");
  const plan = planContraction(contraction, batchMax, target);
  const builder = new KernelBuilder(surroundings);
  const tasks = emitContraction(builder, plan, {
    begin: (tile) => prefetchOperands(builder, group, plan, tile, target.cacheBytes[0]),
    finish: (tile) => emitEpilogue(builder, group, plan, tile),
  });
  return builder.finish(nameOfGroup(group, surroundings), tasks, commentOf(group, surroundings));
}

/** What is done around the sums of a tile. */
export interface AroundTile {
  /** Comes before the sums. */
  readonly begin?: (tile: FinishedTile) => void;
  readonly finish: (tile: FinishedTile) => void;
}

/** Emits the loops and tiles of a contraction; gives the number of tasks. */
export function emitContraction(
  builder: KernelBuilder,
  plan: ContractionPlan,
  around: AroundTile,
): Expression {
  const { contraction, rowsPerTask, vectors, lanes, columns, outerAxes } = plan;
  const extents = axesOfNode(contraction.node);
  const width = vectors * lanes;
  const panels = Math.ceil(columns / width);
  const cutAxis = plan.rowLoops[0] ?? plan.rowAxis;
  const places = cutAxis === null ? constant(1) : extentValue(extents[cutAxis]!);
  const chunks = ceilQuotient(places, rowsPerTask);
  const literalChunks = chunks.kind === "constant" ? chunks.value : null;

  // task = ((outer axes) · panels + panel) · chunks + chunk
  let rest: Expression = symbol("task");
  const split = (count: Expression, hint: string): Expression => {
    if (count.kind === "constant" && count.value === 1) return constant(0);
    const digit = builder.let(hint, divided("remainder", rest, count));
    rest = builder.let("rest", divided("quotient", rest, count));
    return digit;
  };
  const chunk = literalChunks === 1 ? constant(0) : split(chunks, "chunk");
  const panel = split(constant(panels), "panel");
  const axes = contraction.node.parallel.map((): Expression => constant(0));
  for (const axis of [...outerAxes].reverse())
    axes[axis] = split(extentValue(extents[axis]!), "outer");

  const first = builder.let("first_row", multiply(chunk, constant(rowsPerTask)));
  const end = builder.let("row_end", min(add(first, constant(rowsPerTask)), places));
  const emitPanel = (vectorsHere: number, active: number): void => {
    const column = builder.let("column", multiply(panel, constant(width)));
    const at = axes.with(contraction.vectorAxis, column);
    emitRows(builder, plan, { at, first, end, vectors: vectorsHere, active }, around);
  };

  const wholePanels = Math.floor(columns / width);
  const rested = columns - wholePanels * width;
  const lastVectors = Math.ceil(rested / lanes);
  const lastActive = rested - (lastVectors - 1) * lanes;
  if (rested === 0) {
    emitPanel(vectors, lanes);
  } else if (wholePanels === 0) {
    emitPanel(lastVectors, lastActive);
  } else {
    const whole = builder.block(() => emitPanel(vectors, lanes));
    const last = builder.block(() => emitPanel(lastVectors, lastActive));
    builder.emit(when(less(panel, constant(wholePanels)), whole, last));
  }
  const outer = outerAxes.map((axis) => extentValue(extents[axis]!));
  return [chunks, constant(panels), ...outer].reduce(multiply);
}

function divided(kind: "quotient" | "remainder", a: Expression, b: Expression): Expression {
  if (b.kind === "constant")
    return kind === "quotient" ? quotient(a, b.value) : remainder(a, b.value);
  return { kind: "operation", type: a.type, operation: kind, args: [a, b] };
}

interface RowRun {
  readonly at: readonly Expression[];
  /** The part of the first row loop, or without one of the row axis, that the task goes through. */
  readonly first: Expression;
  readonly end: Expression;
  readonly vectors: number;
  readonly active: number;
}

/** The row that a tile begins with, of those that its task goes through. */
interface Rows {
  readonly row: Expression;
  readonly from: Expression;
  readonly to: Expression;
}

/** All tiles of one panel and one run of rows. */
function emitRows(
  builder: KernelBuilder,
  plan: ContractionPlan,
  { at, first, end, vectors, active }: RowRun,
  { begin, finish }: AroundTile,
): void {
  const { contraction, rows, rowAxis, rowLoops, lanes } = plan;
  const { broadcast, run, vectorAxis } = contraction;
  const extents = axesOfNode(contraction.node);
  const startOf = (
    access: LinearAccess,
    hint: string,
    axes: readonly Expression[],
  ): TileOperand => ({
    buffer: builder.buffer(access.load.value, "read"),
    start: builder.let(hint, startExpression(access, axes, builder.batchMax)),
  });
  const source = startOf(run, "run_start", at);
  const { operand, sums } = plan.packed
    ? packPanel(
        builder,
        { ...source, columnStep: run.steps[vectorAxis]!, vectors, lanes, active },
        plan.sums,
        builder.batchMax,
      )
    : { operand: source, sums: plan.sums };
  const rowStep = rowAxis === null ? 0 : broadcast.steps[rowAxis]!;
  const rowExtent = rowAxis === null ? fixed(1) : extents[rowAxis]!;
  const rowCount = extentValue(rowExtent);
  const shape = { rows, vectors, lanes, active: plan.packed ? lanes : active, rowStep };
  const buffer = builder.local("tile", "f32", rows * vectors * lanes);
  const isWhole = rowCount.kind === "constant" && rowCount.value % rows === 0;
  const fewest = fewestRows(rowExtent, rowLoops.length === 0 ? plan.rowsPerTask : null);
  const tile = (base: TileOperand, axes: readonly Expression[], { row, from, to }: Rows): void => {
    const rowsAt = (first: Expression): TileOperand => ({
      buffer: base.buffer,
      start: builder.let("start", add(base.start, multiply(first, constant(rowStep)))),
    });
    const emitSums = (first: Expression): void => {
      const sumsAt = { buffer, start: constant(0) };
      builder.emit(invokeTile(shape, sums, rowsAt(first), operand, sumsAt));
    };
    if (isWhole) {
      const at = rowAxis === null ? axes : axes.with(rowAxis, row);
      const [start, stop] = [constant(0), constant(rows)];
      const whole = { sums: buffer, axes: at, from: start, to: stop, vectors, active };
      begin?.(whole);
      emitSums(row);
      finish(whole);
      return;
    }
    const first = builder.let("first", max(min(row, subtract(to, constant(rows))), from));
    const emitSingly = (): void => {
      builder.loop("r", first, to, (r) => {
        const start = multiply(subtract(r, first), constant(vectors * lanes));
        const one = { ...shape, rows: 1 };
        builder.emit(invokeTile(one, sums, rowsAt(r), operand, { buffer, start }));
      });
    };
    const part: FinishedTile = {
      sums: buffer,
      axes: axes.with(rowAxis!, first),
      from: builder.let("from", subtract(row, first)),
      to: builder.let("to", subtract(min(add(row, constant(rows)), to), first)),
      vectors,
      active,
    };
    begin?.(part);
    if (fewest >= rows) emitSums(first);
    else {
      const singly = builder.block(emitSingly);
      const together = builder.block(() => emitSums(first));
      builder.emit(when(less(subtract(to, from), constant(rows)), singly, together));
    }
    finish(part);
  };
  const visit = (depth: number, axes: readonly Expression[]): void => {
    const axis = rowLoops[depth];
    const from = depth === 0 ? first : constant(0);
    if (axis !== undefined) {
      const to = depth === 0 ? end : extentValue(extents[axis]!);
      builder.loop("row", from, to, (place) => visit(depth + 1, axes.with(axis, place)));
      return;
    }
    const base = startOf(broadcast, "row_start", axes);
    const to = depth === 0 ? end : rowCount;
    if (rowAxis === null) tile(base, axes, { row: constant(0), from, to });
    else builder.loop("row", from, to, (row) => tile(base, axes, { row, from, to }), rows);
  };
  visit(0, at);
}

/** Rows that a task certainly has: where rows are cut the last task may have fewer than the others. */
function fewestRows({ batch, constant: count }: Extent, perTask: number | null): number {
  if (batch !== 0) return 1;
  return perTask === null ? count : count - (Math.ceil(count / perTask) - 1) * perTask;
}

/** Where an operand is at the given parallel axes, before the first step of the sum. */
function startExpression(
  { start, steps }: LinearAccess,
  axes: readonly Expression[],
  batchMax: number,
): Expression {
  const first = scalarIndex(start, { extents: [], batchMax, axes: [], vector: null });
  return axes.reduce(
    (sum, value, axis) => add(sum, multiply(value, constant(steps[axis]!))),
    first,
  );
}
