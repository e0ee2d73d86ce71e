/**
 * The register tile of a contraction, a function of its own: named accumulators, one for each row and vector; a loop
 * over the sum that loads vectors of one operand and broadcasts elements of the other; then the sums are stored side
 * by side in memory of the task, where the group's maps find them. As a function it is compiled once however many
 * kernels use it, whatever the sizes of their operands, and nothing around it competes with the accumulators for
 * registers; its way through the first-level cache costs little beside the sum. Every output adds its products in the
 * order of the sum, so tiles, tails, tasks and blocks of the sum change no bits.
 */

import type { Extent } from "../graph/extent.ts";
import { BlockBuilder } from "../kernel/block-builder.ts";
import {
  add,
  broadcast,
  constant,
  fma,
  literalOf,
  load,
  min,
  multiply,
  place,
  quotient,
  store,
  subtract,
  symbol,
  vectorOf,
} from "../kernel/build.ts";
import { askFor } from "../kernel/intrinsics.ts";
import type {
  Access,
  ColumnParameter,
  Expression,
  KernelFunction,
  Statement,
} from "../kernel/ir.ts";
import { type Moved, movedBy, type SumLoop, unmoved } from "./contraction-sums.ts";
import { NumberParameters } from "./number-parameters.ts";
import { addressOf, type TileOperand } from "./tile-operand.ts";

/** Elements of f32 in a line of the caches of all processors that matter. */
export const lineElements = 16;

/** Steps of a sum that take about as long as memory beyond the first caches: so far ahead it is asked for. */
const stepsAhead = 16;

export interface TileShape {
  readonly rows: number;
  readonly vectors: number;
  readonly lanes: number;
  /** Lanes of the last vector that are columns of the result. */
  readonly active: number;
  /** Elements from row to row of the sums in memory, at least those of all vectors. */
  readonly width: number;
  /** From row to row of the broadcast operand, in elements. */
  readonly rowStep: number;
  /** Whether rows side by side lie within a line wherever the tile begins; absent where that is not known. */
  readonly isWithinLine?: boolean;
  /** Null or absent unless the broadcast operand is a column of the data and moves from one row of the batch to others. */
  readonly batchRows?: BatchRows | null;
  /** Whether the sums go on from what lies where they are stored, instead of from zero. */
  readonly goesOn: boolean;
  /** What follows the sums reads at the tile's points: asked for row by row in the course of them. */
  readonly ahead?: readonly OperandAhead[];
}

/** An operand of what follows the sums of a tile, at its first row and column, and how far its rows are apart. */
export interface OperandAhead {
  readonly operand: TileOperand;
  readonly rowStep: number;
}

/** How a tile goes through rows of the batch. */
export interface BatchRows {
  /** Rows of the batch from row to row of the tile. */
  readonly step: number;
  /** Elements of a row of the batch. */
  readonly elements: number;
}

/** The sums of one tile, stored row after row, each in whole vectors. */
export function invokeTile(
  shape: TileShape,
  sums: readonly SumLoop[],
  /** The operand whose elements are broadcast, at the tile's first row. */
  rows: TileOperand,
  /** The operand that runs along the vectors, at the first lane. */
  columns: TileOperand,
  tile: TileOperand,
): Statement {
  const { tile: fn, numbers } = tileFunction(shape, sums);
  const ahead = shape.ahead?.map(({ operand }) => addressOf(operand)) ?? [];
  return {
    kind: "invoke",
    function: fn,
    args: [addressOf(rows), addressOf(columns), ...numbers, ...ahead, addressOf(tile)],
  };
}

/** How many steps of a loop of the sum there are. */
export function countOf({ extent, count }: SumLoop): Expression {
  return count ?? extentValue(extent);
}

function isLiteral({ extent, count }: SumLoop): boolean {
  return extent.batch === 0 && count === undefined;
}

