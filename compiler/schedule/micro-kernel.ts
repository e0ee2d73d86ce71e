/**
 * The register tile of a contraction, a function of its own: named accumulators, one for each row and vector; a loop
 * over the sum that loads vectors of one operand and broadcasts elements of the other; then the sums are stored side
 * by side in memory of the task, where the group's maps find them. As a function it is compiled once however many
 * kernels use it, and nothing around it competes with the accumulators for registers; its way through the first-level
 * cache costs little beside the sum. Every output adds its products in the order of the sum, so tiles, tails, tasks
 * and blocks of the sum change no bits.
 */

import type { Extent } from "../graph/extent.ts";
import { BlockBuilder } from "../kernel/block-builder.ts";
import {
  add,
  broadcast,
  constant,
  fma,
  load,
  multiply,
  place,
  store,
  symbol,
  variable,
  vectorOf,
} from "../kernel/build.ts";
import { askFor } from "../kernel/intrinsics.ts";
import type {
  Access,
  Expression,
  FunctionParameter,
  KernelFunction,
  Statement,
} from "../kernel/ir.ts";
import type { SumLoop } from "./contraction-sums.ts";

/** Elements of f32 in a line of the caches of all processors that matter. */
export const lineElements = 16;

/** Steps of a sum that take about as long as memory beyond the first caches: so far ahead it is asked for. */
const stepsAhead = 16;

/** Where an operand starts for a tile, and the buffer it lies in. */
export interface TileOperand {
  readonly buffer: string;
  /** In elements, at the first step of the sum. */
  readonly start: Expression;
}

export interface TileShape {
  readonly rows: number;
  readonly vectors: number;
  readonly lanes: number;
  /** Lanes of the last vector that are columns of the result. */
  readonly active: number;
  /** From row to row of the broadcast operand, in elements. */
  readonly rowStep: number;
  /** Whether the sums go on from what lies where they are stored, instead of from zero. */
  readonly goesOn: boolean;
}

/** The sums of one tile, stored row after row of `vectors` whole vectors each. */
export function invokeTile(
  shape: TileShape,
  sums: readonly SumLoop[],
  /** The operand whose elements are broadcast, at the tile's first row. */
  rows: TileOperand,
  /** The operand that runs along the vectors, at the first lane. */
  columns: TileOperand,
  tile: TileOperand,
): Statement {
  const address = ({ buffer, start }: TileOperand) =>
    ({ kind: "address", place: place(buffer, start) }) as const;
  const counts = sums.filter((loop) => !isLiteral(loop)).map(countOf);
  return {
    kind: "invoke",
    function: tileFunction(shape, sums),
    args: [address(rows), address(columns), ...counts, address(tile)],
  };
}

/** How many steps of a loop of the sum there are. */
export function countOf({ extent, count }: SumLoop): Expression {
  return count ?? extentValue(extent);
}

function isLiteral({ extent, count }: SumLoop): boolean {
  return extent.batch === 0 && count === undefined;
}

