/**
 * The register tile of a contraction: named accumulators, one for each row and vector; a loop over the sum
 * that loads vectors of one operand and broadcasts elements of the other; then whatever the caller does with
 * the sums. Within a tile every output adds its products in the order of the sum, so tiles, tails and tasks
 * change no bits.
 */

import type { Extent } from "../graph/extent.ts";
import {
  add,
  broadcast,
  constant,
  fma,
  load,
  multiply,
  place,
  symbol,
  vectorOf,
} from "../kernel/build.ts";
import type { Expression } from "../kernel/ir.ts";
import type { SumLoop } from "./contraction-plan.ts";
import type { KernelBuilder } from "./kernel-builder.ts";

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
}

/** Emits a tile's sums; gives the accumulator of each row and vector. */
export function emitTile(
  builder: KernelBuilder,
  { rows, vectors, lanes, active }: TileShape,
  sums: readonly SumLoop[],
  /** The broadcast operand, one for each row. */
  rowOperands: readonly TileOperand[],
  /** The operand that runs along the vectors, at the first lane. */
  run: TileOperand,
): readonly (readonly Expression[])[] {
  const type = vectorOf("f32", lanes);
  const accumulators = Array.from({ length: rows }, (_, r) =>
    Array.from({ length: vectors }, (_, v) =>
      builder.mutable(`sum_${r}_${v}`, constant(0, "f32", lanes)),
    ),
  );
  const step = (offsets: { readonly broadcast: Expression; readonly run: Expression }): void => {
    const at = builder.let("at", add(run.start, offsets.run));
    const columns = Array.from({ length: vectors }, (_, v) => {
      const lanesUsed = v === vectors - 1 ? active : lanes;
      const from = place(run.buffer, add(at, constant(v * lanes)));
      return builder.let("column", load(from, type, { active: lanesUsed }));
    });
    rowOperands.forEach(({ buffer, start }, r) => {
      const element = load(place(buffer, add(start, offsets.broadcast)), vectorOf("f32", 1));
      const wide = builder.let("row", broadcast(element, lanes));
      columns.forEach((column, v) => {
        const { name, value } = accumulators[r]![v]!;
        builder.assign(name, fma(wide, column, value));
      });
    });
  };
  emitSums(builder, sums, { broadcast: constant(0), run: constant(0) }, step);
  return accumulators.map((row) => row.map(({ value }) => value));
}

/** The loops of a sum around a step that gets how far both operands have moved. */
function emitSums(
  builder: KernelBuilder,
  sums: readonly SumLoop[],
  moved: { readonly broadcast: Expression; readonly run: Expression },
  step: (moved: { readonly broadcast: Expression; readonly run: Expression }) => void,
): void {
  const [outer, ...inner] = sums;
  if (outer === undefined) {
    step(moved);
    return;
  }
  builder.loop("k", constant(0), extentValue(outer.extent), (k) => {
    const next = {
      broadcast: add(moved.broadcast, multiply(k, constant(outer.broadcastStep))),
      run: add(moved.run, multiply(k, constant(outer.runStep))),
    };
    emitSums(builder, inner, next, step);
  });
}

/** An extent in this batch. */
export function extentValue({ batch, constant: rest }: Extent): Expression {
  if (batch === 0) return constant(rest);
  return add(multiply(symbol("n"), constant(batch)), constant(rest));
}