/** Steps of a sum in loops within each other that are over so soon that what is around the innermost one counts. */
const fewSteps = 32;

/**
 * Whether to have in the text how often and how far the loops of a sum go, which the compiler then makes less of: the 3×3
 * steps of a convolution of one channel took a fifth less.
 */
function isShort(sums: readonly SumLoop[]): boolean {
  const steps = sums.reduce((product, { extent }) => product * extent.constant, 1);
  return sums.length > 1 && steps <= fewSteps;
}

/** So many rows have registers for how far they are from the first, beside those of everything else. */
const mostRowsApart = 8;

/** A tile, named by all that its body depends on, and the numbers that it takes after its operands. */
function tileFunction(
  given: TileShape,
  sums: readonly SumLoop[],
): { readonly tile: KernelFunction; readonly numbers: readonly Expression[] } {
  const { rows, vectors, lanes, active, width, rowStep, goesOn } = given;
  const { batchRows = null, ahead: next = [], isWithinLine = false } = given;
  const builder = new BlockBuilder();
  const pointer = (hint: string, access: Access) =>
    ({ kind: "pointer", name: builder.name(hint), dtype: "f32", access }) as const;
  const left =
    batchRows === null ? pointer("left", "read") : columnOf(builder.name("left"), batchRows);
  const right = pointer("right", "read");
  const numbers = new NumberParameters(builder);
  // Where each step looks up a row of the batch no register is left for numbers.
  const areLiteral = batchRows !== null;
  // Where a sum goes on in parts each would wait for where it starts, if that were not known in advance.
  const areLoopsLiteral =
    areLiteral || (sums.every(isLiteral) && (next.length > 0 || isShort(sums)));
  const stride = (hint: string, value: number, inText = areLiteral): Expression =>
    inText ? constant(value) : numbers.stride(hint, value);
  const ends = sums.map((loop) =>
    areLoopsLiteral && isLiteral(loop) ? countOf(loop) : numbers.count("count", countOf(loop)),
  );
  const steps = sums.map(
    ({ broadcastStep, broadcastRows, runStep }): Moved => ({
      broadcast: stride("left_step", broadcastStep, areLoopsLiteral),
      broadcastRows: constant(broadcastRows),
      run: stride("right_step", runStep, areLoopsLiteral),
    }),
  );
  const asked = next.map(({ rowStep: apart }) => ({
    to: pointer("ahead", "read"),
    apart: stride("ahead_step", apart),
  }));
  const out = pointer("sums", goesOn ? "read_write" : "write");

  const type = vectorOf("f32", lanes);
  const placeOf = (r: number, v: number) => place(out.name, constant(r * width + v * lanes));
  const accumulators = Array.from({ length: rows }, (_, r) =>
    Array.from({ length: vectors }, (_, v) => {
      const start = goesOn ? load(placeOf(r, v), type) : constant(0, "f32", lanes);
      return builder.mutable(`sum_${r}_${v}`, start);
    }),
  );
  const { broadcastStep = 0, broadcastRows = 0 } = sums.at(-1) ?? {};
  const span = batchRows?.step ? Number.POSITIVE_INFINITY : (rows - 1) * Math.abs(rowStep);
  // Rows side by side, steps apart: every step reads one line of memory, or two, that nobody foresees.
  const stepsFar = broadcastRows !== 0 || Math.abs(broadcastStep) >= lineElements;
  const isFar = stepsFar && span < lineElements;
  const isSideBySide = span < lineElements || rows > mostRowsApart;
  const apart = isSideBySide ? constant(rowStep) : stride("row_step", rowStep);
  const rowAt = (moved: Moved, r: number): Expression | null =>
    batchRows && add(moved.broadcastRows, constant(r * batchRows.step));
  const corners = span === 0 || isWithinLine ? [0] : [0, (rows - 1) * rowStep];
  const { loop: far, times, isBroken } = stepsFrom(sums);
  const ahead = far < 0 ? unmoved : movedBy(unmoved, steps[far]!, constant(times));
  // What is asked for ahead must be a row of the batch, however few there are.
  const lastRow = sums.reduce(
    (row, loop, i) =>
      add(row, multiply(subtract(ends[i]!, constant(1)), constant(loop.broadcastRows))),
    constant(0) as Expression,
  );
  const step = (moved: Moved): void => {
    for (const end of isFar ? corners : []) {
      const at = add(add(moved.broadcast, ahead.broadcast), constant(end));
      const next = add(moved.broadcastRows, ahead.broadcastRows);
      builder.emit(askFor(left.name, at, batchRows && min(next, lastRow)));
    }
    for (let v = 0; isBroken && v < vectors; v++) {
      builder.emit(askFor(right.name, add(add(moved.run, ahead.run), constant(v * lanes))));
    }
    const columns = Array.from({ length: vectors }, (_, v) => {
      const from = place(right.name, add(moved.run, constant(v * lanes)));
      const used = v === vectors - 1 ? active : lanes;
      return builder.let("column", load(from, type, { active: used }));
    });
    accumulators.forEach((row, r) => {
      const from = place(
        left.name,
        add(moved.broadcast, multiply(apart, constant(r))),
        rowAt(moved, r),
      );
      const wide = builder.let("row", broadcast(load(from, vectorOf("f32", 1)), lanes));
      row.forEach(({ name, value }, v) => {
        builder.assign(name, fma(wide, columns[v]!, value));
      });
    });
  };
  const askForRow = (row: Expression): void => {
    for (const { to, apart } of asked) {
      for (let column = 0; column < vectors * lanes; column += lineElements) {
        builder.emit(askFor(to.name, add(multiply(row, apart), constant(column))));
      }
    }
  };
  emitSums(builder, steps, ends, unmoved, step, asked.length === 0 ? null : { rows, askForRow });
  accumulators.forEach((row, r) => {
    row.forEach(({ value }, v) => {
      builder.emit(store(placeOf(r, v), value));
    });
  });

  return {
    numbers: numbers.values,
    tile: {
      name: tileName(given, sums, {
        areLoopsLiteral,
        isLiterallyApart: rows > 1 && apart.kind === "constant",
        distance: far < sums.length - 1 ? `outer${times}` : `${times}`,
        isFar,
        isBroken,
        asked: asked.map(({ apart: step }) => literalOf(step) ?? null),
      }),
      comment: `${goesOn ? "Adds to the sums" : "Sums"} of ${rows} rows and ${vectors} vectors of columns.`,
      parameters: [left, right, ...numbers.parameters, ...asked.map(({ to }) => to), out],
      body: builder.statements,
      result: null,
      inline: false,
    },
  };
}

