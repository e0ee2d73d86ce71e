/**
 * Where the register tiles of a task are. Rows run along several axes: all but one are loops, and along that one tiles
 * follow each other in a run. The last tile of a run begins early enough to end with it: it computes some rows again
 * and does nothing with them, so one piece of code serves every batch. A run of fewer rows than a tile has is one tile,
 * most of whose rows lie outside.
 */

import { type Extent, fixed, sizeAt } from "../graph/extent.ts";
import { add, constant, max, min, multiply, place, store, subtract } from "../kernel/build.ts";
import type { Expression } from "../kernel/ir.ts";
import { axesOfNode } from "../optimize/fusion/linear-access.ts";
import type { FinishedTile } from "./contraction-epilogue.ts";
import type { LastPanel } from "./contraction-last-panel.ts";
import type { ContractionPlan } from "./contraction-plan.ts";
import type { KernelBuilder } from "./kernel-builder.ts";
import { extentValue } from "./micro-kernel.ts";

/** What a task computes: one panel of columns in some of the rows. */
export interface TaskPart {
  /** Parallel axes at the panel's first column; those of rows are 0. */
  readonly axes: readonly Expression[];
  /** The part of the first row loop, or without one of the row axis, that the task goes through. */
  readonly first: Expression;
  readonly end: Expression;
  /** Of the panel: so many vectors, of whose last so many lanes are columns. */
  readonly vectors: number;
  readonly active: number;
  readonly last: LastPanel | null;
}

/** Tiles that follow each other along the row axis. */
export interface TileRun {
  /** Parallel axes at its first row and column. */
  readonly axes: readonly Expression[];
  readonly from: Expression;
  readonly to: Expression;
  /** Counts the runs of a task. */
  readonly number: Expression;
}

export interface RowTile extends FinishedTile {
  /** Where the tile begins along the row axis. */
  readonly first: Expression;
}

export class TaskTiles {
  /** Whether every run has as many rows as a tile. */
  readonly haveAllRows: boolean;
  /** Whether tiles meet the ends of all runs. */
  readonly areEven: boolean;
  readonly #builder: KernelBuilder;
  readonly #plan: ContractionPlan;
  readonly #part: TaskPart;
  readonly #extents: readonly Extent[];
  readonly #rowCount: Expression;
  /** Runs of a task and, in whole tiles, rows of a run: at most so many. */
  readonly #runs: number;
  readonly #runRows: number;
  readonly #sums: string;

  /** Declares the memory of the tiles' sums where the builder stands. */
  constructor(builder: KernelBuilder, plan: ContractionPlan, part: TaskPart) {
    const { contraction, rows, rowAxis, rowLoops, rowsPerTask } = plan;
    const { batchMax } = builder;
    const extents = axesOfNode(contraction.node);
    const rowExtent = rowAxis === null ? fixed(1) : extents[rowAxis]!;
    const cutRows = rowLoops.length === 0 ? rowsPerTask : null;
    const rowsMax = Math.min(cutRows ?? Number.POSITIVE_INFINITY, sizeAt(rowExtent, batchMax));
    this.#builder = builder;
    this.#plan = plan;
    this.#part = part;
    this.#extents = extents;
    this.#rowCount = extentValue(rowExtent);
    this.areEven = rowExtent.batch === 0 && rowExtent.constant % rows === 0;
    this.haveAllRows = this.areEven || fewestRows(rowExtent, cutRows) >= rows;
    this.#runRows = Math.ceil(rowsMax / rows) * rows;
    this.#runs = rowLoops.reduce((product, axis, depth) => {
      const size = sizeAt(extents[axis]!, batchMax);
      return product * (depth === 0 ? Math.min(rowsPerTask, size) : size);
    }, 1);
    const kept = plan.blocks === null ? rows : this.#runs * this.#runRows;
    this.#sums = builder.local("tile", "f32", kept * this.#width);
  }

  /** Elements of a row of sums. */
  get #width(): number {
    return this.#part.vectors * this.#plan.lanes;
  }

  /** Loops over the runs of the task. */
  forEachRun(visit: (run: TileRun) => void): void {
    this.#visitRuns(visit, 0, this.#part.axes, constant(0));
  }

  #visitRuns(
    visit: (run: TileRun) => void,
    depth: number,
    axes: readonly Expression[],
    number: Expression,
  ): void {
    const axis = this.#plan.rowLoops[depth];
    const isCut = depth === 0;
    const { first, end } = this.#part;
    const from = isCut ? first : constant(0);
    if (axis === undefined) {
      visit({ axes, from, to: isCut ? end : this.#rowCount, number });
      return;
    }
    const extent = this.#extents[axis]!;
    const count = isCut ? 1 : sizeAt(extent, this.#builder.batchMax);
    this.#builder.loop("row", from, isCut ? end : extentValue(extent), (place) => {
      const next = add(multiply(number, constant(count)), subtract(place, from));
      this.#visitRuns(visit, depth + 1, axes.with(axis, place), next);
    });
  }

  /** Loops over the tiles of a run. */
  forEachTile(run: TileRun, visit: (tile: RowTile) => void): void {
    const { rowAxis, rows } = this.#plan;
    const each = (row: Expression) => visit(this.#tileAt(run, row, this.#sumsAt(run, row)));
    if (rowAxis === null) each(constant(0));
    else this.#builder.loop("row", run.from, run.to, each, rows);
  }

  /** Where the sums of the tile at a row begin: one place for all tiles, unless sums wait for the next block. */
  #sumsAt({ number, from }: TileRun, row: Expression): Expression {
    if (this.#plan.blocks === null) return constant(0);
    const rowsBefore = add(multiply(number, constant(this.#runRows)), subtract(row, from));
    return this.#builder.let("sums_start", multiply(rowsBefore, constant(this.#width)));
  }

  /** The tile whose first row that no tile before has is `row`, with sums from `start` on. */
  #tileAt({ axes, from, to }: TileRun, row: Expression, start: Expression): RowTile {
    const builder = this.#builder;
    const { rowAxis, rows } = this.#plan;
    const { vectors, active, last } = this.#part;
    const common = { sums: this.#sums, start, vectors, active, last };
    if (this.areEven) {
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
  }

  /** Sets the sums of all tiles to zero. */
  clear(): void {
    const { lanes } = this.#plan;
    const zero = constant(0, "f32", lanes);
    const end = constant(this.#runs * this.#runRows * this.#width);
    const each = (i: Expression) => this.#builder.emit(store(place(this.#sums, i), zero));
    this.#builder.loop("i", constant(0), end, each, lanes);
  }
}

/** Rows that a task certainly has: where rows are cut the last task may have fewer than the others. */
function fewestRows({ batch, constant: count }: Extent, perTask: number | null): number {
  if (batch !== 0) return 1;
  return perTask === null ? count : count - (Math.ceil(count / perTask) - 1) * perTask;
}
