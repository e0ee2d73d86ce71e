/**
 * The rows of a scatter's source in a kernel: their numbers in reading order, the points of the source that they
 * consist of, the keys that say where they go, and the points of the result there.
 */

import { sizeAt } from "../../graph/extent.ts";
import type { Scatter } from "../../graph/node.ts";
import {
  add,
  and,
  constant,
  literalOf,
  multiply,
  operation,
  place,
  quotient,
  remainder,
} from "../../kernel/build.ts";
import type { Expression, Place } from "../../kernel/ir.ts";
import type { Numbers, ScatterLayout, ScatterStep } from "../../optimize/group.ts";
import { lowerBody } from "../body.ts";
import type { Point } from "../indexes.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import { extentValue } from "../micro-kernel.ts";

/** Where the dense axes stand: at lane 0, if their last one runs along the lanes of a vector. */
export interface DensePosition {
  readonly axes: readonly Expression[];
  readonly lanes: number;
}

export class SourceRows {
  readonly #builder: KernelBuilder;
  readonly #node: Scatter;
  readonly #layout: ScatterLayout;

  constructor(builder: KernelBuilder, { node, layout }: ScatterStep) {
    this.#builder = builder;
    this.#node = node;
    this.#layout = layout;
  }

  /** Extents of the axes that rows are points of. */
  get extents() {
    return this.#layout.rowAxes.map((axis) => this.#node.parallel[axis]!);
  }

  /** Extents of the axes within a row, as the result has them. */
  get denseExtents() {
    return this.#layout.dense.map(({ dimension }) => this.#node.shape[dimension]!);
  }

  /** Rows of this batch. */
  get count(): Expression {
    return this.extents.map(extentValue).reduce(multiply, constant(1));
  }

  numberOf(axes: readonly Expression[]): Expression {
    return this.extents.reduce<Expression>(
      (number, extent, i) => add(multiply(number, extentValue(extent)), axes[i]!),
      constant(0),
    );
  }

  axesOf(row: Expression): readonly Expression[] {
    return digitsOf(this.#builder, row, this.extents.map(extentValue));
  }

  /** A point of the source; the dense axes stand at 0 without a position. */
  source(rowAxes: readonly Expression[], dense?: DensePosition): Point {
    const { parallel } = this.#node;
    const axes = parallel.map((): Expression => constant(0));
    this.#layout.rowAxes.forEach((axis, i) => {
      axes[axis] = rowAxes[i]!;
    });
    this.#layout.dense.forEach(({ axis }, i) => {
      axes[axis] = dense?.axes[i] ?? constant(0);
    });
    const last = this.#layout.dense.at(-1);
    const lanes = dense?.lanes ?? 1;
    const vector = last === undefined || lanes === 1 ? null : { axis: last.axis, lanes };
    return { extents: parallel, batchMax: this.#builder.batchMax, axes, vector };
  }

  /** The point of the result that a key and the dense axes say. */
  target(key: Expression, dense: DensePosition): Point {
    const { shape } = this.#node;
    const axes = shape.map((): Expression => constant(0));
    digitsOf(
      this.#builder,
      key,
      this.#placeSizes().map((size) => constant(size)),
    ).forEach((at, i) => {
      axes[this.#layout.places[i]!] = at;
    });
    this.#layout.dense.forEach(({ dimension }, i) => {
      axes[dimension] = dense.axes[i]!;
    });
    const last = this.#layout.dense.at(-1);
    const vector =
      last === undefined || dense.lanes === 1 ? null : { axis: last.dimension, lanes: dense.lanes };
    return { extents: shape, batchMax: this.#builder.batchMax, axes, vector };
  }

  /** The key of a row, and whether it goes anywhere. */
  key(rowAxes: readonly Expression[]): { readonly key: Expression; readonly goes: Expression } {
    const builder = this.#builder;
    const { index, shape } = this.#node;
    const point = this.source(rowAxes);
    const sizes = this.#placeSizes();
    let key: Expression = constant(0);
    let goes: Expression | null = null;
    this.#layout.places.forEach((dimension, i) => {
      const at = builder.let("place", lowerBody(builder, index[dimension]!, point));
      const isBelow = operation("less", at, extentValue(shape[dimension]!));
      goes = and(goes, operation("greaterEqual", at, constant(0)));
      goes = and(goes, isBelow);
      key = add(multiply(key, constant(sizes[i]!)), at);
    });
    return {
      key: builder.let("key", key),
      goes: builder.let("goes", goes ?? constant(1, "bool")),
    };
  }

  #placeSizes(): readonly number[] {
    const { batchMax } = this.#builder;
    return this.#layout.places.map((dimension) => sizeAt(this.#node.shape[dimension]!, batchMax));
  }

  numbers(numbers: Numbers, at: Expression, access: "read" | "write"): Place {
    return place(this.#builder.scratch(numbers, access), at);
  }
}

/** The coordinates of a number in a box of these sizes. */
export function digitsOf(
  builder: KernelBuilder,
  number: Expression,
  sizes: readonly Expression[],
): readonly Expression[] {
  const digits: Expression[] = [];
  let rest = number;
  for (let i = sizes.length - 1; i > 0; i--) {
    const size = literalOf(sizes[i]!);
    const [q, r] =
      size === undefined
        ? [operation("quotient", rest, sizes[i]!), operation("remainder", rest, sizes[i]!)]
        : [quotient(rest, size), remainder(rest, size)];
    digits[i] = builder.let("at", r);
    rest = builder.let("rest", q);
  }
  if (sizes.length > 0) digits[0] = rest;
  return digits;
}
