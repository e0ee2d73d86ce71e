/**
 * Copies a panel of a contraction's operand to local memory so that its columns lie side by side there: row k
 * of the panel holds the `columns` elements that step k of the sum wants. Where the sum runs along the
 * operand's memory, as for the transposed weights of an input gradient, blocks are transposed in registers.
 */

import { sizeAt } from "../graph/extent.ts";
import { BlockBuilder } from "../kernel/block-builder.ts";
import {
  add,
  constant,
  less,
  load,
  multiply,
  place,
  quotient,
  ramp,
  shuffle,
  store,
  variable,
  vectorOf,
  when,
} from "../kernel/build.ts";
import { askFor, pointer, value } from "../kernel/intrinsics.ts";
import type { Expression, KernelFunction, Place } from "../kernel/ir.ts";
import type { LastPanel } from "./contraction-last-panel.ts";
import type { SumLoop } from "./contraction-sums.ts";
import type { KernelBuilder } from "./kernel-builder.ts";
import { countOf } from "./micro-kernel.ts";
import type { TileOperand } from "./tile-operand.ts";

/** What tiles go through: where it starts, and the loops of the sum as they go through it. */
export interface Panel {
  readonly operand: TileOperand;
  readonly sums: readonly SumLoop[];
}

/**
 * Rows of a panel that are far apart in memory are asked for so many ahead: no processor foresees them by itself, and
 * each would be waited for.
 */
const rowsAhead = 16;

/** The same of blocks that are transposed, whose rows are read along memory, many at a time. */
const blocksAhead = 2;

export interface PanelSource {
  readonly buffer: string;
  /** The element of the first column at the first step of the sum. */
  readonly start: Expression;
  /** From column to column. */
  readonly columnStep: number;
  /** Columns of the panel: `vectors` vectors, the last with `active` lanes in use. */
  readonly vectors: number;
  readonly lanes: number;
  readonly active: number;
  readonly last: LastPanel | null;
}

/** Packs a panel. */
export function packPanel(
  builder: KernelBuilder,
  source: PanelSource,
  sums: readonly SumLoop[],
  batchMax: number,
): Panel {
  const { vectors, lanes, last } = source;
  const width = vectors * lanes;
  const sizes = sums.map(({ extent }) => sizeAt(extent, batchMax));
  const steps = sums.length;
  const inner = sums.at(-1)!;
  const isTransposed =
    inner.runStep === 1 && inner.extent.batch === 0 && inner.rest !== null && lanes > 1;
  // The last square is written whole: what it has beside the rest of the sum is written over by what follows.
  const beyond = isTransposed ? (lanes - restOf(inner, lanes)) % lanes : 0;
  const rows = sizes.reduce((a, b) => a * b, 1) + beyond;
  const panel = builder.local("panel", "f32", width * rows);
  const packed = sums.map((loop, i) => ({
    ...loop,
    runStep: width * sizes.slice(i + 1).reduce((a, b) => a * b, 1),
  }));

  const visit = (from: Expression, to: Expression, depth: number, part: PackedPart): void => {
    const loop = sums[depth]!;
    const end = countOf(loop);
    const isInnermost = depth === steps - 1;
    if (isInnermost && isTransposed) {
      transposeBlocks(builder, part, panel, loop, from, to);
      return;
    }
    builder.loop("k", constant(0), end, (k) => {
      const nextFrom = builder.let("from", add(from, multiply(k, constant(loop.runStep))));
      const nextTo = builder.let("to", add(to, multiply(k, constant(packed[depth]!.runStep))));
      if (!isInnermost) visit(nextFrom, nextTo, depth + 1, part);
      else gatherRow(builder, part, panel, nextFrom, nextTo, loop.runStep);
    });
  };
  const pack = (part: Pick<PanelSource, "vectors" | "active">): void =>
    visit(source.start, constant(0), 0, { ...source, ...part, width });
  if (last === null) {
    pack(source);
  } else {
    const others = builder.block(() => pack(source));
    builder.emit(
      when(
        last.isOther,
        others,
        builder.block(() => pack(last)),
      ),
    );
  }
  return { operand: { buffer: panel, start: constant(0) }, sums: packed };
}

/** The columns of one panel, in rows of `width` elements. */
type PackedPart = Omit<PanelSource, "last"> & { readonly width: number };

/** One row of the panel, its elements gathered one by one. */
function gatherRow(
  builder: KernelBuilder,
  { buffer, columnStep, vectors, lanes, active }: PackedPart,
  panel: string,
  from: Expression,
  to: Expression,
  step: number,
): void {
  for (let v = 0; v < vectors; v++) {
    const first = add(from, constant(v * lanes * columnStep));
    const isRun = lanes === 1 || columnStep === 1;
    if (isRun) builder.emit(askFor(buffer, add(first, constant(rowsAhead * step))));
    const index = isRun ? first : add(first, multiply(ramp(lanes), constant(columnStep)));
    const element = load(place(buffer, index), vectorOf("f32", lanes), {
      active: v === vectors - 1 ? active : lanes,
    });
    builder.emit(store(place(panel, add(to, constant(v * lanes))), element));
  }
}

/** Steps of a sum that are no whole square at its end. */
function restOf({ count, rest, extent }: SumLoop, lanes: number): number {
  return (count === undefined ? extent.constant : rest!) % lanes;
}

