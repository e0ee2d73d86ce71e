/**
 * Which outputs of a tile a thread has the sums of, whatever has added them up: a number of rows and a number of
 * columns, every pair of which is one of its outputs.
 */

import { lane } from "../../kernel/build.ts";
import type { Expression, Statement } from "../../kernel/ir.ts";
import type { TiledContraction } from "../../optimize/fusion/tiled-contraction.ts";
import { quad, type WorkgroupPlan } from "./contraction-plan.ts";
import type { ThreadTile } from "./contraction-tile.ts";

/** One thread's lines of a tile. */
export interface OutputLines {
  readonly count: number;
  /** Where its i-th line is in the tile. */
  at(i: Expression): Expression;
}

export interface TileOutputs {
  readonly contraction: TiledContraction;
  /** The values of the contraction's box at the first row and column of the tile. */
  readonly axes: readonly Expression[];
  readonly height: number;
  readonly width: number;
  readonly threads: number;
  readonly rows: OutputLines;
  readonly columns: OutputLines;
  /** As many of a thread's columns lie side by side, from a multiple of as many on. */
  readonly run: 1 | 2 | 4;
  readonly sum: (row: number, column: number) => Expression;
  readonly bands: OutputBands;
  /** How its threads wait for each other and see what they stored, where they are not all of the workgroup. */
  readonly meeting?: Statement;
}

/**
 * The tile's rows in bands, of which each thread has as many rows, in order: what passes through shared memory where
 * all of the tile would be too much.
 */
export interface OutputBands {
  readonly count: number;
  readonly height: number;
  /** Where the thread's i-th row of each band is in it. */
  readonly place: (i: number) => Expression;
  /** Where in the tile a row of a band is. */
  readonly rowAt: (band: Expression, place: Expression) => Expression;
}

/** Those of threads with named accumulators. */
export function threadOutputs(
  { contraction, tile, threads, right }: WorkgroupPlan,
  { rows, columns, sums }: ThreadTile,
  axes: readonly Expression[],
): TileOutputs {
  return {
    contraction,
    axes,
    height: tile.down * tile.threadRows,
    width: tile.across * tile.threadColumns,
    threads,
    rows,
    columns,
    run: right.quads === "width" ? quad : 1,
    sum: (row, column) => lane(sums[row]![Math.floor(column / quad)]!.value, column % quad),
    bands: {
      count: rows.count,
      height: tile.down,
      place: () => rows.number,
      rowAt: (band, place) => rows.atOf(place, band),
    },
  };
}
