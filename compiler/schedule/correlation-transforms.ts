/**
 * Transforms of tiles of a correlation: the minimal filtering algorithms F(2, 3) and F(3, 2) of Winograd, nested over two
 * axes as in Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", arXiv 1509.09308, section 4. Two
 * outputs y of a filter g of three taps over four data d take four products instead of six:
 *
 *     d0 − d2   times  g0                     y0 = m0 + m1 + m2
 *     d1 + d2   times  (g0 + g1 + g2) / 2     y1 = m1 − m2 − m3
 *     d2 − d1   times  (g0 − g1 + g2) / 2
 *     d1 − d3   times  g2
 *
 * The gradient of the filter is the same algorithm transposed: products of transformed data with dy0, dy0 + dy1, dy0 − dy1
 * and −dy1, summed over all tiles before the transposed transform of the filter gives its three taps.
 *
 * Differences of data cancel, which costs digits; sums over channels alone are shorter than those over taps as well, which
 * saves some. Together the error against float64 is no larger than that of the plain sum in reading order: a test measures
 * it, and was at 0.4 to 0.9 of it for numbers of one sign and of both.
 */

import { BlockBuilder } from "../kernel/block-builder.ts";
import {
  add,
  constant,
  literalOf,
  load,
  multiply,
  place,
  store,
  subtract,
  vectorOf,
} from "../kernel/build.ts";
import { askFor } from "../kernel/intrinsics.ts";
import type { Access, Expression, KernelFunction, Statement } from "../kernel/ir.ts";
import { tapCount, tilePlaces } from "../optimize/fusion/correlated-axes.ts";
import { tilePoints } from "./correlation.ts";
import { NumberParameters } from "./number-parameters.ts";
import { addressOf, type TileOperand } from "./tile-operand.ts";

type Formula = (builder: BlockBuilder, values: readonly Expression[]) => readonly Expression[];

interface Transform {
  /** Numbers along an axis before and after. */
  readonly from: number;
  readonly to: number;
  readonly formula: Formula;
  /** For each number after it what it takes of those before, 1, -1 or 0; null where that is not all. */
  readonly signs: readonly (readonly number[])[] | null;
  /** Whether a task transforms all at once, instead of block by block. */
  readonly isOnce: boolean;
}

/** Sums and differences, the first of which has to be a number as it is. */
function signedSums(signs: readonly (readonly number[])[]): Transform {
  const formula: Formula = (_, values) => signs.map((row) => signedSum(row, (i) => values[i]!));
  return { from: signs[0]!.length, to: signs.length, formula, signs, isOnce: false };
}

function signedSum(signs: readonly number[], value: (i: number) => Expression): Expression {
  const first = signs.indexOf(1);
  return signs.reduce<Expression>((sum, sign, i) => {
    if (sign === 0 || i === first) return sum;
    return sign > 0 ? add(sum, value(i)) : subtract(sum, value(i));
  }, value(first));
}

const half = constant(0.5, "f32");

/** What a transform makes of the numbers of one axis; each as often nested as there are axes. */
const transforms = {
  /** Four data of a tile. */
  data: signedSums([
    [1, 0, -1, 0],
    [0, 1, 1, 0],
    [0, -1, 1, 0],
    [0, 1, 0, -1],
  ]),
  /** Three taps to what data are multiplied by. */
  filter: {
    from: tapCount,
    to: tilePoints,
    formula: (builder, [g0, g1, g2]) => {
      const outer = builder.let("outer", multiply(add(g0!, g2!), half));
      const inner = builder.let("inner", multiply(g1!, half));
      return [g0!, add(outer, inner), subtract(outer, inner), g2!];
    },
    signs: null,
    isOnce: true,
  },
  /** Products to two outputs. */
  outputs: signedSums([
    [1, 1, 1, 0],
    [0, 1, -1, -1],
  ]),
  /** Derivatives by two outputs to what data are multiplied by; the last one without its sign, as in `taps`. */
  derivatives: signedSums([
    [1, 0],
    [1, 1],
    [1, -1],
    [0, 1],
  ]),
  /** Sums of products to three taps. */
  taps: {
    from: tilePoints,
    to: tapCount,
    formula: (builder, [m0, m1, m2, m3]) => {
      const sum = builder.let("sum", multiply(add(m1!, m2!), half));
      return [add(m0!, sum), multiply(subtract(m1!, m2!), half), subtract(sum, m3!)];
    },
    signs: null,
    isOnce: true,
  },
} as const satisfies Record<string, Transform>;

export type TransformName = keyof typeof transforms;

/** Where the numbers of tiles lie, in elements from one to the next; vectors of channels lie side by side. */
export interface TilePlaces {
  readonly tile: number;
  /** Along the first of two axes. */
  readonly row: number;
  /** Along the last axis. */
  readonly column: number;
}

