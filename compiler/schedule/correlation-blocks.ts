/**
 * What kernels of correlations have in common: loops over blocks of tiles, their rows and their points, memory of the task
 * for what is made of them, and the transform of data.
 */

import { add, constant, min, multiply, subtract } from "../kernel/build.ts";
import type { Expression } from "../kernel/ir.ts";
import { tilePlaces } from "../optimize/fusion/correlated-axes.ts";
import type { LinearAccess } from "../optimize/fusion/linear-access.ts";
import { backwards, tilePoints } from "./correlation.ts";
import type { CorrelationPlan } from "./correlation-plan.ts";
import { invokeTransform, type TileRun } from "./correlation-transforms.ts";
import type { KernelBuilder } from "./kernel-builder.ts";
import { operandAt, type TileOperand } from "./tile-operand.ts";

/** Memory of the task for tiles: one plane for each point, or each of a row of them, of `rows` rows of `width` elements. */
export interface Planes {
  readonly buffer: string;
  readonly width: number;
  /** From plane to plane. */
  readonly pitch: number;
}

/** A block of tiles. */
export interface Block {
  /** Places along the long axes at its first tile, and the number of its first row of tiles. */
  readonly row: Expression;
  readonly column: Expression;
  /** Whether its last column of tiles begins one place earlier than others. */
  readonly isShort: boolean;
}

/** For one panel of columns. */
export class TileBlocks {
  readonly #builder: KernelBuilder;
  readonly #plan: CorrelationPlan;
  readonly vectors: number;
  /** Elements of a row of the panel. */
  readonly width: number;
  /** Axes of a tile. */
  readonly rank: number;
  /** Products that a tile needs. */
  readonly points: number;

  constructor(builder: KernelBuilder, plan: CorrelationPlan, vectors: number) {
    this.#builder = builder;
    this.#plan = plan;
    this.vectors = vectors;
    this.width = vectors * plan.lanes;
    this.rank = plan.correlation.pairs.length;
    this.points = tilePoints ** this.rank;
  }

