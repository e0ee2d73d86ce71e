/**
 * Copies an operand's panels to shared memory, from the places that `panel-elements.ts` knows.
 *
 * Panels pass through registers, or are copied by the machine while threads compute: then by 16 bytes where elements lie
 * side by side as they do in shared memory, and else one by one, the 32 threads of a subgroup eight along the lines of the
 * panel by four across them: lines are a multiple of four words and no multiple of eight apart, so each thread has a bank
 * of shared memory to itself, and every four or eight of them read what memory gives at once.
 */

import { elementType } from "../../kernel/algebra.ts";
import {
  add,
  constant,
  convert,
  join,
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
import type { Expression } from "../../kernel/ir.ts";
import type { TiledOperand } from "../../optimize/fusion/tiled-contraction.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import { type PanelPlan, panelElements, quad, type WorkgroupPlan } from "./contraction-plan.ts";
import { PanelElements } from "./panel-elements.ts";
import { type Digit, panelPlaces } from "./panel-places.ts";

/** What a thread copies at once: elements side by side in shared memory, by one access or one by one. */
interface PieceCopy {
  /** Where in the panel. */
  readonly target: Expression;
  readonly elements: readonly { readonly row: number; readonly point: number }[];
}

/** Lines of a panel that threads of a subgroup copy single elements of at once. */
const linesAtOnce = 8;

/** Copies panels of one operand for the tile of this task. */
export class PanelCopy {
  readonly #builder: KernelBuilder;
  readonly #operand: TiledOperand;
  readonly #panel: PanelPlan;
  readonly #dtype: "f32" | "f16";
  readonly #memory: string;
  /** The panels in shared memory, one after the other. */
  readonly buffer: string;
  /** Whether the machine copies the panels: `copy` does it, and `load` otherwise. */
  readonly isAsync: boolean;
  readonly #stages: number;
  readonly #pieces: readonly PieceCopy[];
  /** Whether this thread has anything to copy; null if all have. */
  readonly #exists: Expression | null;
  readonly #elements: PanelElements;

  /** `axes` has the values of the box's axes, of rows and columns those at the start of the tile. */
  constructor(
    builder: KernelBuilder,
    plan: WorkgroupPlan,
    side: "left" | "right",
    axes: readonly Expression[],
  ) {
    const { contraction, threads, dtype, stages } = plan;
    this.#builder = builder;
    this.#operand = contraction[side]();
    this.#panel = plan[side];
    this.#dtype = dtype;
    this.#memory = builder.buffer(this.#operand.value, "read");
    this.buffer = builder.shared(`${side}_panel`, dtype, stages * panelElements(this.#panel));
    this.#stages = stages;
    const { value, rounding } = this.#operand;
    this.isAsync = stages > 1 && dtype === "f32" && value.dtype === "f32" && rounding === null;

    const { width, depth, quads, stride, isWide, threadsAlongQuads } = this.#panel;
    const [long, lines] = quads === "width" ? [width, depth] : [depth, width];
    // Pieces are numbered; a thread copies its own number's, and those so many threads further on.
    const step = this.isAsync && !isWide ? 1 : quad;
    const total = (long / step) * lines;
    const along: Digit = { axis: "along", count: long / step };
    const across: Digit = { axis: "across", count: lines };
    let digits = threadsAlongQuads ? [along, across] : [across, along];
    if (step === 1) {
      const first = Math.min(linesAtOnce, lines);
      digits = [
        { ...across, count: first },
        { ...along, count: quad },
        { ...across, count: lines / first },
        { ...along, count: long / quad },
      ];
    }
    const places = panelPlaces(builder, digits, threads);
    this.#exists =
      total < threads ? builder.let("copies", less(symbol("thread"), constant(total))) : null;
    const from = builder.let("from", multiply(places.thread.along, constant(step)));
    const line = places.thread.across;
    const target = builder.let("target", add(multiply(line, constant(stride)), from));
    this.#pieces = Array.from({ length: Math.ceil(total / threads) }, (_, i) => {
      const { along: piece, across: lineNumber } = places.literal(i);
      const first = step * piece;
      const elements = Array.from({ length: isWide ? 1 : step }, (_, lane) => first + lane);
      return {
        target: add(target, constant(lineNumber * stride + first)),
        elements: elements.map((place) =>
          quads === "width" ? { row: place, point: lineNumber } : { row: lineNumber, point: place },
        ),
      };
    });
    const first = quads === "width" ? { row: from, point: line } : { row: line, point: from };
    // What goes through registers is asked for before it is known whether there is a panel so far ahead.
    const isAhead = stages > 1 && !this.isAsync;
    const shape = { contraction, side, width, depth, isAhead };
    this.#elements = new PanelElements(builder, shape, axes, first, this.#exists);
    for (const { elements } of this.#pieces) {
      for (const { row } of elements) this.#elements.prepare(row);
    }
  }

  /** Where the panel of a place in the ring starts in shared memory. */
  startOf(stage: Expression): Expression {
    return this.#stages === 1
      ? constant(0)
      : this.#builder.let("panel", multiply(stage, constant(panelElements(this.#panel))));
  }

  /** Reads the panel from `start` on into registers, and gives what stores it at a place in shared memory. */
  load(start: Expression, panel: Expression): () => void {
    const builder = this.#builder;
    const elementAt = this.#elements.from(start);
    const lanes = this.#panel.isWide ? quad : 1;
    const type = vectorOf(elementType(this.#operand.value.dtype), lanes);
    const stores = this.#pieces.map(({ target, elements }) => {
      const values = elements.map(({ row, point }) => {
        const { index, exists } = elementAt(row, point);
        return builder.let("element", load(place(this.#memory, index), type, { mask: exists }));
      });
      const vector = lanes === 1 ? join(values) : values[0]!;
      const { rounding } = this.#operand;
      const value = convert(rounding === null ? vector : convert(vector, rounding), this.#dtype);
      return store(place(this.buffer, add(panel, target)), value, { mask: this.#exists });
    });
    return () => builder.emit(...stores);
  }

  /** Has the machine copy the panel from `start` on to a place in shared memory. */
  copy(start: Expression, panel: Expression): void {
    const builder = this.#builder;
    const bytes = this.#panel.isWide ? 16 : 4;
    const copies = builder.block(() => {
      const elementAt = this.#elements.from(start);
      for (const { target, elements } of this.#pieces) {
        for (const { row, point } of elements) {
          const { index, exists } = elementAt(row, point);
          builder.emit({
            kind: "invoke",
            function: copyAsync(bytes, "f32"),
            args: [
              { kind: "address", place: place(this.buffer, add(panel, target)) },
              { kind: "address", place: place(this.#memory, index) },
              exists ?? constant(1, "bool"),
            ],
          });
        }
      }
    });
    builder.emit(...(this.#exists === null ? copies : [when(this.#exists, copies)]));
  }
}