/** Tiles in a row that are transformed by one call. */
export interface TileRun {
  readonly transform: TransformName;
  /** How often nested: 1 or 2. */
  readonly rank: number;
  /** Elements from a tile of two axes to one that will be wanted some time later; null where it need not be asked for. */
  readonly ahead: number | null;
  /** Which row of a tile's points alone is made, by sums and differences; null for all at once. */
  readonly row: number | null;
  readonly tiles: number;
  readonly from: TilePlaces;
  readonly to: TilePlaces;
  /**
   * Where the last tile begins one place before that of even tiles: by how many elements, before and after the transform.
   * Null where it does not.
   */
  readonly back: { readonly from: number; readonly to: number } | null;
  /** Axes of whose first number in the last tile, or in all of them for the first axis, nothing is taken: another has it. */
  readonly skips: { readonly row: boolean; readonly column: boolean };
  /** Channels: `vectors` vectors, the last with `active` lanes that are there. */
  readonly vectors: number;
  readonly lanes: number;
  readonly active: number;
}

/** A call that transforms tiles from one place to another. */
export function invokeTransform(run: TileRun, from: TileOperand, to: TileOperand): Statement {
  const { transform, numbers, start } = transformFunction(run);
  const source = addressOf({ ...from, start: add(from.start, constant(start)) });
  return { kind: "invoke", function: transform, args: [source, ...numbers, addressOf(to)] };
}

/**
 * Named by all that its body depends on, the numbers that it takes between its operands, and how far from the first tile its
 * source starts. There are registers for the numbers of a row of points, or of an axis; for those of all places of a tile
 * there are not, so they are in the text, unless a task calls the function once.
 */
function transformFunction(run: TileRun): {
  readonly transform: KernelFunction;
  readonly numbers: readonly Expression[];
  readonly start: number;
} {
  const { transform, rank, row, ahead, tiles, from, to, back, skips, vectors, lanes, active } = run;
  const step: Transform = transforms[transform];
  const areLiteral = rank > 1 && row === null && !step.isOnce;
  const builder = new BlockBuilder();
  const pointer = (hint: string, access: Access) =>
    ({ kind: "pointer", name: builder.name(hint), dtype: "f32", access }) as const;
  const source = pointer("source", "read");
  const target = pointer("target", "write");
  const numbers = new NumberParameters(builder);
  const count = (hint: string, value: number): Expression =>
    areLiteral ? constant(value) : numbers.count(hint, constant(value));
  const stride = (hint: string, value: number): Expression =>
    areLiteral ? constant(value) : numbers.stride(hint, value);
  const even = back === null ? tiles : tiles - 1;
  const whole = active === lanes ? vectors : vectors - 1;
  const evenTiles = count("tiles", even);
  const wholeLanes = count("channels", whole * lanes);

  const allRows = (count: number): number[] => [...Array(rank === 1 ? 1 : count).keys()];
  const rowsRead = row === null ? allRows(step.from) : rowsOf(step.signs![row]!);
  const first = rowsRead[0]!;
  /** Where numbers of a tile are from where the first row begins. */
  const placesOf = (hint: string, places: TilePlaces, rows: readonly number[]) => {
    const tile = stride(hint, places.tile);
    const column = stride(`${hint}_column`, places.column);
    const rowStarts = rows.map((r, i) =>
      i === 0 ? constant(0) : stride(`${hint}_row`, (r - rows[0]!) * places.row),
    );
    const at = (r: number, c: number) =>
      add(rowStarts[rows.indexOf(r)]!, multiply(column, constant(c)));
    return { tile, at };
  };
  const sources = placesOf("from", from, rowsRead);
  const targets = placesOf("to", to, row === null ? allRows(step.to) : [0]);
  /** Places that no other tile asks for: one with each row of points, or all of them. */
  const placesAhead = row === null ? [...Array(tilePlaces ** rank).keys()] : [row];
  const asked = (ahead === null ? [] : placesAhead).map((number) => {
    const r = step.from - tilePlaces + Math.floor(number / tilePlaces);
    const c = step.from - tilePlaces + (number % tilePlaces);
    return stride("ahead", ahead! + (r - first) * from.row + c * from.column);
  });

  const oneVector = (sourceAt: Expression, targetAt: Expression, used: number, isLast: boolean) => {
    const type = vectorOf("f32", lanes);
    const zero = constant(0, "f32", lanes);
    const isLeftOut = (r: number, column: number) =>
      (skips.row && r === 0) || (skips.column && isLast && column === 0);
    const given = (r: number, column: number): Expression => {
      const at = add(sourceAt, sources.at(r, column));
      return builder.let("given", load(place(source.name, at), type, { active: used }));
    };
    const givenOrZero = (r: number, column: number) =>
      isLeftOut(r, column) ? zero : given(r, column);
    const emit = (r: number, column: number, number: Expression): void => {
      builder.emit(store(place(target.name, add(targetAt, targets.at(r, column))), number));
    };
    for (const at of asked) builder.emit(askFor(source.name, add(sourceAt, at)));
    if (row === null) {
      const grid = numbersOf(step.from, rank, givenOrZero);
      nested(builder, step, rank, grid).forEach((numbers, r) => {
        numbers.forEach((number, column) => {
          emit(r, column, number);
        });
      });
      return;
    }
    const mixed = Array.from({ length: step.from }, (_, column) =>
      builder.let(
        "mixed",
        signedSum(step.signs![row]!, (r) => givenOrZero(r, column)),
      ),
    );
    step.formula(builder, mixed).forEach((number, column) => {
      emit(0, column, number);
    });
  };
  const oneTile = (sourceAt: Expression, targetAt: Expression, isLast: boolean): void => {
    if (literalOf(wholeLanes) !== 0) {
      builder.loop(
        "c",
        constant(0),
        wholeLanes,
        (c) => oneVector(add(sourceAt, c), add(targetAt, c), lanes, isLast),
        lanes,
      );
    }
    if (whole === vectors) return;
    oneVector(add(sourceAt, wholeLanes), add(targetAt, wholeLanes), active, isLast);
  };
  // A name would be a number of 32 bits, which strides need not be.
  const named = (hint: string, value: Expression) =>
    areLiteral ? builder.let(hint, value) : value;
  if (literalOf(evenTiles) !== 0) {
    builder.loop("t", constant(0), evenTiles, (t) => {
      const sourceAt = named("from", multiply(t, sources.tile));
      oneTile(sourceAt, named("to", multiply(t, targets.tile)), false);
    });
  }
  if (back !== null) {
    const sourceAt = stride("from_last", even * from.tile - back.from);
    oneTile(sourceAt, stride("to_last", even * to.tile - back.to), true);
  }

  return {
    transform: {
      name: transformName(run, rowsRead, areLiteral),
      comment: `Transforms ${transform} of ${areLiteral ? `${tiles} ` : ""}tiles.`,
      parameters: [source, ...numbers.parameters, target],
      body: builder.statements,
      result: null,
      inline: false,
    },
    numbers: numbers.values,
    start: first * from.row,
  };
}

