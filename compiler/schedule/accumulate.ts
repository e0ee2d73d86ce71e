/**
 * The state of a reduction in named accumulators: the reducer's own formulas, applied lane by lane, and at the
 * end across the lanes as a tree of halves.
 */

import type { DType } from "../graph/dtype.ts";
import { type ReducerName, reducers } from "../graph/reducers.ts";
import { elementType, expressionAlgebra } from "../kernel/algebra.ts";
import type { BlockBuilder } from "../kernel/block-builder.ts";
import {
  add,
  broadcast,
  constant,
  convert,
  lane,
  reduceLanes,
  select,
  shuffle,
} from "../kernel/build.ts";
import type { Expression } from "../kernel/ir.ts";

interface Accumulator {
  readonly name: string;
  readonly value: Expression;
}

export class Accumulation {
  readonly #builder: BlockBuilder;
  readonly #reducer: ReducerName;
  readonly #dtype: DType;
  readonly #lanes: number;
  readonly #state: readonly Accumulator[];
  /** Points kept, where that is not known before. */
  readonly #count: Accumulator | null;

  /** Declares the accumulators where the builder stands. `counts`: whether points may be skipped. */
  constructor(
    builder: BlockBuilder,
    reducer: ReducerName,
    dtype: DType,
    lanes: number,
    counts: boolean,
  ) {
    this.#builder = builder;
    this.#reducer = reducer;
    this.#dtype = dtype;
    this.#lanes = lanes;
    const row = reducers[reducer];
    this.#state = row
      .identity(expressionAlgebra(builder, dtype))
      .map((start) => builder.mutable(reducer, broadcast(start, lanes)));
    this.#count =
      counts && row.usesCount ? builder.mutable("count", constant(0, "i32", lanes)) : null;
  }

  /**
   * Takes one more point in each lane, or only where `where` holds. `index` is the point's reading-order index
   * in the reduction box.
   */
  add(body: Expression, index: () => Expression, where: Expression | null): void {
    const f = expressionAlgebra(this.#builder, this.#dtype);
    const row = reducers[this.#reducer];
    const at = row.usesIndex ? index() : constant(0);
    const before = this.#state.map(({ value }) => value);
    const lifted = row.lift(f, body, at).map((field) => broadcast(field, this.#lanes));
    const after = row.combine(f, before, lifted);
    const kept = (value: Expression, was: Expression) =>
      broadcast(where === null ? value : select(where, value, was), this.#lanes);
    const next = after.map((value, i) => this.#builder.let("next", kept(value, before[i]!)));
    next.forEach((value, i) => {
      this.#builder.assign(this.#state[i]!.name, value);
    });
    if (this.#count !== null) {
      const { name, value } = this.#count;
      const one = where === null ? constant(1) : convert(where, "i32");
      this.#builder.assign(name, broadcast(add(value, one), this.#lanes));
    }
  }

  /**
   * The results, one for each lane. `points` is the number of points a lane has seen if none can be skipped.
   */
  finish(points: Expression): readonly Expression[] {
    return this.#results(
      this.#state.map(({ value }) => value),
      this.#count?.value ?? points,
    );
  }

  /** The results of all lanes together. `points` is the number of points if none can be skipped. */
  finishAcross(points: Expression): readonly Expression[] {
    const f = expressionAlgebra(this.#builder, this.#dtype);
    const { combine } = reducers[this.#reducer];
    const isSum = this.#reducer === "sum" || this.#reducer === "mean";
    let state = this.#state.map(({ value }) => value);
    if (isSum) {
      state = state.map((value) => this.#builder.let("total", reduceLanes("add", value)));
    } else {
      for (let lanes = this.#lanes; lanes > 1; lanes /= 2) {
        const left = state.map((value) => this.#half(value, 0));
        const right = state.map((value) => this.#half(value, lanes / 2));
        state = [...combine(f, left, right)];
      }
    }
    const count = this.#count && this.#builder.let("kept", reduceLanes("add", this.#count.value));
    return this.#results(state, count ?? points);
  }

  /** Half of the lanes, from `first` on. */
  #half(value: Expression, first: number): Expression {
    const half = value.type.lanes / 2;
    if (half === 1) return this.#builder.let("half", lane(value, first));
    const lanes = Array.from({ length: half }, (_, i) => first + i);
    return this.#builder.let("half", shuffle(value, value, lanes));
  }

  #results(state: readonly Expression[], count: Expression): readonly Expression[] {
    const f = expressionAlgebra(this.#builder, this.#dtype);
    const { finish, usesCount } = reducers[this.#reducer];
    const counted = usesCount
      ? this.#builder.let("points", convert(count, elementType(this.#dtype)))
      : constant(0);
    return finish(f, state, counted);
  }
}
