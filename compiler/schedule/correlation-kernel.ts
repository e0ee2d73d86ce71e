/**
 * The kernels of correlations by transformed tiles. Where taps are summed over, a task transforms the small operand, then
 * goes through blocks of tiles: their data are transformed, multiplied by it point by point, and the products transformed
 * to places of the result, on which the group's maps are computed while they are in the caches. Where taps are places of
 * the result, tiles of both operands are transformed and the sums of their products wait in memory of the task for all
 * tiles, and are transformed once.
 */

import { fixed } from "../graph/extent.ts";
import {
  add,
  ceilQuotient,
  constant,
  less,
  min,
  multiply,
  operation,
  subtract,
  symbol,
  when,
} from "../kernel/build.ts";
import type { Expression } from "../kernel/ir.ts";
import { axesOfNode, type LinearAccess } from "../optimize/fusion/linear-access.ts";
import type { FinishedTile } from "./contraction-epilogue.ts";
import { packPanel } from "./contraction-pack.ts";
import type { SumLoop } from "./contraction-sums.ts";
import { backwards, tapCount, tilePlaces, tilePoints } from "./correlation.ts";
import type { CorrelationPlan } from "./correlation-plan.ts";
import { clear, invokeTransform, type TileRun } from "./correlation-transforms.ts";
import { scalarIndex } from "./indexes.ts";
import type { KernelBuilder } from "./kernel-builder.ts";
import { extentValue, invokeTile } from "./micro-kernel.ts";

/** Emits all of a correlation; gives the number of tasks. Finished tiles have their rows along `rowAxisOf(plan)`. */
export function emitCorrelation(
  builder: KernelBuilder,
  plan: CorrelationPlan,
  finish: (tile: FinishedTile) => void,
): Expression {
  const { correlation, vectors, lanes, columns, rowsPerTask } = plan;
  const { contraction, taps, rowAxes } = correlation;
  const extents = axesOfNode(contraction.node);
  const width = vectors * lanes;
  const panels = Math.ceil(columns / width);
  const [cutAxis] = rowAxes;
  const places = cutAxis === undefined ? constant(1) : extentValue(extents[cutAxis]!);
  const channelParts = Math.ceil(correlation.channels / plan.channels);
  const parts = taps === "summed" ? ceilQuotient(places, rowsPerTask) : constant(channelParts);

  // task = ((outer axes) · panels + panel) · parts + part
  let rest: Expression = symbol("task");
  const split = (count: Expression, hint: string): Expression => {
    if (count.kind === "constant" && count.value === 1) return constant(0);
    const digit = builder.let(hint, operation("remainder", rest, count));
    rest = builder.let("rest", operation("quotient", rest, count));
    return digit;
  };
  const part = split(parts, "part");
  const panel = split(constant(panels), "panel");
  const axes = contraction.node.parallel.map((): Expression => constant(0));
  for (const axis of [...contraction.outerAxes].reverse()) {
    axes[axis] = split(extentValue(extents[axis]!), "outer");
  }
  const column = builder.let("column", multiply(panel, constant(width)));
  const at = axes.with(contraction.vectorAxis, column);

  const emitPanel = (vectorsHere: number, active: number): void => {
    const kernel = new CorrelationKernel(builder, plan, finish, vectorsHere, active);
    if (taps === "summed") {
      const first = builder.let("first_row", multiply(part, constant(rowsPerTask)));
      const end = builder.let("row_end", min(add(first, constant(rowsPerTask)), places));
      kernel.emitSummed(at, first, end);
      return;
    }
    const channel = builder.let("channel", multiply(part, constant(plan.channels)));
    const rested = correlation.channels % plan.channels;
    inTwo(builder, part, rested === 0 ? channelParts : channelParts - 1, {
      whole: () => kernel.emitKept(at, channel, plan.channels),
      last: rested === 0 ? null : () => kernel.emitKept(at, channel, rested),
    });
  };
  const rested = columns % width;
  const lastVectors = Math.ceil(rested / lanes);
  inTwo(builder, panel, Math.floor(columns / width), {
    whole: () => emitPanel(vectors, lanes),
    last: rested === 0 ? null : () => emitPanel(lastVectors, rested - (lastVectors - 1) * lanes),
  });
  const outer = contraction.outerAxes.map((axis) => extentValue(extents[axis]!));
  return [parts, constant(panels), ...outer].reduce(multiply);
}

