/**
 * What happens to the sums of a finished tile: the group's maps on them and its stores, each thread on its own rows
 * and columns. Bias, activation and mask are written out for each of its outputs; longer ones, as the updates of
 * optimizers, are written once, in loops over the outputs:
 *
 * - where memory is accessed by single elements, the sums pass through an array of the thread, which costs little
 *   beside them and keeps the code small, which counts where it is compiled on starting;
 * - where it is accessed by 16 bytes, they pass through shared memory, band by band of the tile's rows: sums stay in
 *   registers, of which only literal positions can be read, and neighbouring threads then have neighbouring columns.
 */

import {
  add,
  constant,
  f32,
  join,
  lane,
  less,
  load,
  multiply,
  operation,
  place,
  quotient,
  remainder,
  store,
  symbol,
  vectorOf,
  when,
} from "../../kernel/build.ts";
import type { Expression } from "../../kernel/ir.ts";
import type { JoinedAxis } from "../../optimize/fusion/tiled-contraction.ts";
import type { Group } from "../../optimize/group.ts";
import type { WorkgroupLimits } from "../../optimize/target-description.ts";
import { bodyCost } from "../cost.ts";
import type { SharedLoads } from "../epilogue.ts";
import { conditionValue, type Point } from "../indexes.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import { extentValue } from "../micro-kernel.ts";
import { isWhole } from "./contraction-plan.ts";
import { type Lanes, OutputRuns } from "./output-runs.ts";
import type { TileOutputs } from "./tile-outputs.ts";

/** Operations of all maps on a thread's outputs beyond which they are written once, in loops. */
const longestEpilogue = 128;
/** The same where sums have to pass through shared memory for that. */
const longestUnstaged = 512;

/** The end of a kernel that has computed the sums of a tile. */
export function emitEpilogue(
  builder: KernelBuilder,
  group: Group,
  outputs: TileOutputs,
  { accessBytes }: Pick<WorkgroupLimits, "accessBytes">,
): void {
  const isWide = accessBytes > 4;
  const epilogue = new Epilogue(builder, group, outputs, isWide);
  const count = outputs.rows.count * outputs.columns.count;
  if (isWide && isStaged(group, count)) epilogue.emitBands();
  else if (!isWide && operationsOf(group) * count > longestEpilogue) epilogue.emitLoops();
  else epilogue.emitEach();
}

/** Whether so many sums of a thread pass through shared memory, where accesses are by 16 bytes. */
export function isStaged(group: Group, count: number): boolean {
  return operationsOf(group) * count > longestUnstaged;
}

/** Bytes of shared memory that this takes. */
export function stagedBytes(bandHeight: number, width: number): number {
  return 4 * bandHeight * stagedStride(width);
}

/** Floats from line to line: so, threads with pairs of columns in eight rows miss each other. */
function stagedStride(width: number): number {
  return width + 8;
}

/** Operations of the maps at one output. */
function operationsOf({ stages }: Group): number {
  const maps = stages.filter(({ reducer }) => reducer === null);
  return maps.reduce((sum, { body }) => sum + bodyCost(body), 0);
}

/** A line of the result: where it is, and whether there is one. */
interface Line {
  readonly at: Expression;
  readonly exists: Expression | null;
}

class Epilogue {
  readonly #builder: KernelBuilder;
  readonly #outputs: TileOutputs;
  readonly #runs: OutputRuns;

  constructor(builder: KernelBuilder, group: Group, outputs: TileOutputs, isWide: boolean) {
    this.#builder = builder;
    this.#outputs = outputs;
    this.#runs = new OutputRuns(builder, group, outputs.contraction, isWide);
  }

