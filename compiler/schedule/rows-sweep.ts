/**
 * The loops over the points of a row: outer axes as loops, the last axis along the lanes of vectors. A sweep of
 * few vectors is written out, a longer one loops over blocks of vectors, and one whose end is only known at run
 * time finishes with a masked vector.
 */

import type { Extent } from "../graph/extent.ts";
import {
  add,
  and,
  broadcast,
  constant,
  less,
  multiply,
  quotient,
  ramp,
  subtract,
  when,
} from "../kernel/build.ts";
import type { Expression } from "../kernel/ir.ts";
import type { KernelBuilder } from "./kernel-builder.ts";
import { extentValue } from "./micro-kernel.ts";

/** One vector of points of a sweep. */
export interface Position {
  /** The sweep's axes at lane 0. */
  readonly axes: readonly Expression[];
  /** Which vector of an unrolled sweep, or of a block of vectors done together. */
  readonly slot: number;
  readonly lanes: number;
  readonly active: number;
  /** Lanes that are points, where their number is only known at run time. */
  readonly mask: Expression | null;
}

/** The only position of what has no points: numbers of the row. */
export const numberPosition: Position = { axes: [], slot: 0, lanes: 1, active: 1, mask: null };

/** The lanes of a position that are points, as a bool; null for all. */
export function withinLanes({ lanes, active, mask }: Position): Expression | null {
  const few = active < lanes ? less(ramp(lanes), constant(active)) : null;
  return and(few, mask);
}

export interface Sweep {
  readonly extents: readonly Extent[];
  readonly lanes: number;
  /** Whether all vectors are written out. */
  readonly isUnrolled: boolean;
  /** Vectors that one turn of the loop over the last axis does. */
  readonly block: number;
  /** Points that are done together of each of as many axes before the last one, whole ones but for the first of them. */
  readonly points: readonly number[];
  /** Runs what it is given: the body of a loop so that nothing of it is known afterwards. */
  readonly scoped: (emit: () => void) => void;
}

/** Emits the loops; `emit` gets the vectors that are done together. */
export function emitSweep(
  builder: KernelBuilder,
  { extents, lanes, isUnrolled, block, points, scoped }: Sweep,
  emit: (positions: readonly Position[]) => void,
): void {
  const last = extents.at(-1);
  if (last === undefined) {
    emit([numberPosition]);
    return;
  }
  const emitRuns = (runs: readonly (readonly Expression[])[]): void => {
    const run = (first: Expression, vectors: number, active: number): void =>
      emit(
        runs.flatMap((axes, i) =>
          Array.from({ length: vectors }, (_, vector) => ({
            axes: [...axes, add(first, constant(vector * lanes))],
            slot: i * vectors + vector,
            lanes,
            active: vector === vectors - 1 ? active : lanes,
            mask: null,
          })),
        ),
      );
    if (last.batch !== 0) {
      emitOpenEnded(builder, extentValue(last), lanes, (first, mask) =>
        scoped(() =>
          emit(
            runs.map((axes, slot) => ({
              axes: [...axes, first],
              slot,
              lanes,
              active: lanes,
              mask,
            })),
          ),
        ),
      );
      return;
    }
    const size = last.constant;
    const vectors = Math.ceil(size / lanes);
    const lastActive = size - (vectors - 1) * lanes;
    if (isUnrolled) {
      scoped(() => run(constant(0), vectors, lastActive));
      return;
    }
    const whole = Math.floor(size / (block * lanes));
    const end = whole * block * lanes;
    if (whole > 0) {
      const body = (first: Expression) => scoped(() => run(first, block, lanes));
      builder.loop("i", constant(0), constant(end), body, block * lanes);
    }
    if (end < size) scoped(() => run(constant(end), vectors - whole * block, lastActive));
  };
  const visit = (axes: readonly Expression[]): void => {
    if (axes.length === extents.length - 1) {
      emitRuns([axes]);
      return;
    }
    const extent = extents[axes.length]!;
    const isTiled = axes.length === extents.length - 1 - points.length;
    const tile = (first: Expression): void => emitRuns(tileFrom(axes, first, points));
    if (isTiled && extent.constant === points[0]) {
      tile(constant(0));
      return;
    }
    const each = (axis: Expression): void =>
      scoped(() => (isTiled ? tile(axis) : visit([...axes, axis])));
    builder.loop("i", constant(0), extentValue(extent), each, isTiled ? points[0] : 1);
  };
  visit([]);
}

/** The points of a tile in reading order: `first` and so many from there on, of each the whole axes that follow. */
function tileFrom(
  axes: readonly Expression[],
  first: Expression,
  [own, ...others]: readonly number[],
): readonly (readonly Expression[])[] {
  if (own === undefined) return [axes];
  return Array.from({ length: own }, (_, i) => [...axes, add(first, constant(i))]).flatMap(
    (point) => tileFrom(point, constant(0), others),
  );
}

/** Vectors up to an end that is only known at run time: whole ones, then one with a mask. */
function emitOpenEnded(
  builder: KernelBuilder,
  end: Expression,
  lanes: number,
  emit: (first: Expression, mask: Expression | null) => void,
): void {
  const body = (first: Expression) => emit(first, null);
  builder.loop("i", constant(0), subtract(end, constant(lanes - 1)), body, lanes);
  const first = builder.let("rest", multiply(quotient(end, lanes), constant(lanes)));
  const rest = builder.block(() => {
    const lane = add(broadcast(first, lanes), ramp(lanes));
    emit(first, builder.let("within", less(lane, end)));
  });
  builder.emit(when(less(first, end), rest));
}