/** What the body of a tile depends on besides its shape and its sums. */
interface TileVariant {
  /** Whether counts and steps of the sums are in the text, and those from row to row. */
  readonly areLoopsLiteral: boolean;
  readonly isLiterallyApart: boolean;
  /** How many steps ahead memory is asked for; of which operands. */
  readonly distance: string;
  readonly isFar: boolean;
  readonly isBroken: boolean;
  /** Of each operand that follows the sums: how far its rows are apart, null where that is no literal. */
  readonly asked: readonly (number | null)[];
}

/** Different for tiles of different bodies, since functions of one name are printed once. */
function tileName(
  { rows, vectors, lanes, active, width, rowStep, goesOn, ...shape }: TileShape,
  sums: readonly SumLoop[],
  { areLoopsLiteral, isLiterallyApart, distance, isFar, isBroken, asked }: TileVariant,
): string {
  const { batchRows = null, isWithinLine = false } = shape;
  const within = width === vectors * lanes ? "" : `in${width}`;
  const size = `${rows}x${vectors}x${lanes}${active === lanes ? "" : `to${active}`}${within}`;
  const loops = sums.map((loop) => {
    if (!areLoopsLiteral) return "n";
    const { broadcastStep, broadcastRows, runStep } = loop;
    const count = isLiteral(loop) ? `${loop.extent.constant}` : "n";
    const inRows = broadcastRows === 0 ? "" : `row${broadcastRows}and`;
    return `${count}x${inRows}${numeral(broadcastStep)}x${numeral(runStep)}`;
  });
  return [
    goesOn ? "tile_on" : "tile",
    size,
    ...(isLiterallyApart ? [`by${numeral(rowStep)}`] : []),
    ...(batchRows === null ? [] : [`row${batchRows.step}of${batchRows.elements}`]),
    ...loops,
    ...(isFar ? [`${isWithinLine ? "line" : "far"}${distance}`] : []),
    ...(isBroken ? [`broken${distance}`] : []),
    ...asked.map((step) => `ask${numeral(step)}`),
  ].join("_");
}

