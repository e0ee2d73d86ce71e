/**
 * Copies an operand's panels to the ring in shared memory that fragments are read from. What has the type of the units
 * in memory is copied by the machine while threads compute, up to 16 bytes at a time, with zeros for what there is not;
 * the rest passes through registers, where it is converted.
 */

import { elementType } from "../../kernel/algebra.ts";
import {
  add,
  and,
  constant,
  convert,
  less,
  load,
  multiply,
  place,
  store,
  symbol,
  vectorOf,
  when,
} from "../../kernel/build.ts";
import { copyAsync } from "../../kernel/intrinsics.ts";
import type { ElementType, Expression } from "../../kernel/ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import { type MatrixPanel, type MatrixPlan, matrixPanelElements } from "./matrix-shape.ts";
import { PanelElements } from "./panel-elements.ts";
import { panelPlaces } from "./panel-places.ts";

/** What a thread copies at once: elements side by side, in memory and in shared memory. */
interface Piece {
  /** Where in the panel. */
  readonly target: Expression;
  /** Of its first element, after the thread's first one. */
  readonly row: number;
  readonly point: number;
}

export class MatrixCopy {
  readonly #builder: KernelBuilder;
  readonly #panel: MatrixPanel;
  readonly #dtype: MatrixPlan["dtype"];
  readonly #memory: string;
  readonly #memoryType: ElementType;
  readonly #pieces: readonly Piece[];
  /** Whether this thread has anything to copy; null if all have. */
  readonly #exists: Expression | null;
  readonly #elements: PanelElements;
  /** The ring: panels one after the other. */
  readonly buffer: string;
  readonly isAsync: boolean;

  /** `axes` has the values of the contraction's box, of rows and columns those at the start of the tile. */
  constructor(
    builder: KernelBuilder,
    { contraction, dtype, stages, threads, ...panels }: MatrixPlan,
    side: "left" | "right",
    axes: readonly Expression[],
  ) {
    const panel = panels[side];
    const { value } = contraction[side]();
    this.#builder = builder;
    this.#panel = panel;
    this.#dtype = dtype;
    this.#memory = builder.buffer(value, "read");
    this.#memoryType = elementType(value.dtype);
    this.buffer = builder.shared(`${side}_panels`, dtype, stages * matrixPanelElements(panel));
    this.isAsync = panel.isAsync;

    const { width, depth, lines, stride, run } = panel;
    const [long, count] = lines === "width" ? [width, depth] : [depth, width];
    const total = (long / run) * count;
    const places = panelPlaces(
      builder,
      [
        { axis: "along", count: long / run },
        { axis: "across", count },
      ],
      threads,
    );
    this.#exists =
      total < threads ? builder.let("copies", less(symbol("thread"), constant(total))) : null;
    const from = builder.let("from", multiply(places.thread.along, constant(run)));
    const line = places.thread.across;
    const target = builder.let("target", add(multiply(line, constant(stride)), from));
    this.#pieces = Array.from({ length: Math.ceil(total / threads) }, (_, i) => {
      const { along, across } = places.literal(i);
      return {
        target: add(target, constant(across * stride + along * run)),
        row: lines === "width" ? along * run : across,
        point: lines === "width" ? across : along * run,
      };
    });
    const first = lines === "width" ? { row: from, point: line } : { row: line, point: from };
    const shape = { contraction, side, width, depth };
    this.#elements = new PanelElements(builder, shape, axes, first, this.#exists);
    for (const { row } of this.#pieces) this.#elements.prepare(row);
  }

  /** Where a panel of the ring starts. */
  startOf(stage: Expression): Expression {
    return this.#builder.let("panel", multiply(stage, constant(matrixPanelElements(this.#panel))));
  }

  /** Has the machine copy the panel from a point of the sum on. */
  copy(start: Expression, stage: Expression): void {
    const builder = this.#builder;
    const to = this.startOf(stage);
    const elementAt = this.#elements.from(start);
    const { run } = this.#panel;
    const bytes = run * (this.#dtype === "f32" ? 4 : 2);
    const fn = copyAsync(bytes as 4 | 8 | 16, this.#dtype);
    const copies = builder.block(() => {
      for (const { target, row, point } of this.#pieces) {
        const { index, exists } = elementAt(row, point);
        builder.emit({
          kind: "invoke",
          function: fn,
          args: [
            { kind: "address", place: place(this.buffer, add(to, target)) },
            { kind: "address", place: place(this.#memory, index) },
            exists ?? constant(1, "bool"),
          ],
        });
      }
    });
    builder.emit(...(this.#exists === null ? copies : [when(this.#exists, copies)]));
  }

  /**
   * Reads the panel from a point of the sum on into registers, where it is wanted at all; gives what stores it in the
   * ring.
   */
  load(start: Expression, stage: Expression, isWanted: Expression | null): () => void {
    const builder = this.#builder;
    const to = this.startOf(stage);
    const elementAt = this.#elements.from(start);
    const type = vectorOf(this.#memoryType, this.#panel.run);
    const stores = this.#pieces.map(({ target, row, point }) => {
      const { index, exists } = elementAt(row, point);
      const mask = and(isWanted, exists);
      const element = load(place(this.#memory, index), type, { mask });
      const value = convert(convert(builder.let("element", element), "f32"), this.#dtype);
      return store(place(this.buffer, add(to, target)), value, { mask: this.#exists });
    });
    return () => builder.emit(...stores);
  }
}
