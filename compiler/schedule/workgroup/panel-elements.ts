/**
 * Where the elements of an operand's panel lie in memory, and which of them there are, seen from a thread that copies
 * some of them: all its places are a first one and literals. What does not change from panel to panel is computed
 * before the loop over panels; in it, the places along the sum, once for all rows.
 */

import {
  type Affine,
  addAffine,
  atomAffine,
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
import { add, and, constant, less } from "../../kernel/build.ts";
import type { Expression } from "../../kernel/ir.ts";
import type {
  JoinedAxis,
  TiledContraction,
  TiledOperand,
} from "../../optimize/fusion/tiled-contraction.ts";
import { factsOf } from "../../optimize/simplify-index.ts";
import { conditionValue, type Point, scalarIndex } from "../indexes.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import { extentValue } from "../micro-kernel.ts";
import { isWhole } from "./contraction-plan.ts";

/** Which panels of which operand. */
export interface PanelShape {
  readonly contraction: TiledContraction;
  readonly side: "left" | "right";
  /** Rows, or columns, of the tile. */
  readonly width: number;
  /** Points of the sum. */
  readonly depth: number;
  /** Whether also panels beyond the end of the sum are asked for: nothing is there. */
  readonly isAhead?: boolean;
}

/** An element in memory; the condition is null where it is certain that there is one. */
export interface PanelElement {
  readonly index: Expression;
  readonly exists: Expression | null;
}

export class PanelElements {
  readonly #builder: KernelBuilder;
  readonly #shape: PanelShape;
  readonly #along: JoinedAxis;
  /** Whether this thread has anything to copy; null if all have. */
  readonly #exists: Expression | null;
  /** Values of the box's axes at the thread's first row, that of the sum aside. */
  readonly #axes: readonly Expression[];
  /** The thread's first point in a panel. */
  readonly #point: Expression;
  readonly #index: SplitIndex;
  readonly #guard: SplitGuard;
  readonly #rows = new Map<number, Expression | null>();
  readonly #bases = new Map<number, Expression>();

  /**
   * `axes` has the values of the box's axes, of rows and columns those at the start of the tile; `first` is the thread's
   * first place in the panel.
   */
  constructor(
    builder: KernelBuilder,
    shape: PanelShape,
    axes: readonly Expression[],
    first: { readonly row: Expression; readonly point: Expression },
    exists: Expression | null,
  ) {
    const { contraction, side } = shape;
    const operand: TiledOperand = contraction[side]();
    this.#builder = builder;
    this.#shape = shape;
    this.#along = side === "left" ? contraction.rows : contraction.columns;
    this.#exists = exists;
    const { axis } = this.#along;
    this.#index = splitIndex(operand.offset, axis, contraction.sum.axis);
    this.#guard = splitGuard(operand.guard, axis, contraction.sum.axis);
    this.#axes = axes.with(axis, builder.let("at", add(axes[axis]!, first.row)));
    this.#point = first.point;
  }

  /** Computes what is known of a row, so many after the first, before there are panels. */
  prepare(row: number): void {
    this.#rowMask(row);
    this.#base(row);
  }

  /** The elements of the panel from a point of the sum on, by row and point after the thread's first ones. */
  from(start: Expression): (row: number, point: number) => PanelElement {
    const first = this.#pointAt(null, this.#builder.let("k", add(start, this.#point)), 0);
    const points = new Map<number, PanelPoint>([[0, first]]);
    return (row, literal) => {
      const point = points.get(literal) ?? this.#pointAt(first, start, literal);
      points.set(literal, point);
      return this.#element(row, point);
    };
  }

  #element(row: number, { at, mask, moved }: PanelPoint): PanelElement {
    const { moving, rowStep, hasRow } = this.#index;
    const axes = this.#axesAt(row).with(this.#shape.contraction.sum.axis, at);
    const point = this.#pointOf(axes);
    const own = hasRow ? scalarIndex(moving, point) : moved!;
    const base = add(this.#base(row), own);
    const index = rowStep === null ? base : add(base, constant(row * rowStep));
    const exists = and(and(this.#rowMask(row), mask), conditionValue(this.#guard.ofBoth, point));
    return { index, exists };
  }

  /** What all rows share of a point of the sum: the first of a panel, or one so many points after it. */
  #pointAt(first: PanelPoint | null, start: Expression, literal: number): PanelPoint {
    const builder = this.#builder;
    const { contraction, depth, isAhead = false } = this.#shape;
    const { sum } = contraction;
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
    const isWithin = isWhole(sum.extent, depth) && !isAhead;
    const isInside = isWithin ? null : less(at, extentValue(sum.extent));
    const mask = and(isInside, conditionValue(this.#guard.ofSum, point));
    return { at, mask: mask && builder.let("is_point", mask), moved };
  }

  /** Whether a row has elements to copy, as far as that is known before the sum; null if all have. */
  #rowMask(literal: number): Expression | null {
    const known = this.#rows.get(literal);
    if (known !== undefined) return known;
    const axes = this.#axesAt(literal);
    const { axis, extent } = this.#along;
    const isInside = isWhole(extent, this.#shape.width)
      ? null
      : less(axes[axis]!, extentValue(extent));
    const own = conditionValue(this.#guard.ofRow, this.#pointOf(axes));
    const mask = and(and(this.#exists, isInside), own);
    const named = mask && this.#builder.let("is_inside", mask);
    this.#rows.set(literal, named);
    return named;
  }

  /** The part of the index that does not change along the sum; of all rows, where they are evenly apart. */
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
    const { box } = this.#shape.contraction;
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
    const used = axesOf(atomAffine(atom));
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
