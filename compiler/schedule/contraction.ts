/**
 * The schedule of contraction groups: register tiles over rows and columns, with the group's maps computed on
 * each finished tile while it is in the first-level cache. Bias, activation and mask, and, on the gradient of a
 * parameter, its whole optimizer update never see other memory in between.
 *
 * Tasks are panels of columns times runs of rows. The last tile of rows begins early enough to end with those of its
 * task: it computes some rows again and does nothing with them, so one piece of code serves every batch. Fewer rows
 * than a tile has are computed one by one.
 *
 * Where a sum is cut into blocks, tiles go through one block after the other, each with its sums so far in memory of
 * the task, and what else the group does follows when all blocks are done.
 */

import { invariant } from "../diagnostics/diagnostic.ts";
import { type Extent, fixed, sizeAt } from "../graph/extent.ts";
import {
  add,
  ceilQuotient,
  constant,
  less,
  max,
  min,
  multiply,
  place,
  quotient,
  remainder,
  store,
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
import { type Panel, packPanel } from "./contraction-pack.ts";
import { type ContractionPlan, planContraction } from "./contraction-plan.ts";
import type { SumBlocks, SumLoop } from "./contraction-sums.ts";
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

/** Tiles along the row axis. */
interface TileRun {
  /** At its first row and column. */
  readonly axes: readonly Expression[];
  readonly from: Expression;
  readonly to: Expression;
  /** Counts the runs of a task. */
  readonly number: Expression;
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
  const panelOf = (start: Expression, loops: readonly SumLoop[]): Panel => {
    const place = { buffer: source.buffer, start };
    if (!plan.packed) return { operand: place, sums: loops };
    const columnStep = run.steps[vectorAxis]!;
    const panel = { ...place, columnStep, vectors, lanes, active };
    return packPanel(builder, panel, loops, builder.batchMax);
  };
  const rowStep = rowAxis === null ? 0 : broadcast.steps[rowAxis]!;
  const rowExtent = rowAxis === null ? fixed(1) : extents[rowAxis]!;
  const rowCount = extentValue(rowExtent);
  const goesOn = plan.blocks !== null;
  const shape = { rows, vectors, lanes, active: plan.packed ? lanes : active, rowStep, goesOn };
  const rowsMax = Math.min(
    rowLoops.length === 0 ? plan.rowsPerTask : Number.POSITIVE_INFINITY,
    sizeAt(rowExtent, builder.batchMax),
  );
  const runs = rowLoops.reduce((product, axis, depth) => {
    const size = sizeAt(extents[axis]!, builder.batchMax);
    return product * (depth === 0 ? Math.min(plan.rowsPerTask, size) : size);
  }, 1);
  const slotRows = Math.ceil(rowsMax / rows) * rows;
  const buffer = builder.local("tile", "f32", (goesOn ? runs * slotRows : rows) * vectors * lanes);
  const isWhole = rowCount.kind === "constant" && rowCount.value % rows === 0;
  const fewest = fewestRows(rowExtent, rowLoops.length === 0 ? plan.rowsPerTask : null);
  const forEachRun = (
    visit: (run: TileRun) => void,
    depth = 0,
    axes: readonly Expression[] = at,
    number: Expression = constant(0),
  ): void => {
    const axis = rowLoops[depth];
    const from = depth === 0 ? first : constant(0);
    if (axis === undefined) {
      visit({ axes, from, to: depth === 0 ? end : rowCount, number });
      return;
    }
    const to = depth === 0 ? end : extentValue(extents[axis]!);
    const count = depth === 0 ? 1 : sizeAt(extents[axis]!, builder.batchMax);
    builder.loop("row", from, to, (place) => {
      const next = add(multiply(number, constant(count)), subtract(place, from));
      forEachRun(visit, depth + 1, axes.with(axis, place), next);
    });
  };
  const forEachTile = ({ from, to }: TileRun, visit: (row: Expression) => void): void => {
    if (rowAxis === null) visit(constant(0));
    else builder.loop("row", from, to, visit, rows);
  };
  /** The tile whose first row that no tile before has is `row`, with sums from `start` on. */
  const tileAt = ({ axes, from, to }: TileRun, row: Expression, start: Expression): RowTile => {
    const common = { sums: buffer, start, vectors, active };
    if (isWhole) {
      const place = rowAxis === null ? axes : axes.with(rowAxis, row);
      return { ...common, first: row, axes: place, from: constant(0), to: constant(rows) };
    }
    const first = builder.let("first", max(min(row, subtract(to, constant(rows))), from));
    return {
      ...common,
      first,
      axes: axes.with(rowAxis!, first),
      from: builder.let("from", subtract(row, first)),
      to: builder.let("to", subtract(min(add(row, constant(rows)), to), first)),
    };
  };
  const emitSums = (
    { from, to }: TileRun,
    { first, start }: RowTile,
    base: TileOperand,
    { operand, sums }: Panel,
  ): void => {
    const rowsAt = (row: Expression): TileOperand => ({
      buffer: base.buffer,
      start: builder.let("start", add(base.start, multiply(row, constant(rowStep)))),
    });
    const emitTogether = (): void => {
      builder.emit(invokeTile(shape, sums, rowsAt(first), operand, { buffer, start }));
    };
    if (isWhole || fewest >= rows) {
      emitTogether();
      return;
    }
    const singly = builder.block(() => {
      builder.loop("r", first, to, (r) => {
        const offset = multiply(subtract(r, first), constant(vectors * lanes));
        const place = { buffer, start: add(start, offset) };
        const one = { ...shape, rows: 1 };
        builder.emit(invokeTile(one, sums, rowsAt(r), operand, place));
      });
    });
    const together = builder.block(emitTogether);
    builder.emit(when(less(subtract(to, from), constant(rows)), singly, together));
  };
  if (plan.blocks === null) {
    const panel = panelOf(source.start, plan.sums);
    forEachRun((tiles) => {
      const base = startOf(broadcast, "row_start", tiles.axes);
      forEachTile(tiles, (row) => {
        const tile = tileAt(tiles, row, constant(0));
        begin?.(tile);
        emitSums(tiles, tile, base, panel);
        finish(tile);
      });
    });
    return;
  }
  const width = vectors * lanes;
  const startOfSums = ({ number, from }: TileRun, row: Expression): Expression =>
    builder.let(
      "sums_start",
      multiply(add(multiply(number, constant(slotRows)), subtract(row, from)), constant(width)),
    );
  const zero = constant(0, "f32", lanes);
  builder.loop(
    "i",
    constant(0),
    constant(runs * slotRows * width),
    (i) => builder.emit(store(place(buffer, i), zero)),
    lanes,
  );
  forEachBlock(builder, plan.sums, plan.blocks, ({ sums, broadcastMoved, runMoved }) => {
    const panel = panelOf(builder.let("block_start", add(source.start, runMoved)), sums);
    forEachRun((tiles) => {
      const { buffer, start } = startOf(broadcast, "row_start", tiles.axes);
      const base = { buffer, start: builder.let("row_block", add(start, broadcastMoved)) };
      forEachTile(tiles, (row) => {
        emitSums(tiles, tileAt(tiles, row, startOfSums(tiles, row)), base, panel);
      });
    });
  });
  forEachRun((tiles) => {
    forEachTile(tiles, (row) => finish(tileAt(tiles, row, startOfSums(tiles, row))));
  });
}

interface RowTile extends FinishedTile {
  /** Along the row axis. */
  readonly first: Expression;
}

/** A block of the sum. */
interface SumBlock {
  readonly sums: readonly SumLoop[];
  /** How far the operands have moved at its first step. */
  readonly broadcastMoved: Expression;
  readonly runMoved: Expression;
}

function forEachBlock(
  builder: KernelBuilder,
  sums: readonly SumLoop[],
  { depth, steps }: SumBlocks,
  visit: (block: SumBlock) => void,
  broadcastMoved: Expression = constant(0),
  runMoved: Expression = constant(0),
): void {
  const [loop, ...inner] = sums as readonly [SumLoop, ...SumLoop[]];
  const { extent } = loop;
  const end = extentValue(extent);
  const isCut = depth === 0;
  const each = (k: Expression): void => {
    const broadcast = add(broadcastMoved, multiply(k, constant(loop.broadcastStep)));
    const run = add(runMoved, multiply(k, constant(loop.runStep)));
    if (!isCut) {
      forEachBlock(builder, inner, { depth: depth - 1, steps }, visit, broadcast, run);
      return;
    }
    const rest = extent.batch === 0 ? extent.constant % steps : null;
    const block = { ...loop, extent: fixed(steps) };
    const count = rest === 0 ? null : builder.let("steps", min(constant(steps), subtract(end, k)));
    const cut = count === null ? block : { ...block, count, rest };
    visit({ sums: [cut, ...inner], broadcastMoved: broadcast, runMoved: run });
  };
  builder.loop("block", constant(0), end, each, isCut ? steps : 1);
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