/** Different for functions of different bodies, since those of one name are printed once. */
function transformName(
  { transform, rank, row, ahead, tiles, from, to, back, skips, vectors, lanes, active }: TileRun,
  rowsRead: readonly number[],
  areLiteral: boolean,
): string {
  const { signs }: Transform = transforms[transform];
  const lanesUsed = active === lanes ? `${lanes}` : `${lanes}to${active}`;
  const literal = [
    `${tiles}x${vectors}x${lanesUsed}`,
    ...[from, to].map((places) => [places.tile, places.row, places.column].map(numeral).join("x")),
  ];
  const skipped = [
    ...(skips.row && rowsRead.includes(0) ? [`r${rowsRead.indexOf(0)}`] : []),
    ...(skips.column ? ["c"] : []),
  ];
  const by = areLiteral ? numeral : () => "";
  return [
    transform,
    rank,
    ...(row === null ? [] : [`row${signsText(signs![row]!)}`]),
    ...(ahead === null ? [] : [`ahead${by(ahead)}`]),
    ...(areLiteral ? literal : [lanesUsed]),
    ...(back === null
      ? []
      : [`back${areLiteral ? [back.from, back.to].map(numeral).join("x") : ""}`]),
    ...(skipped.length === 0 ? [] : [`skip${skipped.join("")}`]),
  ].join("_");
}

/** The rows that make up a row of points: the one that is taken as it is, and those that are added or subtracted. */
function rowsOf(signs: readonly number[]): number[] {
  const first = signs.indexOf(1);
  const others = signs.flatMap((sign, i) => (sign === 0 || i === first ? [] : [i]));
  return [first, ...others];
}

/** What is done with rows after the first. */
function signsText(signs: readonly number[]): string {
  const [, ...others] = rowsOf(signs);
  return others.map((i) => (signs[i]! > 0 ? "plus" : "minus")).join("");
}

/** A grid of numbers, of one row where transforms are of one axis. */
function numbersOf(
  size: number,
  rank: number,
  number: (row: number, column: number) => Expression,
): Expression[][] {
  const rows = rank === 1 ? 1 : size;
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: size }, (_, column) => number(row, column)),
  );
}

/** The transform along columns, then along rows. */
function nested(
  builder: BlockBuilder,
  { formula }: Transform,
  rank: number,
  grid: readonly (readonly Expression[])[],
): readonly (readonly Expression[])[] {
  const apply = (numbers: readonly Expression[]) =>
    formula(builder, numbers).map((number) => builder.let("mixed", number));
  if (rank === 1) return [apply(grid[0]!)];
  const columns = grid[0]!.map((_, column) => apply(grid.map((row) => row[column]!)));
  return columns[0]!.map((_, row) => apply(columns.map((column) => column[row]!)));
}

/** A step as part of a name. */
function numeral(step: number): string {
  return step < 0 ? `m${-step}` : `${step}`;
}

/** Zeros in `elements` elements of a buffer from its start on. */
export function clear(
  builder: BlockBuilder,
  buffer: string,
  elements: number,
  lanes: number,
): void {
  const zero = constant(0, "f32", lanes);
  builder.loop(
    "i",
    constant(0),
    constant(elements),
    (i) => builder.emit(store(place(buffer, i), zero)),
    lanes,
  );
}