/** The parallel axis that rows of finished tiles are along. */
export function rowAxisOf({ correlation: { taps, pairs, channelAxis } }: CorrelationPlan): number {
  return taps === "summed" ? pairs.at(-1)!.longAxis : channelAxis;
}

/** One thing for numbers below `count` and another for the last. */
function inTwo(
  builder: KernelBuilder,
  number: Expression,
  count: number,
  { whole, last }: { readonly whole: () => void; readonly last: (() => void) | null },
): void {
  if (last === null) whole();
  else if (count === 0) last();
  else
    builder.emit(when(less(number, constant(count)), builder.block(whole), builder.block(last)));
}

/** Memory of the task for tiles: one plane for each point, of `rows` rows of `width` elements. */
interface Planes {
  readonly buffer: string;
  readonly width: number;
  /** From plane to plane. */
  readonly pitch: number;
}

interface Start {
  readonly buffer: string;
  readonly start: Expression;
}

/** A block of tiles. */
interface Block {
  /** Places along the long axes at its first tile, and the number of its first row of tiles. */
  readonly row: Expression;
  readonly column: Expression;
  /** Whether its last column of tiles begins one place earlier than others. */
  readonly isShort: boolean;
}

/** The code of one panel of columns. */
class CorrelationKernel {
  readonly #builder: KernelBuilder;
  readonly #plan: CorrelationPlan;
  readonly #finish: (tile: FinishedTile) => void;
  readonly #vectors: number;
  readonly #active: number;
  readonly #width: number;
  readonly #rank: number;
  readonly #points: number;

  constructor(
    builder: KernelBuilder,
    plan: CorrelationPlan,
    finish: (tile: FinishedTile) => void,
    vectors: number,
    active: number,
  ) {
    this.#builder = builder;
    this.#plan = plan;
    this.#finish = finish;
    this.#vectors = vectors;
    this.#active = active;
    this.#width = vectors * plan.lanes;
    this.#rank = plan.correlation.pairs.length;
    this.#points = tilePoints ** this.#rank;
  }

  /** Rows `first` … `end` of the first row axis, or without one all there is. */
  emitSummed(at: readonly Expression[], first: Expression, end: Expression): void {
    const builder = this.#builder;
    const { correlation, lanes, block } = this.#plan;
    const { contraction, channels, rowAxes, pairs } = correlation;
    const extents = axesOfNode(contraction.node);
    const filter = this.#transformFilter(at);
    const data = this.#planes("data", block[0] * block[1], this.#channelVectors(channels) * lanes);
    const products = this.#planes("products", block[0] * block[1], this.#width);
    const places = tilePlaces * block[1];
    const perRow = places * this.#width;
    const sums = builder.local("tile", "f32", (this.#rank === 2 ? tilePlaces : 1) * perRow);

    const visit = (depth: number, axes: readonly Expression[]): void => {
      const axis = rowAxes[depth];
      if (axis === undefined) {
        const source = this.#broadcastAt(axes);
        this.#forEachBlock((tiles) => {
          this.#transformData(source, tiles, data, channels);
          this.#multiplyTiles(data, filter, products);
          this.#finishTiles(products, tiles, sums, perRow, axes);
        });
        return;
      }
      const [from, to] = depth === 0 ? [first, end] : [constant(0), extentValue(extents[axis]!)];
      builder.loop("row", from, to, (row) => visit(depth + 1, axes.with(axis, row)));
    };
    visit(0, at.with(pairs[0]!.longAxis, constant(0)));
  }

