/**
 * Copies an operand's panels to shared memory. What does not change from panel to panel (places along the rows,
 * which of them exist) is computed before the loop over panels; in it, the places along the sum, once for all
 * elements of a vector that share them.
 */

import {
  type Affine,
  axesOf,
  axisAffine,
  scaleAffine,
  subtractAffine,
} from "../../graph/affine.ts";
import { type Condition, conditionAxes, and as conjunction } from "../../graph/condition.ts";
import {
  add,
  and,
  constant,
  convert,
  f32,
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
import { factsOf } from "../../optimize/simplify-index.ts";
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

/** Panels of one operand for the tile of this task. */
export class PanelCopy {
  readonly #builder: KernelBuilder;
  readonly #contraction: TiledContraction;
  readonly #operand: TiledOperand;
  readonly #along: JoinedAxis;
  readonly #panel: PanelPlan;
  readonly #dtype: "f32" | "f16";
  /** Values of the box's axes at the tile, those of `along` and of the sum aside. */
  readonly #axes: readonly Expression[];
  readonly #memory: string;
  /** The panel in shared memory. */
  readonly buffer: string;
  readonly #vectors: readonly VectorCopy[];

  /** `axes` has the values of the box's axes, of `along` that at the tile's first line. */
  constructor(
    builder: KernelBuilder,
    plan: WorkgroupPlan,
    side: "left" | "right",
    axes: readonly Expression[],
  ) {
    const { contraction, threads, dtype } = plan;
    this.#builder = builder;
    this.#contraction = contraction;
    this.#operand = contraction[side];
    this.#along = side === "left" ? contraction.rows : contraction.columns;
    this.#panel = plan[side];
    this.#dtype = dtype;
    this.#axes = axes;
    this.#memory = builder.buffer(this.#operand.value, "read");
    this.buffer = builder.shared(`${side}_panel`, dtype, panelElements(this.#panel));
    const { width, depth, quads, threadsAlongQuads } = this.#panel;
    const [long, lines] = quads === "width" ? [width, depth] : [depth, width];
    const total = (long / quad) * lines;
    const fast = threadsAlongQuads ? long / quad : lines;
    const thread = symbol("thread");
    this.#vectors = Array.from({ length: Math.ceil(total / threads) }, (_, i) => {
      const number = add(thread, constant(i * threads));
      const within = builder.let("fast", remainder(number, fast));
      const across = builder.let("slow", quotient(number, fast));
      const [at, line] = threadsAlongQuads ? [within, across] : [across, within];
      const exists = total < threads ? builder.let("copies", less(number, constant(total))) : null;
      return this.#vector(multiply(at, constant(quad)), line, exists);
    });
  }

  /** Reads the panel from `start` on into registers, and gives what stores it in shared memory. */
  load(start: Expression): () => void {
    const builder = this.#builder;
    const stores = this.#vectors.map(({ target, exists, elements, lanes }) => {
      const values = elements.map((element) => builder.let("element", element(start)));
      return () => {
        const vector = lanes === 1 ? join(values) : values[0]!;
        const value = convert(vector, this.#dtype);
        builder.emit(store(place(this.buffer, target), value, { mask: exists }));
      };
    });
    return () => {
      for (const emit of stores) emit();
    };
  }

  /** What one thread copies at once: four elements from `at` on of a line of the panel. */
  #vector(at: Expression, line: Expression, exists: Expression | null): VectorCopy {
    const { quads, stride, isWide } = this.#panel;
    const target = this.#builder.let("target", add(multiply(line, constant(stride)), at));
    const places = Array.from({ length: isWide ? 1 : quad }, (_, i) => add(at, constant(i)));
    const lanes = isWide ? quad : 1;
    if (quads === "depth") {
      const row = this.#row(line, exists);
      return {
        target,
        exists,
        lanes,
        elements: places.map((point) => this.#element(row, point, lanes)),
      };
    }
    const elements = places.map((row) => this.#element(this.#row(row, exists), line, lanes));
    return { target, exists, lanes, elements };
  }

  /** What is known of a row before the sum begins. */
  #row(number: Expression, exists: Expression | null): PanelRow {
    const builder = this.#builder;
    const { axis, extent } = this.#along;
    const { width } = this.#panel;
    const at = builder.let("at", add(this.#axes[axis]!, number));
    const axes = this.#axes.with(axis, at);
    const isInside = isWhole(extent, width) ? null : less(at, extentValue(extent));
    const [fixed] = this.#conditions();
    const point = this.#point(axes);
    const mask = and(and(exists, isInside), conditionValue(fixed, point));
    return { axes, mask: mask && builder.let("is_inside", mask) };
  }

  /** One access of the copy: at a row, `number` points into the panel. */
  #element(row: PanelRow, number: Expression, lanes: number): (start: Expression) => Expression {
    const builder = this.#builder;
    const { sum } = this.#contraction;
    const { offset } = this.#operand;
    const [, moving] = this.#conditions();
    const step = evenStep(offset, sum.axis);
    const rest =
      step === null ? offset : subtractAffine(offset, scaleAffine(axisAffine(sum.axis), step));
    const isEven = step !== null;
    const base = isEven
      ? builder.let(
          "base",
          add(scalarIndex(rest, this.#point(row.axes)), multiply(number, constant(step))),
        )
      : null;
    return (start) => {
      const needsPlace =
        !isEven || moving.kind !== "true" || !isWhole(sum.extent, this.#panel.depth);
      const at = needsPlace ? builder.let("k", add(start, number)) : start;
      const point = this.#point(row.axes.with(sum.axis, at));
      const isInside = isWhole(sum.extent, this.#panel.depth)
        ? null
        : less(at, extentValue(sum.extent));
      const mask = and(and(row.mask, isInside), conditionValue(moving, point));
      const index =
        base === null ? scalarIndex(offset, point) : add(base, multiply(start, constant(step!)));
      return load(place(this.#memory, index), lanes === 1 ? f32 : vectorOf("f32", lanes), { mask });
    };
  }

  /** The parts of the guard that are the same all along the sum, and the others. */
  #conditions(): readonly [fixed: Condition, moving: Condition] {
    const parts = factsOf(this.#operand.guard);
    const moves = (part: Condition) => conditionAxes(part).has(this.#contraction.sum.axis);
    return [
      conjunction(...parts.filter((part) => !moves(part))),
      conjunction(...parts.filter(moves)),
    ];
  }

  #point(axes: readonly Expression[]): Point {
    const { box } = this.#contraction;
    return { extents: box.axes, batchMax: box.batchMax, axes, vector: null };
  }
}

interface PanelRow {
  /** Values of the box's axes, that of the sum aside. */
  readonly axes: readonly Expression[];
  readonly mask: Expression | null;
}

interface VectorCopy {
  /** Where in the panel. */
  readonly target: Expression;
  /** Whether this thread has such a vector to copy; null if all have. */
  readonly exists: Expression | null;
  readonly lanes: number;
  /** The accesses that make the vector, for a panel that starts at a point of the sum. */
  readonly elements: readonly ((start: Expression) => Expression)[];
}

/** By how much an index grows from point to point of the sum; null if not evenly. */
function evenStep(offset: Affine, axis: number): number | null {
  let step = 0;
  for (const { coefficient, atom } of offset.terms) {
    if (atom.kind !== "axis") {
      if (axesOf(atom.base).has(axis)) return null;
    } else if (atom.axis === axis) step = coefficient;
  }
  return step;
}