/** Named by all that its body depends on. */
function tileFunction(
  { rows, vectors, lanes, active, rowStep, goesOn }: TileShape,
  sums: readonly SumLoop[],
): KernelFunction {
  const builder = new BlockBuilder();
  const pointer = (hint: string, access: Access) =>
    ({ kind: "pointer", name: builder.name(hint), dtype: "f32", access }) as const;
  const left = pointer("left", "read");
  const right = pointer("right", "read");
  const counts: FunctionParameter[] = [];
  const ends = sums.map((loop): Expression => {
    if (isLiteral(loop)) return constant(loop.extent.constant);
    const name = builder.name("count");
    const count = variable(name);
    counts.push({ kind: "value", name, type: count.type });
    return count;
  });
  const out = pointer("sums", goesOn ? "read_write" : "write");

  const type = vectorOf("f32", lanes);
  const placeOf = (r: number, v: number) => place(out.name, constant((r * vectors + v) * lanes));
  const accumulators = Array.from({ length: rows }, (_, r) =>
    Array.from({ length: vectors }, (_, v) => {
      const start = goesOn ? load(placeOf(r, v), type) : constant(0, "f32", lanes);
      return builder.mutable(`sum_${r}_${v}`, start);
    }),
  );
  const broadcastStep = sums.at(-1)?.broadcastStep ?? 0;
  const span = (rows - 1) * Math.abs(rowStep);
  // Rows side by side, steps apart: every step reads one line of memory, or two, that nobody foresees.
  const isFar = Math.abs(broadcastStep) >= lineElements && span < lineElements;
  const corners = span === 0 ? [0] : [0, (rows - 1) * rowStep];
  const ahead = stepsFrom(sums);
  const step = (moved: Moved): void => {
    for (const end of isFar ? corners : []) {
      const at = add(moved.broadcast, constant(ahead.broadcast + end));
      builder.emit(askFor(left.name, at));
    }
    for (let v = 0; ahead.isBroken && v < vectors; v++) {
      builder.emit(askFor(right.name, add(moved.run, constant(ahead.run + v * lanes))));
    }
    const columns = Array.from({ length: vectors }, (_, v) => {
      const from = place(right.name, add(moved.run, constant(v * lanes)));
      const used = v === vectors - 1 ? active : lanes;
      return builder.let("column", load(from, type, { active: used }));
    });
    accumulators.forEach((row, r) => {
      const from = place(left.name, add(moved.broadcast, constant(r * rowStep)));
      const wide = builder.let("row", broadcast(load(from, vectorOf("f32", 1)), lanes));
      row.forEach(({ name, value }, v) => {
        builder.assign(name, fma(wide, columns[v]!, value));
      });
    });
  };
  emitSums(builder, sums, ends, { broadcast: constant(0), run: constant(0) }, step);
  accumulators.forEach((row, r) => {
    row.forEach(({ value }, v) => {
      builder.emit(store(placeOf(r, v), value));
    });
  });

  const parts = sums.map((loop) => {
    const { extent, broadcastStep, runStep } = loop;
    const count = isLiteral(loop) ? `${extent.constant}` : "n";
    return `${count}x${numeral(broadcastStep)}x${numeral(runStep)}`;
  });
  const shape = `${rows}x${vectors}x${lanes}${active === lanes ? "" : `to${active}`}`;
  const apart = rows === 1 ? "" : `_by${numeral(rowStep)}`;
  return {
    name: [goesOn ? "tile_on" : "tile", shape + apart, ...parts].join("_"),
    comment: `${goesOn ? "Adds to the sums" : "Sums"} of ${rows} rows and ${vectors} vectors of columns.`,
    parameters: [left, right, ...counts, out],
    body: builder.statements,
    result: null,
    inline: false,
  };
}

/** Elements that a run through memory passes over from one piece to the next, beyond which it is not in the first cache. */
const farElements = 1 << 10;

/**
 * How far both operands move in the steps that memory takes. Where the innermost loop is over before that, runs through
 * memory are broken off again and again: no processor foresees where the next piece begins.
 */
function stepsFrom(sums: readonly SumLoop[]) {
  const [outer, inner] = [sums.at(-2), sums.at(-1)];
  const size = inner !== undefined && isLiteral(inner) ? inner.extent.constant : stepsAhead;
  if (outer === undefined || size >= stepsAhead) {
    const { broadcastStep = 0, runStep = 0 } = inner ?? {};
    return { isBroken: false, broadcast: stepsAhead * broadcastStep, run: stepsAhead * runStep };
  }
  const times = Math.ceil(stepsAhead / size);
  return {
    isBroken: Math.abs(outer.runStep) >= farElements,
    broadcast: times * outer.broadcastStep,
    run: times * outer.runStep,
  };
}

/** A step as part of a name. */
function numeral(step: number): string {
  return step < 0 ? `m${-step}` : `${step}`;
}

/** How far both operands have moved. */
interface Moved {
  readonly broadcast: Expression;
  readonly run: Expression;
}

/** The loops of a sum around a step that gets how far both operands have moved. */
function emitSums(
  builder: BlockBuilder,
  sums: readonly SumLoop[],
  ends: readonly Expression[],
  moved: Moved,
  step: (moved: Moved) => void,
): void {
  const [outer, ...inner] = sums;
  if (outer === undefined) {
    step(moved);
    return;
  }
  builder.loop("k", constant(0), ends[0]!, (k) => {
    const next = {
      broadcast: add(moved.broadcast, multiply(k, constant(outer.broadcastStep))),
      run: add(moved.run, multiply(k, constant(outer.runStep))),
    };
    emitSums(builder, inner, ends.slice(1), next, step);
  });
}

/** An extent in this batch. */
export function extentValue({ batch, constant: rest }: Extent): Expression {
  if (batch === 0) return constant(rest);
  return add(multiply(symbol("n"), constant(batch)), constant(rest));
}
