/**
 * Copies an operand's panels to shared memory. What does not change from panel to panel (places along the rows,
 * which of them exist) is computed before the loop over panels; in it, the places along the sum, once for all
 * elements of a vector that share them.
 *
 * Panels pass through registers, or are copied by the machine while threads compute: then by 16 bytes where elements lie
 * side by side as they do in shared memory, and else one by one, the 32 threads of a subgroup eight along the lines of the
 * panel by four across them: lines are a multiple of four words and no multiple of eight apart, so each thread has a bank
 * of shared memory to itself, and every four or eight of them read what memory gives at once.
 */

import {
  type Affine,
  addAffine,
  axesOf,
  scaleAffine,
  subtractAffine,
  zeroAffine,
} from "../../graph/affine.ts";
import {
  always,
  type Condition,
  conditionAxes,
  and as conjunction,
} from "../../graph/condition.ts";
import { elementType } from "../../kernel/algebra.ts";
import {
  add,
  and,
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
import type {
  JoinedAxis,
  TiledContraction,
  TiledOperand,
} from "../../optimize/fusion/tiled-contraction.ts";
import { atomAffine, factsOf } from "../../optimize/simplify-index.ts";
import { conditionValue, type Point, scalarIndex } from "../indexes.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import { extentValue } from "../micro-kernel.ts";
import {
  isWhole,
  type PanelPlan,
  panelElements,
  quad,
  type WorkgroupPlan,
} from "./contraction-plan.ts";
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
  readonly #contraction: TiledContraction;
  readonly #operand: TiledOperand;
  readonly #along: JoinedAxis;
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
  /** Values of the box's axes at literal 0, that of the sum aside. */
  readonly #axes: readonly Expression[];
  /** The point of the panel at literal 0. */
  readonly #point: Expression;
  readonly #index: SplitIndex;
  readonly #guard: SplitGuard;
  readonly #rows = new Map<number, Expression | null>();
  readonly #bases = new Map<number, Expression>();

  /** `axes` has the values of the box's axes, of rows and columns those at the start of the tile. */
  constructor(
    builder: KernelBuilder,
    plan: WorkgroupPlan,
    side: "left" | "right",
    axes: readonly Expression[],
  ) {
    const { contraction, threads, dtype, stages } = plan;
    this.#builder = builder;
    this.#contraction = contraction;
    this.#operand = contraction[side]();
    this.#along = side === "left" ? contraction.rows : contraction.columns;
    this.#panel = plan[side];
    this.#dtype = dtype;
    this.#memory = builder.buffer(this.#operand.value, "read");
    this.buffer = builder.shared(`${side}_panel`, dtype, stages * panelElements(this.#panel));
    this.#stages = stages;
    const { value, rounding } = this.#operand;
    this.isAsync = stages > 1 && dtype === "f32" && value.dtype === "f32" && rounding === null;
    this.#index = splitIndex(this.#operand.offset, this.#along.axis, contraction.sum.axis);
    this.#guard = splitGuard(this.#operand.guard, this.#along.axis, contraction.sum.axis);

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
    const [row, point] = quads === "width" ? [from, line] : [line, from];
    const { axis } = this.#along;
    this.#axes = axes.with(axis, builder.let("at", add(axes[axis]!, row)));
    this.#point = point;
    // What is known of rows is computed here, before the loop over panels.
    for (const { elements } of this.#pieces) {
      for (const { row: literal } of elements) {
        this.#rowMask(literal);
        this.#base(literal);
      }
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
    const pointAt = this.#pointsFrom(start);
    const lanes = this.#panel.isWide ? quad : 1;
    const type = vectorOf(elementType(this.#operand.value.dtype), lanes);
    const stores = this.#pieces.map(({ target, elements }) => {
      const values = elements.map(({ row, point }) => {
        const { index, condition } = this.#element(row, pointAt(point));
        return builder.let("element", load(place(this.#memory, index), type, { mask: condition }));
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
      const pointAt = this.#pointsFrom(start);
      for (const { target, elements } of this.#pieces) {
        for (const { row, point } of elements) {
          const { index, condition } = this.#element(row, pointAt(point));
          builder.emit({
            kind: "invoke",
            function: copyAsync(bytes, "f32"),
            args: [
              { kind: "address", place: place(this.buffer, add(panel, target)) },
              { kind: "address", place: place(this.#memory, index) },
              condition ?? constant(1, "bool"),
            ],
          });
        }
      }
    });
    builder.emit(...(this.#exists === null ? copies : [when(this.#exists, copies)]));
  }

  /** The points of the panel from `start` on, each computed once. */
  #pointsFrom(start: Expression): (literal: number) => PanelPoint {
    const first = this.#pointAt(null, this.#builder.let("k", add(start, this.#point)), 0);
    const points = new Map<number, PanelPoint>([[0, first]]);
    return (literal) => {
      const known = points.get(literal) ?? this.#pointAt(first, start, literal);
      points.set(literal, known);
      return known;
    };
  }

  /** An element of the operand, or the first of a vector: its index, and whether there is one; null if always. */
  #element(
    row: number,
    { at, mask, moved }: PanelPoint,
  ): { readonly index: Expression; readonly condition: Expression | null } {
    const { moving, rowStep, hasRow } = this.#index;
    const axes = this.#axesAt(row).with(this.#contraction.sum.axis, at);
    const point = this.#pointOf(axes);
    const own = hasRow ? scalarIndex(moving, point) : moved!;
    const base = add(this.#base(rowStep === null ? row : 0), own);
    const index = rowStep === null ? base : add(base, constant(row * rowStep));
    const condition = and(and(this.#rowMask(row), mask), conditionValue(this.#guard.ofBoth, point));
    return { index, condition };
  }

  /** What all rows share of a point of the sum: the first of a panel, or one so many points after it. */
  #pointAt(first: PanelPoint | null, start: Expression, literal: number): PanelPoint {
    const builder = this.#builder;
    const { sum } = this.#contraction;
    const at = first === null ? start : add(first.at, constant(literal));
    const point = this.#pointOf(this.#axes.with(sum.axis, at));
    const { moving, hasRow, sumStep } = this.#index;
    let moved: Expression | null = null;
    if (!hasRow) {
      moved =
        first === null || sumStep === null
          ? builder.let("moved", scalarIndex(moving, point))
          : add(first.moved!, constant(literal * sumStep));
    }
    // What goes through registers is asked for before it is known whether there is a panel so far ahead.
    const isCertain = this.isAsync || this.#stages === 1;
    const isInside =
      isCertain && isWhole(sum.extent, this.#panel.depth)
        ? null
        : less(at, extentValue(sum.extent));
    const mask = and(isInside, conditionValue(this.#guard.ofSum, point));
    return { at, mask: mask && builder.let("is_point", mask), moved };
  }

  /** Whether a row has elements to copy, as far as that is known before the sum; null if all have. */
  #rowMask(literal: number): Expression | null {
    const known = this.#rows.get(literal);
    if (known !== undefined) return known;
    const axes = this.#axesAt(literal);
    const { axis, extent } = this.#along;
    const isInside = isWhole(extent, this.#panel.width)
      ? null
      : less(axes[axis]!, extentValue(extent));
    const own = conditionValue(this.#guard.ofRow, this.#pointOf(axes));
    const mask = and(and(this.#exists, isInside), own);
    const named = mask && this.#builder.let("is_inside", mask);
    this.#rows.set(literal, named);
    return named;
  }

  /** The part of the index that does not change along the sum. */
  #base(literal: number): Expression {
    const row = this.#index.rowStep === null ? literal : 0;
    const known = this.#bases.get(row);
    if (known !== undefined) return known;
    const point = this.#pointOf(this.#axesAt(row));
    const base = this.#builder.let("base", scalarIndex(this.#index.fixed, point));
    this.#bases.set(row, base);
    return base;
  }

  #axesAt(row: number): readonly Expression[] {
    const { axis } = this.#along;
    return this.#axes.with(axis, add(this.#axes[axis]!, constant(row)));
  }

  #pointOf(axes: readonly Expression[]): Point {
    const { box } = this.#contraction;
    return { extents: box.axes, batchMax: box.batchMax, axes, vector: null };
  }
}

interface PanelPoint {
  /** Along the sum. */
  readonly at: Expression;
  readonly mask: Expression | null;
  /** The part of the index that changes along the sum; null if it also depends on the row. */
  readonly moved: Expression | null;
}

/** An index as the sum of a part that is fixed along the sum and one that moves. */
interface SplitIndex {
  readonly fixed: Affine;
  readonly moving: Affine;
  /** By how much the fixed part grows from row to row; null if not evenly. */
  readonly rowStep: number | null;
  /** Whether the moving part depends on the row. */
  readonly hasRow: boolean;
  /** By how much the moving part grows from point to point of the sum; null if not evenly. */
  readonly sumStep: number | null;
}

function splitIndex(offset: Affine, row: number, sum: number): SplitIndex {
  let moving = zeroAffine;
  let rowStep: number | null = 0;
  let sumStep: number | null = 0;
  let hasRow = false;
  for (const { coefficient, atom } of offset.terms) {
    const used = atom.kind === "axis" ? new Set([atom.axis]) : axesOf(atom.base);
    if (used.has(sum)) {
      moving = addAffine(moving, scaleAffine(atomAffine(atom), coefficient));
      hasRow ||= used.has(row);
      sumStep = atom.kind === "axis" && sumStep === 0 ? coefficient : null;
    } else if (used.has(row)) rowStep = atom.kind === "axis" && rowStep === 0 ? coefficient : null;
  }
  return { fixed: subtractAffine(offset, moving), moving, rowStep, hasRow, sumStep };
}

/** The parts of a guard that are fixed along the sum, that are about the sum alone, and the others. */
interface SplitGuard {
  readonly ofRow: Condition;
  readonly ofSum: Condition;
  readonly ofBoth: Condition;
}

function splitGuard(guard: Condition, row: number, sum: number): SplitGuard {
  const parts = { ofRow: always, ofSum: always, ofBoth: always };
  for (const part of factsOf(guard)) {
    const used = conditionAxes(part);
    const whose = !used.has(sum) ? "ofRow" : used.has(row) ? "ofBoth" : "ofSum";
    parts[whose] = conjunction(parts[whose], part);
  }
  return parts;
}