/** The whole panel in blocks of lanes × lanes: read along the sum, written along the columns. */
function transposeBlocks(
  builder: KernelBuilder,
  { buffer, columnStep, vectors, lanes, active, width }: PackedPart,
  panel: string,
  loop: SumLoop,
  from: Expression,
  to: Expression,
): void {
  const type = vectorOf("f32", lanes);
  const squares = (at: Place, step: number, steps: Expression, to: Expression): void => {
    builder.emit({
      kind: "invoke",
      function: transposeFunction(lanes),
      args: [
        { kind: "address", place: at },
        constant(step),
        steps,
        { kind: "address", place: place(panel, to) },
        constant(width),
      ],
    });
  };
  /** A square at the end of the columns or of the sum, of which there are so many, filled up with zeros beside the panel. */
  const partial = (corner: Expression, steps: number, used: number, to: Expression): void => {
    const square = builder.local("square", "f32", lanes * lanes);
    const fill = (first: number, end: number, row: (j: Expression) => Expression): void => {
      if (first === end) return;
      builder.loop("j", constant(first), constant(end), (j) => {
        builder.emit(store(place(square, multiply(j, constant(lanes))), row(j)));
      });
    };
    fill(0, used, (j) => {
      const at = add(corner, multiply(j, constant(columnStep)));
      if (steps === lanes) builder.emit(askFor(buffer, add(at, constant(blocksAhead * lanes))));
      return load(place(buffer, at), type, { active: steps });
    });
    fill(used, lanes, () => constant(0, "f32", lanes));
    squares(place(square, constant(0)), lanes, constant(lanes), to);
  };
  const run = (column: Expression, used: number): void => {
    const corner = builder.let("corner", add(from, multiply(column, constant(columnStep))));
    const rowAt = (k: Expression) => add(add(to, multiply(k, constant(width))), column);
    const whole = (steps: Expression): void => {
      if (used === lanes) {
        squares(place(buffer, corner), columnStep, steps, rowAt(constant(0)));
        return;
      }
      const each = (k: Expression) => partial(add(corner, k), lanes, used, rowAt(k));
      builder.loop("k", constant(0), steps, each, lanes);
    };
    const rest = (k: Expression, steps: number) => partial(add(corner, k), steps, used, rowAt(k));
    const { count, extent } = loop;
    const steps = restOf(loop, lanes);
    if (count !== undefined) {
      // Blocks of a sum are of whole squares, but for the last.
      const end = builder.let("whole", multiply(quotient(count, lanes), constant(lanes)));
      whole(end);
      if (steps === 0) return;
      const last = builder.block(() => rest(end, steps));
      builder.emit(when(less(end, count), last));
      return;
    }
    const end = extent.constant - steps;
    if (end > 0) whole(constant(end));
    if (steps > 0) rest(constant(end), steps);
  };
  const full = active === lanes ? vectors : vectors - 1;
  if (full > 0) {
    const each = (column: Expression) => run(column, lanes);
    builder.loop("column", constant(0), constant(full * lanes), each, lanes);
  }
  if (full < vectors) run(constant(full * lanes), active);
}

/**
 * Whole squares along memory, one after the other. A function of its own, for any distances: it is compiled once,
 * however many kernels pack their panels, and one square is work enough for a call.
 */
function transposeFunction(lanes: number): KernelFunction {
  const builder = new BlockBuilder();
  const type = vectorOf("f32", lanes);
  const names = ["columns", "column_step", "steps", "panel", "width"];
  const [columns, columnStep, steps, panel, width] = names.map((hint) => builder.name(hint)) as [
    string,
    string,
    string,
    string,
    string,
  ];
  builder.loop(
    "k",
    constant(0),
    variable(steps),
    (k) => {
      const rows = Array.from({ length: lanes }, (_, j) => {
        const at = builder.let("at", add(k, multiply(variable(columnStep), constant(j))));
        builder.emit(askFor(columns, add(at, constant(blocksAhead * lanes))));
        return builder.let("row", load(place(columns, at), type));
      });
      transpose(builder, rows).forEach((column, j) => {
        const row = multiply(add(k, constant(j)), variable(width));
        builder.emit(store(place(panel, row), column));
      });
    },
    lanes,
  );
  return {
    name: `transpose_${lanes}x${lanes}`,
    comment: `Squares of ${lanes} columns, side by side in memory, as rows.`,
    parameters: [
      pointer(columns, "f32", "read"),
      value(columnStep, "i32"),
      value(steps, "i32"),
      pointer(panel, "f32", "write"),
      value(width, "i32"),
    ],
    body: builder.statements,
    result: null,
    inline: false,
  };
}

/**
 * The columns of a square of vectors. Each of log₂ lanes rounds interleaves rows i and i + lanes/2, a perfect
 * shuffle of the elements; after all of them element (i, j) is at (j, i).
 */
function transpose(builder: BlockBuilder, rows: readonly Expression[]): readonly Expression[] {
  const lanes = rows.length;
  const half = lanes / 2;
  const low = Array.from({ length: lanes }, (_, i) => (i >> 1) + (i & 1) * lanes);
  const high = low.map((lane) => lane + half);
  let current = rows;
  for (let round = 1; round < lanes; round *= 2) {
    current = Array.from({ length: lanes }, (_, i) => {
      const a = current[i >> 1]!;
      const b = current[(i >> 1) + half]!;
      return builder.let("mixed", shuffle(a, b, i % 2 === 0 ? low : high));
    });
  }
  return current;
}