  /** Channels from `channel` on, of which there are so many. */
  emitKept(at: readonly Expression[], channel: Expression, channels: number): void {
    const builder = this.#builder;
    const { correlation, lanes, block } = this.#plan;
    const { contraction, channelAxis, pairs, sums: loops } = correlation;
    const axes = at.with(channelAxis, channel);
    const inBlock = block[0] * block[1];
    const data = this.#planes("data", inBlock, this.#channelVectors(channels) * lanes);
    const derivatives = this.#planes("derivatives", inBlock, this.#width);
    const sums = this.#planes("sums", channels, this.#width);
    clear(builder, sums.buffer, this.#points * sums.pitch, lanes);

    const broadcast = this.#broadcastAt(axes);
    const run = this.#startOf(contraction.run, axes, "run_start");
    const visit = (depth: number, a: Expression, b: Expression): void => {
      const loop = loops[depth];
      if (loop === undefined) {
        const given = { buffer: broadcast.buffer, start: builder.let("row_start", a) };
        const wanted = { buffer: run.buffer, start: builder.let("run_row", b) };
        this.#forEachBlock((tiles) => {
          this.#transformData(given, tiles, data, channels);
          this.#transformDerivatives(wanted, tiles, derivatives);
          this.#addProducts(data, derivatives, sums, channels);
        });
        return;
      }
      builder.loop("k", constant(0), extentValue(loop.extent), (k) =>
        visit(
          depth + 1,
          add(a, multiply(k, constant(loop.broadcastStep))),
          add(b, multiply(k, constant(loop.runStep))),
        ),
      );
    };
    visit(0, broadcast.start, run.start);

    const perTap = channels * this.#width;
    const tile = builder.local("tile", "f32", tapCount ** this.#rank * perTap);
    builder.emit(
      invokeTransform(
        this.#tiles({
          transform: "taps",
          tiles: channels,
          from: this.#across(sums, this.#width),
          to: { tile: this.#width, row: tapCount * perTap, column: perTap },
        }),
        { buffer: sums.buffer, start: constant(0) },
        { buffer: tile, start: constant(0) },
      ),
    );
    const finishTap = (depth: number, number: Expression, place: readonly Expression[]): void => {
      const pair = pairs[depth];
      if (pair === undefined) {
        const start = builder.let("tap_start", multiply(number, constant(perTap)));
        const rows = { from: constant(0), to: constant(channels) };
        const shape = { vectors: this.#vectors, active: this.#active };
        this.#finish({ sums: tile, start, axes: place, ...rows, ...shape });
        return;
      }
      builder.loop("tap", constant(0), constant(tapCount), (tap) => {
        const at = pair.isReversed ? subtract(constant(tapCount - 1), tap) : tap;
        const next = add(multiply(number, constant(tapCount)), tap);
        finishTap(depth + 1, next, place.with(pair.tapAxis, at));
      });
    };
    finishTap(0, constant(0), axes);
  }

  #channelVectors(channels: number): number {
    return Math.ceil(channels / this.#plan.lanes);
  }

  /** Planes a line of the cache longer than what is in them: else all points of a tile compete for one set of it. */
  #planes(hint: string, rows: number, width: number): Planes {
    const pitch = rows * width + this.#plan.lanes;
    return { buffer: this.#builder.local(hint, "f32", this.#points * pitch), width, pitch };
  }