/** Elements that a run through memory passes over from one piece to the next, beyond which it is not in the first cache. */
const farElements = 1 << 10;

/**
 * Steps of which loop memory takes, and how many. Where the innermost loop is over by then, runs through memory are
 * broken off again and again: no processor foresees where the next piece begins.
 */
function stepsFrom(sums: readonly SumLoop[]) {
  const [outer, inner] = [sums.at(-2), sums.at(-1)];
  const size =
    inner !== undefined && isLiteral(inner) ? inner.extent.constant : Number.POSITIVE_INFINITY;
  if (outer === undefined || size > stepsAhead) {
    return { loop: sums.length - 1, times: stepsAhead, isBroken: false };
  }
  const isBroken = Math.abs(outer.runStep) >= farElements;
  return { loop: sums.length - 2, times: Math.ceil(stepsAhead / size), isBroken };
}

function columnOf(name: string, { elements }: BatchRows): ColumnParameter {
  return { kind: "column", name, dtype: "f32", rowElements: elements };
}

/** A step as part of a name; none if it is no part of it. */
function numeral(step: number | null): string {
  if (step === null) return "";
  return step < 0 ? `m${-step}` : `${step}`;
}

/** What is asked for in the course of a sum, a row of the tile at a time: as much at once would be waited for. */
interface Asking {
  readonly rows: number;
  readonly askForRow: (row: Expression) => void;
}

/** The loops of a sum around a step that gets how far both operands have moved. */
function emitSums(
  builder: BlockBuilder,
  steps: readonly Moved[],
  ends: readonly Expression[],
  moved: Moved,
  step: (moved: Moved) => void,
  asking: Asking | null,
): void {
  const [outer, ...inner] = steps;
  const [end, ...innerEnds] = ends;
  if (outer === undefined) {
    step(moved);
    return;
  }
  const each = (k: Expression) =>
    emitSums(builder, inner, innerEnds, movedBy(moved, outer, k), step, null);
  if (asking === null) {
    builder.loop("k", constant(0), end!, each);
    return;
  }
  const { rows, askForRow } = asking;
  const parts = Math.min(rows, literalOf(end!) ?? rows);
  const rowsAtOnce = Math.ceil(rows / parts);
  const atOnce = builder.let("steps", quotient(add(end!, constant(parts - 1)), parts));
  builder.loop("part", constant(0), constant(parts), (part) => {
    for (let r = 0; r < rowsAtOnce; r++) {
      const row = add(multiply(part, constant(rowsAtOnce)), constant(r));
      askForRow(parts * rowsAtOnce === rows ? row : min(row, constant(rows - 1)));
    }
    const first = builder.let("first", multiply(part, atOnce));
    builder.loop("k", first, builder.let("until", min(end!, add(first, atOnce))), each);
  });
}

/** An extent in this batch. */
export function extentValue({ batch, constant: rest }: Extent): Expression {
  if (batch === 0) return constant(rest);
  return add(multiply(symbol("n"), constant(batch)), constant(rest));
}