  emitEach(): void {
    const { rows, columns, sum, run } = this.#outputs;
    const builder = this.#builder;
    const lanes = this.#runs.lanesOf(run);
    const shared = Array.from({ length: columns.count / lanes }, (_, i) => {
      const column = this.#column(columns.at(constant(i * lanes)));
      return { column, loads: this.#sharedLoads(column, lanes) };
    });
    for (let r = 0; r < rows.count; r++) {
      const row = this.#row(rows.at(constant(r)));
      const body = builder.block(() => {
        shared.forEach(({ column, loads }, i) => {
          const sums = Array.from({ length: lanes }, (_, c) => sum(r, i * lanes + c));
          this.#guarded(column, () => this.#emitOutputs(row, column, sums, loads));
        });
      });
      builder.emit(...(row.exists === null ? body : [when(row.exists, body)]));
    }
  }

  emitLoops(): void {
    const { rows, columns, sum } = this.#outputs;
    const builder = this.#builder;
    const buffer = builder.local("sums", "f32", rows.count * columns.count);
    for (let r = 0; r < rows.count; r++) {
      for (let c = 0; c < columns.count; c++) {
        builder.emit(store(place(buffer, constant(r * columns.count + c)), sum(r, c)));
      }
    }
    builder.loop("c", constant(0), constant(columns.count), (c) => {
      const column = this.#column(columns.at(c));
      this.#guarded(column, () => {
        const loads = this.#sharedLoads({ ...column, exists: null }, 1);
        builder.loop("r", constant(0), constant(rows.count), (r) => {
          const row = this.#row(rows.at(r));
          const index = add(multiply(r, constant(columns.count)), c);
          this.#guarded(row, () => {
            const value = builder.let("sum", load(place(buffer, index), f32));
            this.#emitOutputs(row, column, [value], loads);
          });
        });
      });
    });
  }

  emitBands(): void {
    const { bands, width, meeting = { kind: "barrier" } } = this.#outputs;
    const builder = this.#builder;
    const stride = stagedStride(width);
    const staged = builder.shared("staged", "f32", bands.height * stride);
    builder.loop("band", constant(0), constant(bands.count), (band) => {
      // The band before is still read until here.
      builder.emit(meeting);
      for (let number = 0; number < bands.count; number++) {
        const isIt = operation("equal", band, constant(number));
        const stores = builder.block(() => this.#stage(number, staged, stride));
        builder.emit(when(isIt, stores));
      }
      builder.emit(meeting);
      this.#emitStaged(band, staged, stride);
    });
  }

  /** Stores this thread's sums of a band. */
  #stage(band: number, staged: string, stride: number): void {
    const { rows, columns, sum, run, bands } = this.#outputs;
    const own = rows.count / bands.count;
    for (let i = 0; i < own; i++) {
      const line = multiply(bands.place(i), constant(stride));
      for (let c = 0; c < columns.count; c += run) {
        const sums = Array.from({ length: run }, (_, k) => sum(band * own + i, c + k));
        const index = add(line, columns.at(constant(c)));
        this.#builder.emit(store(place(staged, index), join(sums)));
      }
    }
  }

  /** The outputs of a band, as many neighbouring columns to a thread as one access takes. */
  #emitStaged(band: Expression, staged: string, stride: number): void {
    const { bands, width, threads } = this.#outputs;
    const builder = this.#builder;
    const lanes = this.#runs.lanesOf(4);
    // Threads go along the columns, and those that remain down the rows.
    const across = Math.min(threads, width / lanes);
    const thread = symbol("thread");
    const emitColumn = (number: Expression): void => {
      const at = builder.let("at", multiply(number, constant(lanes)));
      const column = this.#column(at);
      this.#guarded(column, () => {
        const loads = this.#sharedLoads({ ...column, exists: null }, lanes);
        const from = quotient(thread, across);
        const emitRow = (line: Expression): void => {
          const row = this.#row(bands.rowAt(band, line));
          this.#guarded(row, () => {
            const index = add(multiply(line, constant(stride)), at);
            const type = lanes === 1 ? f32 : vectorOf("f32", lanes);
            const sums = builder.let("sums", load(place(staged, index), type));
            const each =
              lanes === 1 ? [sums] : Array.from({ length: lanes }, (_, i) => lane(sums, i));
            this.#emitOutputs(row, column, each, loads);
          });
        };
        builder.loop("line", from, constant(bands.height), emitRow, threads / across);
      });
    };
    if (across === width / lanes) emitColumn(remainder(thread, across));
    else builder.loop("column", thread, constant(width / lanes), emitColumn, threads);
  }

  #guarded({ exists }: Line, emit: () => void): void {
    if (exists === null) emit();
    else this.#builder.emit(when(exists, this.#builder.block(emit)));
  }

  #row(number: Expression): Line {
    const { contraction, height } = this.#outputs;
    return this.#line(contraction.rows, number, height, "row");
  }

  #column(number: Expression): Line {
    const { contraction, width } = this.#outputs;
    return this.#line(contraction.columns, number, width, "column");
  }

  #line({ axis, extent }: JoinedAxis, number: Expression, width: number, hint: string): Line {
    const builder = this.#builder;
    const at = builder.let(hint, add(this.#outputs.axes[axis]!, number));
    const exists = isWhole(extent, width)
      ? null
      : builder.let(`is_${hint}`, less(at, extentValue(extent)));
    return { at, exists };
  }

  /** Loads of the maps that are the same in all rows of neighbouring columns. */
  #sharedLoads(column: Line, lanes: Lanes): readonly SharedLoads[] {
    const { contraction, axes } = this.#outputs;
    const points = this.#pointsAt(axes[contraction.rows.axis]!, column.at, lanes);
    return this.#runs.sharedLoads(points, column.exists);
  }

  #emitOutputs(
    row: Line,
    column: Line,
    sums: readonly Expression[],
    shared: readonly SharedLoads[],
  ): void {
    const { exists } = this.#outputs.contraction;
    const condition = conditionValue(exists, this.#pointIn(row.at, column.at));
    this.#guarded({ at: column.at, exists: condition }, () => {
      this.#runs.emit(this.#pointsAt(row.at, column.at, sums.length), sums, shared);
    });
  }

  /** Neighbouring points of a row, in the axes of the node. */
  #pointsAt(row: Expression, column: Expression, lanes: number): readonly Point[] {
    const { joined } = this.#outputs.contraction;
    return Array.from({ length: lanes }, (_, i) => ({
      ...this.#pointIn(row, add(column, constant(i))),
      joined,
    }));
  }

  /** A point in the axes of the box. */
  #pointIn(row: Expression, column: Expression): Point {
    const { contraction, axes } = this.#outputs;
    const { box, rows, columns } = contraction;
    return {
      extents: box.axes,
      batchMax: box.batchMax,
      axes: axes.with(rows.axis, row).with(columns.axis, column),
      vector: null,
    };
  }
}
