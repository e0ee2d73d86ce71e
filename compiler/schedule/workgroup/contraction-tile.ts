/**
 * The share of one thread in a tile of a contraction: which rows and columns it has, and the products that it adds
 * up from panels in shared memory. Its accumulators are vectors of four columns, named one by one.
 *
 * Every output adds its products in the order of the sum, from zero, one fused multiply-add each (beyond the end
 * of the sum zeros are added), so the bits do not depend on tiles, nor on how panels are copied.
 */

import {
  add,
  broadcast,
  constant,
  convert,
  fma,
  join,
  lane,
  load,
  multiply,
  place,
  quotient,
  remainder,
  symbol,
  vectorOf,
} from "../../kernel/build.ts";
import type { Expression } from "../../kernel/ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import { blockThreads, type PanelPlan, quad, type WorkgroupPlan } from "./contraction-plan.ts";

/** Named accumulators, by row and by vector of columns. */
export type Accumulators = readonly (readonly {
  readonly name: string;
  readonly value: Expression;
}[])[];

/** One thread's lines of a tile: its rows, or its columns. */
class ThreadLines {
  readonly #panel: PanelPlan;
  /** The thread's number along the tile. */
  readonly number: Expression;
  readonly #threads: number;
  readonly count: number;

  constructor(panel: PanelPlan, number: Expression, threads: number, count: number) {
    this.#panel = panel;
    this.number = number;
    this.#threads = threads;
    this.count = count;
  }

  /**
   * Where the thread's i-th line is in the tile: lines of one vector lie side by side; lines that are read as
   * vectors along the sum are dealt out one by one, so that neighbouring threads read neighbouring ones.
   */
  at(i: Expression): Expression {
    return this.atOf(this.number, i);
  }

  /** Where the i-th line of the thread of a number is. */
  atOf(number: Expression, i: Expression): Expression {
    if (this.#panel.quads === "depth") {
      return add(number, multiply(i, constant(this.#threads)));
    }
    if (this.count === quad) return add(multiply(number, constant(quad)), i);
    const vector = add(number, multiply(quotient(i, quad), constant(this.#threads)));
    return add(multiply(vector, constant(quad)), remainder(i, quad));
  }

  /** Reads what the thread needs of `quad` points of the sum, from `point` of the panel on. */
  read(
    builder: KernelBuilder,
    { buffer, start }: PanelMemory,
    point: Expression,
    dtype: "f32" | "f16",
  ): (line: number, step: number) => Expression {
    const { quads, stride } = this.#panel;
    const vectorAt = (index: Expression): Expression => {
      const type = vectorOf(dtype, quad);
      return builder.let("shared", convert(load(place(buffer, add(start, index)), type), "f32"));
    };
    if (quads === "depth") {
      const vectors = Array.from({ length: this.count }, (_, i) =>
        vectorAt(add(multiply(this.at(constant(i)), constant(stride)), point)),
      );
      return (line, step) => lane(vectors[line]!, step);
    }
    const known = new Map<number, Expression>();
    return (line, step) => {
      const number = step * this.count + line - (line % quad);
      let vector = known.get(number);
      if (vector === undefined) {
        const first = multiply(add(point, constant(step)), constant(stride));
        vector = vectorAt(add(first, this.at(constant(line - (line % quad)))));
        known.set(number, vector);
      }
      return lane(vector, line % quad);
    };
  }
}

/** A panel in shared memory: a buffer, and the element of it that the panel starts at. */
export interface PanelMemory {
  readonly buffer: string;
  readonly start: Expression;
}

export interface ThreadTile {
  readonly rows: ThreadLines;
  readonly columns: ThreadLines;
  readonly sums: Accumulators;
}

/** Declares the accumulators of this thread, all zero. */
export function startTile(builder: KernelBuilder, plan: WorkgroupPlan): ThreadTile {
  const { threadRows, threadColumns, down, across } = plan.tile;
  const { alongRow, alongColumn } = placeThread(builder, plan);
  const vectors = threadColumns / quad;
  return {
    rows: new ThreadLines(plan.left, alongColumn, down, threadRows),
    columns: new ThreadLines(plan.right, alongRow, across, threadColumns),
    sums: Array.from({ length: threadRows }, (_, r) =>
      Array.from({ length: vectors }, (_, v) =>
        builder.mutable(vectors === 1 ? `sum_${r}` : `sum_${r}_${v}`, constant(0, "f32", quad)),
      ),
    ),
  };
}

/** The thread's number along the rows and along the columns of the tile: subgroups are blocks of threads. */
function placeThread(
  builder: KernelBuilder,
  { tile: { across }, blockAcross }: WorkgroupPlan,
): { readonly alongRow: Expression; readonly alongColumn: Expression } {
  const thread = symbol("thread");
  if (blockAcross === across) {
    return {
      alongRow: builder.let("across", remainder(thread, across)),
      alongColumn: builder.let("down", quotient(thread, across)),
    };
  }
  const blockDown = blockThreads / blockAcross;
  const blocks = across / blockAcross;
  const block = quotient(thread, blockThreads);
  const place = remainder(thread, blockThreads);
  const placed = (number: Expression, count: number, within: Expression) =>
    add(multiply(number, constant(count)), within);
  return {
    alongRow: builder.let(
      "across",
      placed(remainder(block, blocks), blockAcross, remainder(place, blockAcross)),
    ),
    alongColumn: builder.let(
      "down",
      placed(quotient(block, blocks), blockDown, quotient(place, blockAcross)),
    ),
  };
}

/** Adds the products of two panels. */
export function addProducts(
  builder: KernelBuilder,
  { tile, dtype }: WorkgroupPlan,
  { rows, columns, sums }: ThreadTile,
  panels: { readonly left: PanelMemory; readonly right: PanelMemory },
): void {
  builder.loop(
    "point",
    constant(0),
    constant(tile.depth),
    (point) => {
      const left = rows.read(builder, panels.left, point, dtype);
      const right = columns.read(builder, panels.right, point, dtype);
      for (let step = 0; step < quad; step++) {
        const vectors = sums[0]!.map((_, v) => {
          const lanes = Array.from({ length: quad }, (_, i) => right(v * quad + i, step));
          return wholeVector(lanes) ?? builder.let("columns", join(lanes));
        });
        sums.forEach((row, r) => {
          const factor = broadcast(left(r, step), quad);
          row.forEach(({ name, value }, v) => {
            builder.assign(name, fma(factor, vectors[v]!, value));
          });
        });
      }
    },
    quad,
  );
}

/** The vector whose lanes these are, in order. */
function wholeVector(lanes: readonly Expression[]): Expression | undefined {
  const [first] = lanes;
  if (first?.kind !== "lane") return undefined;
  const isWhole = lanes.every(
    (each, i) => each.kind === "lane" && each.of === first.of && each.lane === i,
  );
  return isWhole ? first.of : undefined;
}
