/**
 * What one task of a contraction does: the panel of its columns is packed if the plan says so, then tile after tile goes
 * through it.
 *
 * Where a sum is cut into blocks, tiles go through one block after the other, each with its sums so far in memory of
 * the task, and what else the group does follows when all blocks are done.
 */

import { elementsAt } from "../graph/extent.ts";
import { add, constant, less, multiply, subtract, when } from "../kernel/build.ts";
import type { Expression } from "../kernel/ir.ts";
import type { StridedContraction } from "../optimize/fusion/strided-contraction.ts";
import { forEachBlock } from "./contraction-blocks.ts";
import type { FinishedTile } from "./contraction-epilogue.ts";
import { type Limit, limitSums } from "./contraction-limits.ts";
import { type Panel, packPanel } from "./contraction-pack.ts";
import type { ContractionPlan } from "./contraction-plan.ts";
import { type PlacedLimit, placeLimits } from "./contraction-probes.ts";
import type { SumBlocks, SumLoop } from "./contraction-sums.ts";
import { type RowTile, type TaskPart, TaskTiles, type TileRun } from "./contraction-tiles.ts";
import type { KernelBuilder } from "./kernel-builder.ts";
import {
  type BatchRows,
  invokeTile,
  lineElements,
  type OperandAhead,
  type TileShape,
} from "./micro-kernel.ts";
import { movedOperand, operandAt, type TileOperand } from "./tile-operand.ts";

/** What is done around the sums of a tile, and what of them need not be. */
export interface AroundTile {
  readonly limits: readonly Limit[];
  /** What comes after them reads from afar. */
  readonly ahead?: (tile: FinishedTile) => readonly OperandAhead[];
  readonly finish: (tile: FinishedTile) => void;
}

/** Emits all tiles of one part of a contraction. */
export function emitPanel(
  builder: KernelBuilder,
  plan: ContractionPlan,
  part: TaskPart,
  around: AroundTile,
): void {
  const { run } = plan.contraction;
  const source = operandAt(builder, run, "run_start", part.axes);
  const tiles = new TaskTiles(builder, plan, part);
  const panel = new PanelTiles(builder, plan, part, source, tiles);
  if (plan.blocks === null) panel.emitWhole(around);
  else panel.emitBlocked(plan.blocks, around);
}

class PanelTiles {
  readonly #builder: KernelBuilder;
  readonly #plan: ContractionPlan;
  readonly #part: TaskPart;
  readonly #source: TileOperand;
  readonly #tiles: TaskTiles;

  constructor(
    builder: KernelBuilder,
    plan: ContractionPlan,
    part: TaskPart,
    /** The operand that runs along the vectors, at the panel's first column. */
    source: TileOperand,
    tiles: TaskTiles,
  ) {
    this.#builder = builder;
    this.#plan = plan;
    this.#part = part;
    this.#source = source;
    this.#tiles = tiles;
  }

