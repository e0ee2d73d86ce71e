/**
 * Copies an operand's panels to shared memory. What does not change from panel to panel (places along the rows,
 * which of them exist) is computed before the loop over panels; in it, the places along the sum, once for all
 * elements of a vector that share them.
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
  quotient,
  remainder,
  store,
  symbol,
  vectorOf,
} from "../../kernel/build.ts";
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

/** A place along an axis of the panel: what differs from thread to thread, and a literal. */
interface PanelPlace {
  readonly thread: Expression;
  readonly literal: number;
}

/** What a thread copies at once: the elements of a vector in shared memory, by one access or one by one. */
interface VectorCopy {
  /** Where in the panel. */
  readonly target: Expression;
  readonly elements: readonly { readonly row: number; readonly point: number }[];
}

/** Copies panels of one operand for the tile of this task. */
export class PanelCopy {
  readonly #builder: KernelBuilder;
  readonly #contraction: TiledContraction;
  readonly #operand: TiledOperand;
  readonly #along: JoinedAxis;
  readonly #panel: PanelPlan;
  readonly #dtype: "f32" | "f16";
  readonly #memory: string;
  /** The panel in shared memory. */
  readonly buffer: string;
  readonly #vectors: readonly VectorCopy[];
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
    const { contraction, threads, dtype } = plan;
    this.#builder = builder;
    this.#contraction = contraction;
    this.#operand = contraction[side]();
    this.#along = side === "left" ? contraction.rows : contraction.columns;
    this.#panel = plan[side];
    this.#dtype = dtype;
    this.#memory = builder.buffer(this.#operand.value, "read");
    this.buffer = builder.shared(`${side}_panel`, dtype, panelElements(this.#panel));
    this.#index = splitIndex(this.#operand.offset, this.#along.axis, contraction.sum.axis);
    this.#guard = splitGuard(this.#operand.guard, this.#along.axis, contraction.sum.axis);

    const { width, depth, quads, stride, isWide, threadsAlongQuads } = this.#panel;
    const [long, lines] = quads === "width" ? [width, depth] : [depth, width];
    const total = (long / quad) * lines;
    const fast = threadsAlongQuads ? long / quad : lines;
    const thread = symbol("thread");
    // All counts are powers of two: threads make whole turns along the faster axis, or parts of one.
    const within = builder.let("fast", fast < threads ? remainder(thread, fast) : thread);
    const across = fast < threads ? builder.let("slow", quotient(thread, fast)) : constant(0);
    this.#exists = total < threads ? builder.let("copies", less(thread, constant(total))) : null;
    const placesOf = (i: number): readonly [at: PanelPlace, line: PanelPlace] => {
      const number = i * threads;
      const near = { thread: within, literal: number % fast };
      const far = { thread: across, literal: Math.floor(number / fast) };
      return threadsAlongQuads ? [near, far] : [far, near];
    };
    const [at, line] = placesOf(0);
    const from = builder.let("from", multiply(at.thread, constant(quad)));
    const target = builder.let("target", add(multiply(line.thread, constant(stride)), from));
    this.#vectors = Array.from({ length: Math.ceil(total / threads) }, (_, i) => {
      const [{ literal: vector }, { literal: lineNumber }] = placesOf(i);
      const first = quad * vector;
      const places = Array.from({ length: isWide ? 1 : quad }, (_, lane) => first + lane);
      return {
        target: add(target, constant(lineNumber * stride + first)),
        elements: places.map((place) =>
          quads === "width" ? { row: place, point: lineNumber } : { row: lineNumber, point: place },
        ),
      };
    });
    const [row, point] = quads === "width" ? [from, line.thread] : [line.thread, from];
    const { axis } = this.#along;
    this.#axes = axes.with(axis, builder.let("at", add(axes[axis]!, row)));
    this.#point = point;
    // What is known of rows is computed here, before the loop over panels.
    for (const { elements } of this.#vectors) {
      for (const { row: literal } of elements) {
        this.#rowMask(literal);
        this.#base(literal);
      }
    }
  }

  /** Reads the panel from `start` on into registers, and gives what stores it in shared memory. */
  load(start: Expression): () => void {
    const builder = this.#builder;
    const first = this.#pointAt(null, builder.let("k", add(start, this.#point)), 0);
    const points = new Map<number, PanelPoint>([[0, first]]);
    const pointAt = (literal: number): PanelPoint => {
      const known = points.get(literal) ?? this.#pointAt(first, start, literal);
      points.set(literal, known);
      return known;
    };
    const lanes = this.#panel.isWide ? quad : 1;
    const stores = this.#vectors.map(({ target, elements }) => {
      const values = elements.map(({ row, point }) =>
        builder.let("element", this.#element(row, pointAt(point), lanes)),
      );
      const vector = lanes === 1 ? join(values) : values[0]!;
      const value = convert(vector, this.#dtype);
      return store(place(this.buffer, target), value, { mask: this.#exists });
    });
    return () => builder.emit(...stores);
  }

  #element(row: number, { at, mask, moved }: PanelPoint, lanes: number): Expression {
    const { moving, rowStep, hasRow } = this.#index;
    const axes = this.#axesAt(row).with(this.#contraction.sum.axis, at);
    const point = this.#pointOf(axes);
    const own = hasRow ? scalarIndex(moving, point) : moved!;
    const base = add(this.#base(rowStep === null ? row : 0), own);
    const index = rowStep === null ? base : add(base, constant(row * rowStep));
    const condition = and(and(this.#rowMask(row), mask), conditionValue(this.#guard.ofBoth, point));
    const type = vectorOf(elementType(this.#operand.value.dtype), lanes);
    return load(place(this.#memory, index), type, { mask: condition });
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
    const isInside = isWhole(sum.extent, this.#panel.depth)
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
