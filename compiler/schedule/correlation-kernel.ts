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
import { tapCount, tilePlaces } from "../optimize/fusion/correlated-axes.ts";
import { axesOfNode } from "../optimize/fusion/linear-access.ts";
import type { FinishedTile } from "./contraction-epilogue.ts";
import { packPanel } from "./contraction-pack.ts";
import type { SumLoop } from "./contraction-sums.ts";
import { type Block, type Planes, TileBlocks } from "./correlation-blocks.ts";
import type { CorrelationPlan } from "./correlation-plan.ts";
import { clear, invokeTransform } from "./correlation-transforms.ts";
import type { KernelBuilder } from "./kernel-builder.ts";
import { extentValue, invokeTile } from "./micro-kernel.ts";
import { movedOperand, type TileOperand } from "./tile-operand.ts";

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
  else builder.emit(when(less(number, constant(count)), builder.block(whole), builder.block(last)));
}

/** The code of one panel of columns. */
class CorrelationKernel {
  readonly #builder: KernelBuilder;
  readonly #plan: CorrelationPlan;
  readonly #finish: (tile: FinishedTile) => void;
  readonly #active: number;
  readonly #blocks: TileBlocks;

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
    this.#active = active;
    this.#blocks = new TileBlocks(builder, plan, vectors);
  }

  /** Rows `first` … `end` of the first row axis, or without one all there is. */
  emitSummed(at: readonly Expression[], first: Expression, end: Expression): void {
    const builder = this.#builder;
    const { correlation, lanes, block } = this.#plan;
    const { contraction, channels, rowAxes, pairs } = correlation;
    const extents = axesOfNode(contraction.node);
    const filter = this.#transformFilter(at);
    const width = this.#blocks.channelVectors(channels) * lanes;
    const data = this.#blocks.planes("data", block[0] * block[1], width);
    const products = this.#blocks.planes("products", block[0] * block[1], this.#blocks.width);
    const places = tilePlaces * block[1];
    const perRow = places * this.#blocks.width;
    const sums = builder.local("tile", "f32", (this.#blocks.rank === 2 ? tilePlaces : 1) * perRow);

    const visit = (depth: number, axes: readonly Expression[]): void => {
      const axis = rowAxes[depth];
      if (axis === undefined) {
        const source = this.#blocks.broadcastAt(axes);
        this.#blocks.forEachBlock((tiles) => {
          this.#blocks.transformData(source, tiles, data, channels, null);
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
    const { correlation, lanes } = this.#plan;
    const { contraction, channelAxis, pairs, sums: loops } = correlation;
    const axes = at.with(channelAxis, channel);
    const data = this.#blocks.tilePlanes("data", this.#blocks.channelVectors(channels) * lanes);
    const derivatives = this.#blocks.tilePlanes("derivatives", this.#blocks.width);
    const sums = this.#blocks.planes("sums", channels, this.#blocks.width);
    clear(builder, sums.buffer, this.#blocks.points * sums.pitch, lanes);

    const broadcast = this.#blocks.broadcastAt(axes);
    const run = this.#blocks.startOf(contraction.run, axes, "run_start");
    const visit = (depth: number, a: TileOperand, b: Expression): void => {
      const loop = loops[depth];
      if (loop === undefined) {
        const given = { ...a, start: builder.let("row_start", a.start) };
        const wanted = { buffer: run.buffer, start: builder.let("run_row", b) };
        this.#blocks.forEachBlock((tiles) => {
          this.#blocks.forEachPointRow((row) => {
            this.#blocks.transformData(given, tiles, data, channels, row);
            this.#transformDerivatives(wanted, tiles, derivatives, row);
            this.#addProducts(data, derivatives, sums, channels, row);
          });
        });
        return;
      }
      builder.loop("k", constant(0), extentValue(loop.extent), (k) =>
        visit(
          depth + 1,
          movedOperand(
            a,
            multiply(k, constant(loop.broadcastStep)),
            multiply(k, constant(loop.broadcastRows)),
          ),
          add(b, multiply(k, constant(loop.runStep))),
        ),
      );
    };
    visit(0, broadcast, run.start);

    const perTap = channels * this.#blocks.width;
    const tile = builder.local("tile", "f32", tapCount ** this.#blocks.rank * perTap);
    builder.emit(
      invokeTransform(
        this.#blocks.tiles({
          transform: "taps",
          tiles: channels,
          from: this.#blocks.across(sums, this.#blocks.width),
          to: { tile: this.#blocks.width, row: tapCount * perTap, column: perTap },
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
        const shape = { vectors: this.#blocks.vectors, active: this.#active, last: null };
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

  /** The operand that has taps and channels: transformed once in a task, for all its tiles. */
  #transformFilter(at: readonly Expression[]): Planes {
    const builder = this.#builder;
    const { lanes, correlation } = this.#plan;
    const { contraction, pairs, channelAxis, channels } = correlation;
    const { run, vectorAxis } = contraction;
    const loopOf = (axis: number, count: number): SumLoop => ({
      extent: fixed(count),
      axis,
      broadcastStep: 0,
      broadcastRows: 0,
      runStep: run.steps[axis]!,
    });
    const loops = [
      ...pairs.map(({ tapAxis }) => loopOf(tapAxis, tapCount)),
      loopOf(channelAxis, channels),
    ];
    const shape = { vectors: this.#blocks.vectors, lanes, active: this.#active, last: null };
    const source = this.#blocks.startOf(run, at, "run_start");
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
    const filter = this.#blocks.planes("filter", channels, this.#blocks.width);
    builder.emit(
      invokeTransform(
        this.#blocks.tiles({
          transform: "filter",
          tiles: channels,
          from: { tile: steps.at(-1)!, row: tapSteps[0]!, column: tapSteps.at(-1)! },
          to: this.#blocks.across(filter, this.#blocks.width),
          active: isPacked ? lanes : this.#active,
        }),
        { ...panel.operand, start: add(panel.operand.start, constant(back)) },
        { buffer: filter.buffer, start: constant(0) },
      ),
    );
    return filter;
  }

  #transformDerivatives(
    source: TileOperand,
    block: Block,
    derivatives: Planes,
    pointRow: number | null,
  ): void {
    const builder = this.#builder;
    const { block: size, correlation } = this.#plan;
    const { pairs, contraction } = correlation;
    const row = contraction.run.steps[pairs[0]!.longAxis]!;
    const column = contraction.run.steps[pairs.at(-1)!.longAxis]!;
    const isOdd = this.#blocks.rank === 2 && pairs[0]!.length % tilePlaces !== 0;
    this.#blocks.forEachRow(block, (number, place, skipped) => {
      const first =
        this.#blocks.rank === 1 ? source.start : add(source.start, multiply(place, constant(row)));
      const transform = (skipsRow: boolean): void =>
        builder.emit(
          invokeTransform(
            this.#blocks.tiles({
              transform: "derivatives",
              row: pointRow,
              ahead: this.#blocks.ahead(row, column),
              tiles: size[1],
              from: { tile: tilePlaces * column, row, column },
              to: this.#blocks.across(derivatives, this.#blocks.width),
              back: block.isShort ? { from: column, to: 0 } : null,
              skips: { row: skipsRow, column: block.isShort },
              active: this.#active,
            }),
            {
              buffer: source.buffer,
              start: add(first, multiply(block.column, constant(column))),
            },
            {
              buffer: derivatives.buffer,
              start: multiply(number, constant(size[1] * this.#blocks.width)),
            },
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

  /** Data of all tiles of a block times the filter, summed over channels. */
  #multiplyTiles(data: Planes, filter: Planes, products: Planes): void {
    const { lanes, block, correlation } = this.#plan;
    const extent = fixed(correlation.channels);
    const loop = { extent, axis: null, broadcastRows: 0, runStep: this.#blocks.width };
    const sums = [{ ...loop, broadcastStep: 1 }];
    this.#blocks.forEachPoint(null, (point) => {
      const left = this.#plane(data, point);
      const right = this.#plane(filter, point);
      const out = this.#plane(products, point);
      this.#blocks.forEachTile(block[0] * block[1], (row, rows) => {
        const { vectors, width } = this.#blocks;
        const shape = { rows, vectors, lanes, active: lanes, width };
        this.#builder.emit(
          invokeTile(
            { ...shape, rowStep: data.width, goesOn: false },
            sums,
            { ...left, start: add(left.start, multiply(row, constant(data.width))) },
            right,
            { ...out, start: add(out.start, multiply(row, constant(this.#blocks.width))) },
          ),
        );
      });
    });
  }

  /** Data of all tiles of a block times their derivatives, added to the sums for each channel. */
  #addProducts(
    data: Planes,
    derivatives: Planes,
    sums: Planes,
    channels: number,
    pointRow: number | null,
  ): void {
    const { lanes, block } = this.#plan;
    const extent = fixed(block[0] * block[1]);
    const loop = { extent, axis: null, broadcastRows: 0, runStep: this.#blocks.width };
    const loops = [{ ...loop, broadcastStep: data.width }];
    this.#blocks.forEachPoint(pointRow, (inRow, point) => {
      const left = this.#plane(data, inRow);
      const right = this.#plane(derivatives, inRow);
      const out = this.#plane(sums, point);
      this.#blocks.forEachTile(channels, (row, rows) => {
        const { vectors, width } = this.#blocks;
        const shape = { rows, vectors, lanes, active: lanes, width };
        this.#builder.emit(
          invokeTile(
            { ...shape, rowStep: 1, goesOn: true },
            loops,
            { ...left, start: add(left.start, row) },
            right,
            { ...out, start: add(out.start, multiply(row, constant(this.#blocks.width))) },
          ),
        );
      });
    });
  }

  #plane({ buffer, pitch }: Planes, number: Expression): TileOperand {
    return { buffer, start: this.#builder.let("plane", multiply(number, constant(pitch))) };
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
    this.#blocks.forEachRow(block, (number, place, skipped) => {
      builder.emit(
        invokeTransform(
          this.#blocks.tiles({
            transform: "outputs",
            tiles: size[1],
            from: this.#blocks.across(products, this.#blocks.width),
            to: { tile: tilePlaces * this.#blocks.width, row: perRow, column: this.#blocks.width },
            back: block.isShort ? { from: 0, to: this.#blocks.width } : null,
          }),
          {
            buffer: products.buffer,
            start: multiply(number, constant(size[1] * this.#blocks.width)),
          },
          { buffer: tile, start: constant(0) },
        ),
      );
      const finish = (start: Expression, at: readonly Expression[]): void => {
        const rows = { from: constant(0), to: constant(count) };
        const shape = { vectors: this.#blocks.vectors, active: this.#active, last: null };
        const column = at.with(pairs.at(-1)!.longAxis, block.column);
        this.#finish({ sums: tile, start, axes: column, ...rows, ...shape });
      };
      if (this.#blocks.rank === 1) {
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