  /** One tile after the other, each with its whole sum. */
  emitWhole({ limits, ahead, finish }: AroundTile): void {
    const { contraction, sums } = this.#plan;
    const placed = placeLimits(this.#builder, limits, this.#part.axes);
    const panel = this.#panelFrom(this.#source.start, sums);
    this.#tiles.forEachRun((run) => {
      const rows = operandAt(this.#builder, contraction.broadcast, "row_start", run.axes);
      this.#tiles.forEachTile(run, (tile) => {
        const next = ahead?.(tile) ?? [];
        const [rowsHere, panelHere] = this.#limited(placed, tile, rows, panel);
        this.#emitSums(run, tile, rowsHere, panelHere, next);
        finish(tile);
      });
    });
  }

  /** The operands from the first step that a tile wants of the sum, through the steps that it wants. */
  #limited(
    limits: readonly PlacedLimit[],
    { axes }: RowTile,
    rows: TileOperand,
    panel: Panel,
  ): readonly [TileOperand, Panel] {
    if (limits.length === 0) return [rows, panel];
    const columns = this.#part.vectors * this.#plan.lanes;
    const box = { axes, rows: this.#plan.rows, columns };
    const { sums, moved } = limitSums(this.#builder, this.#plan, limits, box, panel.sums);
    const operand = movedOperand(panel.operand, moved.run, constant(0));
    return [movedOperand(rows, moved.broadcast, moved.broadcastRows), { operand, sums }];
  }

  /** All tiles with one block of their sums after the other; what follows the sums when all are done. */
  emitBlocked(blocks: SumBlocks, { finish }: AroundTile): void {
    const builder = this.#builder;
    const { contraction, sums } = this.#plan;
    this.#tiles.clear();
    forEachBlock(builder, sums, blocks, (block) => {
      const start = builder.let("block_start", add(this.#source.start, block.moved.run));
      const panel = this.#panelFrom(start, block.sums);
      this.#tiles.forEachRun((run) => {
        const whole = operandAt(builder, contraction.broadcast, "row_start", run.axes);
        const { broadcast, broadcastRows } = block.moved;
        const moved = movedOperand(whole, broadcast, broadcastRows);
        const rows = { ...moved, start: builder.let("row_block", moved.start) };
        this.#tiles.forEachTile(run, (tile) => {
          this.#emitSums(run, tile, rows, panel);
        });
      });
    });
    this.#tiles.forEachRun((run) => this.#tiles.forEachTile(run, finish));
  }

  /** What tiles read from `start` on of the operand that runs along the vectors: where it lies, or packed. */
  #panelFrom(start: Expression, sums: readonly SumLoop[]): Panel {
    const { contraction, lanes, packed } = this.#plan;
    const operand = { ...this.#source, start };
    if (!packed) return { operand, sums };
    const columnStep = contraction.run.steps[contraction.vectorAxis]!;
    const { vectors, active, last } = this.#part;
    const source = { ...operand, columnStep, vectors, lanes, active, last };
    return packPanel(this.#builder, source, sums, this.#builder.batchMax);
  }

  /**
   * The sums of one tile: all rows at once, or one by one where the run has fewer than a tile. `rows` is the broadcast
   * operand at row 0 of the run's axes, `ahead` what is asked for meanwhile.
   */
  #emitSums(
    { from, to }: TileRun,
    tile: RowTile,
    rows: TileOperand,
    { operand, sums }: Panel,
    ahead: readonly OperandAhead[] = [],
  ): void {
    const builder = this.#builder;
    const { contraction, rowAxis, lanes, packed, blocks } = this.#plan;
    const { broadcast } = contraction;
    const { vectors, active, last } = this.#part;
    const { first, sums: buffer, start } = tile;
    const common = {
      rows: this.#plan.rows,
      width: vectors * lanes,
      lanes,
      rowStep: rowAxis === null ? 0 : broadcast.steps[rowAxis]!,
      isWithinLine: this.#tiles.areEven && isWithinLine(this.#plan),
      batchRows: batchRowsOf(contraction, rowAxis, builder.batchMax),
      goesOn: blocks !== null,
    };
    const shapeOf = (part: Pick<TaskPart, "vectors" | "active">): TileShape => {
      return { ...common, vectors: part.vectors, active: packed ? lanes : part.active };
    };
    /** The tile of the last panel, or of the others. */
    const emitTile = (emit: (shape: TileShape) => void): void => {
      const ofOthers = builder.block(() => emit(shapeOf({ vectors, active })));
      if (last === null) {
        builder.emit(...ofOthers);
        return;
      }
      const ofLast = builder.block(() => emit(shapeOf(last)));
      builder.emit(when(last.isOther, ofOthers, ofLast));
    };
    const rowsAt = (row: Expression): TileOperand => {
      const rowsMoved = multiply(row, constant(common.batchRows?.step ?? 0));
      const moved = movedOperand(rows, multiply(row, constant(common.rowStep)), rowsMoved);
      return { ...moved, start: builder.let("start", moved.start) };
    };
    const emitTogether = (): void => {
      const given = rowsAt(first);
      emitTile((shape) => {
        builder.emit(invokeTile({ ...shape, ahead }, sums, given, operand, { buffer, start }));
      });
    };
    if (this.#tiles.haveAllRows) {
      emitTogether();
      return;
    }
    const singly = builder.block(() => {
      builder.loop("r", first, to, (r) => {
        const offset = multiply(subtract(r, first), constant(vectors * lanes));
        const place = { buffer, start: add(start, offset) };
        const given = rowsAt(r);
        emitTile((shape) => {
          builder.emit(invokeTile({ ...shape, rows: 1 }, sums, given, operand, place));
        });
      });
    });
    const together = builder.block(emitTogether);
    const isShort = less(subtract(to, from), constant(common.rows));
    builder.emit(when(isShort, singly, together));
  }
}

/** Whether the rows of a tile that begins at a multiple of them lie in one line of the caches, side by side. */
function isWithinLine({ contraction: { broadcast }, rowAxis, rows }: ContractionPlan): boolean {
  const { start, steps, row } = broadcast;
  if (row !== null || rowAxis === null || steps[rowAxis] !== 1) return false;
  const others = steps.filter((_, axis) => axis !== rowAxis);
  const moves = [start.constant, start.batch, ...start.terms.map((term) => term.coefficient)];
  return lineElements % rows === 0 && [...others, ...moves].every((step) => step % rows === 0);
}

/** How a tile's rows and sums move through rows of the batch; null where they all are within one. */
function batchRowsOf(
  { broadcast, sumAxes }: StridedContraction,
  rowAxis: number | null,
  batchMax: number,
): BatchRows | null {
  const { row, load } = broadcast;
  if (row === null) return null;
  const step = rowAxis === null ? 0 : row.steps[rowAxis]!;
  if (step === 0 && sumAxes.every((axis) => row.steps[axis] === 0)) return null;
  return { step, elements: elementsAt(load.value.shape.slice(1), batchMax) };
}