  #across({ pitch }: Planes, tile: number): TileRun["from"] {
    return { tile, row: tilePoints * pitch, column: pitch };
  }

  #tiles(
    run: Pick<TileRun, "transform" | "tiles" | "from" | "to"> & Partial<TileRun>,
  ): TileRun {
    return {
      rank: this.#rank,
      back: null,
      skips: { row: false, column: false },
      vectors: this.#vectors,
      lanes: this.#plan.lanes,
      active: this.#plan.lanes,
      ...run,
    };
  }

  /** Where an operand is at the given parallel axes, before the first step of the sum. */
  #startOf(
    { load, start, steps }: LinearAccess,
    axes: readonly Expression[],
    hint: string,
    moved = 0,
  ): Start {
    const builder = this.#builder;
    const none = { extents: [], batchMax: builder.batchMax, axes: [], vector: null };
    const first = add(scalarIndex(start, none), constant(moved));
    const at = axes.reduce((sum, axis, d) => add(sum, multiply(axis, constant(steps[d]!))), first);
    return { buffer: builder.buffer(load.value, "read"), start: builder.let(hint, at) };
  }

  #broadcastAt(axes: readonly Expression[]): Start {
    const { contraction, pairs } = this.#plan.correlation;
    return this.#startOf(contraction.broadcast, axes, "row_start", -backwards(pairs));
  }

  /** The operand that has taps and channels: transformed once in a task, for all its tiles. */
  #transformFilter(at: readonly Expression[]): Planes {
    const builder = this.#builder;
    const { lanes, correlation } = this.#plan;
    const { contraction, pairs, channelAxis, channels } = correlation;
    const { run, vectorAxis } = contraction;
    const loopOf = (axis: number, count: number): SumLoop => ({
      extent: fixed(count),
      broadcastStep: 0,
      runStep: run.steps[axis]!,
    });
    const loops = [
      ...pairs.map(({ tapAxis }) => loopOf(tapAxis, tapCount)),
      loopOf(channelAxis, channels),
    ];
    const shape = { vectors: this.#vectors, lanes, active: this.#active };
    const source = this.#startOf(run, at, "run_start");
    const columnStep = run.steps[vectorAxis]!;
    const isPacked = columnStep !== 1;
    const panel = isPacked
      ? packPanel(builder, { ...source, columnStep, ...shape }, loops, builder.batchMax)
      : { operand: source, sums: loops };
    const steps = panel.sums.map(({ runStep }) => runStep);
    const back = pairs.reduce(
      (sum, { isReversed }, i) => sum + (isReversed ? (tapCount - 1) * steps[i]! : 0),
      0,
    );
    const tapSteps = pairs.map(({ isReversed }, i) => (isReversed ? -steps[i]! : steps[i]!));
    const filter = this.#planes("filter", channels, this.#width);
    builder.emit(
      invokeTransform(
        this.#tiles({
          transform: "filter",
          tiles: channels,
          from: { tile: steps.at(-1)!, row: tapSteps[0]!, column: tapSteps.at(-1)! },
          to: this.#across(filter, this.#width),
          active: isPacked ? lanes : this.#active,
        }),
        { ...panel.operand, start: add(panel.operand.start, constant(back)) },
        { buffer: filter.buffer, start: constant(0) },
      ),
    );
    return filter;
  }

  /** All tiles, block by block. */
  #forEachBlock(visit: (block: Block) => void): void {
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
  #forEachRow(
    { row }: Block,
    visit: (number: Expression, place: Expression, skipped: Expression) => void,
  ): void {
    const builder = this.#builder;
    const { block, correlation } = this.#plan;
    if (this.#rank === 1) {
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

  #transformData(source: Start, block: Block, data: Planes, channels: number): void {
    const builder = this.#builder;
    const { block: size, correlation, lanes } = this.#plan;
    const { pairs } = correlation;
    const row = pairs[0]!.step;
    const column = pairs.at(-1)!.step;
    const vectors = this.#channelVectors(channels);
    this.#forEachRow(block, (number, place) => {
      const first = this.#rank === 1 ? source.start : add(source.start, multiply(place, constant(row)));
      builder.emit(
        invokeTransform(
          this.#tiles({
            transform: "data",
            tiles: size[1],
            from: { tile: tilePlaces * column, row, column },
            to: this.#across(data, data.width),
            back: block.isShort ? { from: column, to: 0 } : null,
            vectors,
            active: channels - (vectors - 1) * lanes,
          }),
          {
            buffer: source.buffer,
            start: add(first, multiply(block.column, constant(column))),
          },
          { buffer: data.buffer, start: multiply(number, constant(size[1] * data.width)) },
        ),
      );
    });
  }

  #transformDerivatives(source: Start, block: Block, derivatives: Planes): void {
    const builder = this.#builder;
    const { block: size, correlation } = this.#plan;
    const { pairs, contraction } = correlation;
    const row = contraction.run.steps[pairs[0]!.longAxis]!;
    const column = contraction.run.steps[pairs.at(-1)!.longAxis]!;
    const isOdd = this.#rank === 2 && pairs[0]!.length % tilePlaces !== 0;
    this.#forEachRow(block, (number, place, skipped) => {
      const first = this.#rank === 1 ? source.start : add(source.start, multiply(place, constant(row)));
      const transform = (skipsRow: boolean): void =>
        builder.emit(
          invokeTransform(
            this.#tiles({
              transform: "derivatives",
              tiles: size[1],
              from: { tile: tilePlaces * column, row, column },
              to: this.#across(derivatives, this.#width),
              back: block.isShort ? { from: column, to: 0 } : null,
              skips: { row: skipsRow, column: block.isShort },
              active: this.#active,
            }),
            {
              buffer: source.buffer,
              start: add(first, multiply(block.column, constant(column))),
            },
            { buffer: derivatives.buffer, start: multiply(number, constant(size[1] * this.#width)) },
          ),
        );
      if (!isOdd) {
        transform(false);
        return;
      }
      const all = builder.block(() => transform(false));
      const second = builder.block(() => transform(true));
      builder.emit(when(less(skipped, constant(1)), all, second));
    });
  }

  /** Register tiles of `count` rows, those that are left over as a smaller one. */
  #forEachTile(count: number, visit: (row: Expression, rows: number) => void): void {
    const { rows } = this.#plan;
    const whole = count - (count % rows);
    if (whole > 0) {
      this.#builder.loop("row", constant(0), constant(whole), (row) => visit(row, rows), rows);
    }
    if (whole < count) visit(constant(whole), count - whole);
  }

  #forEachPoint(visit: (point: Expression) => void): void {
    this.#builder.loop("point", constant(0), constant(this.#points), visit);
  }

  /** Data of all tiles of a block times the filter, summed over channels. */
  #multiplyTiles(data: Planes, filter: Planes, products: Planes): void {
    const { lanes, block, correlation } = this.#plan;
    const extent = fixed(correlation.channels);
    const sums = [{ extent, broadcastStep: 1, runStep: this.#width }];
    this.#forEachPoint((point) => {
      const starts = [data, filter, products].map(({ buffer, pitch }) => ({
        buffer,
        start: this.#builder.let("plane", multiply(point, constant(pitch))),
      }));
      this.#forEachTile(block[0] * block[1], (row, rows) => {
        const [left, right, out] = starts as [Start, Start, Start];
        const shape = { rows, vectors: this.#vectors, lanes, active: lanes };
        this.#builder.emit(
          invokeTile(
            { ...shape, rowStep: data.width, goesOn: false },
            sums,
            { ...left, start: add(left.start, multiply(row, constant(data.width))) },
            right,
            { ...out, start: add(out.start, multiply(row, constant(this.#width))) },
          ),
        );
      });
    });
  }

  /** Data of all tiles of a block times their derivatives, added to the sums for each channel. */
  #addProducts(data: Planes, derivatives: Planes, sums: Planes, channels: number): void {
    const { lanes, block } = this.#plan;
    const extent = fixed(block[0] * block[1]);
    const loops = [{ extent, broadcastStep: data.width, runStep: this.#width }];
    this.#forEachPoint((point) => {
      const starts = [data, derivatives, sums].map(({ buffer, pitch }) => ({
        buffer,
        start: this.#builder.let("plane", multiply(point, constant(pitch))),
      }));
      this.#forEachTile(channels, (row, rows) => {
        const [left, right, out] = starts as [Start, Start, Start];
        const shape = { rows, vectors: this.#vectors, lanes, active: lanes };
        this.#builder.emit(
          invokeTile(
            { ...shape, rowStep: 1, goesOn: true },
            loops,
            { ...left, start: add(left.start, row) },
            right,
            { ...out, start: add(out.start, multiply(row, constant(this.#width))) },
          ),
        );
      });
    });
  }

  /** Places of the result from products, and what the group does with them, row by row. */
  #finishTiles(
    products: Planes,
    block: Block,
    tile: string,
    perRow: number,
    axes: readonly Expression[],
  ): void {
    const builder = this.#builder;
    const { block: size, correlation } = this.#plan;
    const { pairs } = correlation;
    const count = tilePlaces * size[1] - (block.isShort ? 1 : 0);
    this.#forEachRow(block, (number, place, skipped) => {
      builder.emit(
        invokeTransform(
          this.#tiles({
            transform: "outputs",
            tiles: size[1],
            from: this.#across(products, this.#width),
            to: { tile: tilePlaces * this.#width, row: perRow, column: this.#width },
            back: block.isShort ? { from: 0, to: this.#width } : null,
          }),
          { buffer: products.buffer, start: multiply(number, constant(size[1] * this.#width)) },
          { buffer: tile, start: constant(0) },
        ),
      );
      const finish = (start: Expression, at: readonly Expression[]): void => {
        const rows = { from: constant(0), to: constant(count) };
        const shape = { vectors: this.#vectors, active: this.#active };
        const column = at.with(pairs.at(-1)!.longAxis, block.column);
        this.#finish({ sums: tile, start, axes: column, ...rows, ...shape });
      };
      if (this.#rank === 1) {
        finish(constant(0), axes);
        return;
      }
      builder.loop("r", skipped, constant(tilePlaces), (r) => {
        const row = builder.let("row", add(place, r));
        const start = builder.let("tile_row", multiply(r, constant(perRow)));
        finish(start, axes.with(pairs[0]!.longAxis, row));
      });
    });
  }
}