  channelVectors(channels: number): number {
    return Math.ceil(channels / this.#plan.lanes);
  }

  /** Planes a line of the cache longer than what is in them: else all points of a tile compete for one set of it. */
  planes(hint: string, rows: number, width: number, points = this.points): Planes {
    const pitch = rows * width + this.#plan.lanes;
    return { buffer: this.#builder.local(hint, "f32", points * pitch), width, pitch };
  }

  /** The same for tiles of a block, of which one row of points is there at a time. */
  tilePlanes(hint: string, width: number): Planes {
    const [rows, columns] = this.#plan.block;
    return this.planes(hint, rows * columns, width, tilePoints);
  }

  across({ pitch }: Planes, tile: number): TileRun["from"] {
    return { tile, row: tilePoints * pitch, column: pitch };
  }

  tiles(run: Pick<TileRun, "transform" | "tiles" | "from" | "to"> & Partial<TileRun>): TileRun {
    return {
      rank: this.rank,
      row: null,
      ahead: null,
      back: null,
      skips: { row: false, column: false },
      vectors: this.vectors,
      lanes: this.#plan.lanes,
      active: this.#plan.lanes,
      ...run,
    };
  }

  /** Elements from a tile to that of the next block, by the steps along both long axes; null where blocks are no rows of tiles. */
  ahead(row: number, column: number): number | null {
    const { tiles, block } = this.#plan;
    if (this.rank === 1) return null;
    return tilePlaces * (block[1] < tiles[1] ? block[1] * column : block[0] * row);
  }

  /** Where an operand is at the given parallel axes, before the first step of the sum. */
  startOf(access: LinearAccess, axes: readonly Expression[], hint: string, moved = 0): TileOperand {
    return operandAt(this.#builder, access, hint, axes, moved);
  }

  broadcastAt(axes: readonly Expression[]): TileOperand {
    const { contraction, pairs } = this.#plan.correlation;
    return this.startOf(contraction.broadcast, axes, "row_start", -backwards(pairs));
  }

  /** All tiles, block by block. */
  forEachBlock(visit: (block: Block) => void): void {
    const builder = this.#builder;
    const { tiles, block, correlation } = this.#plan;
    const isOdd = correlation.pairs.at(-1)!.length % tilePlaces !== 0;
    const step = tilePlaces * block[1];
    const inRow = (row: Expression): void => {
      const end = tilePlaces * tiles[1];
      if (isOdd && step < end) {
        const before = constant(end - step);
        const each = (column: Expression) => visit({ row, column, isShort: false });
        builder.loop("column", constant(0), before, each, step);
        visit({ row, column: before, isShort: true });
      } else if (step < end) {
        const each = (column: Expression) => visit({ row, column, isShort: false });
        builder.loop("column", constant(0), constant(end), each, step);
      } else visit({ row, column: constant(0), isShort: isOdd });
    };
    if (block[0] === tiles[0]) inRow(constant(0));
    else builder.loop("tiles", constant(0), constant(tiles[0]), inRow, block[0]);
  }

  /** The rows of tiles of a block: their number in it, and their place along the first of two long axes. */
  forEachRow(
    { row }: Block,
    visit: (number: Expression, place: Expression, skipped: Expression) => void,
  ): void {
    const builder = this.#builder;
    const { block, correlation } = this.#plan;
    if (this.rank === 1) {
      visit(constant(0), constant(0), constant(0));
      return;
    }
    const { length } = correlation.pairs[0]!;
    const each = (number: Expression): void => {
      const even = builder.let("place", multiply(add(row, number), constant(tilePlaces)));
      if (length % tilePlaces === 0) {
        visit(number, even, constant(0));
        return;
      }
      const place = builder.let("place", min(even, constant(length - tilePlaces)));
      visit(number, place, builder.let("skipped", subtract(even, place)));
    };
    if (block[0] === 1) each(constant(0));
    else builder.loop("tile_row", constant(0), constant(block[0]), each);
  }

  transformData(
    source: TileOperand,
    block: Block,
    data: Planes,
    channels: number,
    pointRow: number | null,
  ): void {
    const builder = this.#builder;
    const { block: size, correlation, lanes } = this.#plan;
    const { pairs } = correlation;
    const row = pairs[0]!.step;
    const column = pairs.at(-1)!.step;
    const vectors = this.channelVectors(channels);
    this.forEachRow(block, (number, place) => {
      const first =
        this.rank === 1 ? source.start : add(source.start, multiply(place, constant(row)));
      builder.emit(
        invokeTransform(
          this.tiles({
            transform: "data",
            row: pointRow,
            ahead: this.ahead(row, column),
            tiles: size[1],
            from: { tile: tilePlaces * column, row, column },
            to: this.across(data, data.width),
            back: block.isShort ? { from: column, to: 0 } : null,
            vectors,
            active: channels - (vectors - 1) * lanes,
          }),
          { ...source, start: add(first, multiply(block.column, constant(column))) },
          { buffer: data.buffer, start: multiply(number, constant(size[1] * data.width)) },
        ),
      );
    });
  }

  /** Register tiles of `count` rows, those that are left over as a smaller one. */
  forEachTile(count: number, visit: (row: Expression, rows: number) => void): void {
    const { rows } = this.#plan;
    const whole = count - (count % rows);
    if (whole > 0) {
      this.#builder.loop("row", constant(0), constant(whole), (row) => visit(row, rows), rows);
    }
    if (whole < count) visit(constant(whole), count - whole);
  }

  /** The rows of a tile's points, written out; null where tiles have one axis. */
  forEachPointRow(visit: (row: number | null) => void): void {
    if (this.rank === 1) visit(null);
    else for (let row = 0; row < tilePoints; row++) visit(row);
  }

  /** Points of a row, or all: number in the row, and among all. */
  forEachPoint(row: number | null, visit: (inRow: Expression, point: Expression) => void): void {
    const count = row === null ? this.points : tilePoints;
    this.#builder.loop("point", constant(0), constant(count), (point) =>
      visit(point, add(point, constant((row ?? 0) * tilePoints))),
    );
  }
}
