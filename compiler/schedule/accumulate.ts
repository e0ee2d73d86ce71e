/**
 * The state of a reduction in named accumulators: the reducer's own formulas, applied lane by lane, and at the
 * end across the lanes as a tree of halves.
 */

import { type DType, isFloat } from "../graph/dtype.ts";
import { type Reducer, type ReducerName, reducers } from "../graph/reducers.ts";
import { elementType, expressionAlgebra } from "../kernel/algebra.ts";
import type { BlockBuilder } from "../kernel/block-builder.ts";
import {
  add,
  broadcast,
  constant,
  convert,
  lane,
  operation,
  reduceLanes,
  select,
  shuffle,
} from "../kernel/build.ts";
import type { Expression } from "../kernel/ir.ts";

interface Accumulator {
  readonly name: string;
  readonly value: Expression;
}

export interface AccumulationOptions {
  readonly reducer: ReducerName;
  /** Of the body. */
  readonly dtype: DType;
  readonly lanes: number;
  /** Whether points may be skipped, so that they have to be counted where the reducer wants their number. */
  readonly counts: boolean;
  /** Whether all points are added one after the other in reading order, outside of loops: then nothing needs a variable. */
  readonly isStraight: boolean;
  /** Which of the reducer's results are read. */
  readonly wanted: readonly boolean[];
}

export class Accumulation {
  readonly #builder: BlockBuilder;
  readonly #options: AccumulationOptions;
  readonly #row: Reducer;
  readonly #variables: readonly Accumulator[] | null;
  readonly #count: Accumulator | null;
  /** The state after the points so far, where it is in no variables. */
  #state: readonly Expression[] | null = null;
  /** Whether no point so far was left out anywhere. */
  #isWhole = true;

  /** Declares the accumulators where the builder stands. */
  constructor(builder: BlockBuilder, options: AccumulationOptions) {
    this.#builder = builder;
    this.#options = options;
    const { reducer, lanes, counts, isStraight, wanted } = options;
    const isValueOnly = (reducer === "max" || reducer === "min") && wanted[1] !== true;
    this.#row = isValueOnly ? valueOnly(reducer) : reducers[reducer];
    this.#variables = isStraight
      ? null
      : this.#identity().map((start) => builder.mutable(reducer, start));
    this.#count =
      counts && this.#row.usesCount ? builder.mutable("count", constant(0, "i32", lanes)) : null;
  }

  #algebra() {
    return expressionAlgebra(this.#builder, this.#options.dtype);
  }

  #wide(value: Expression): Expression {
    return broadcast(value, this.#options.lanes);
  }

  #identity(): readonly Expression[] {
    return this.#row.identity(this.#algebra()).map((start) => this.#wide(start));
  }

  #current(): readonly Expression[] {
    return this.#variables?.map(({ value }) => value) ?? this.#state ?? this.#identity();
  }

  /**
   * Takes one more point in each lane, or only where `where` holds. `index` is the point's reading-order index
   * in the reduction box.
   */
  add(body: Expression, index: () => Expression, where: Expression | null): void {
    const f = this.#algebra();
    // What is left out may leave nothing for a point to follow.
    this.#isWhole &&= where === null;
    const isOrdered = this.#variables === null && this.#isWhole;
    const at = this.#row.usesIndex ? index() : constant(0);
    const before = this.#current();
    const lifted = this.#row.lift(f, body, at).map((field) => this.#wide(field));
    const isFirst = this.#variables === null && this.#state === null;
    const combine = (isOrdered && this.#row.follow) || this.#row.combine;
    const after = isFirst ? lifted : combine(f, before, lifted);
    const next = after.map((value, i) => {
      const kept = where === null ? value : select(where, this.#wide(value), before[i]!);
      return this.#builder.let("next", this.#wide(kept));
    });
    if (this.#variables === null) this.#state = next;
    else
      for (const [i, { name }] of this.#variables.entries()) this.#builder.assign(name, next[i]!);
    if (this.#count !== null) {
      const { name, value } = this.#count;
      const one = where === null ? constant(1) : convert(where, "i32");
      this.#builder.assign(name, this.#wide(add(value, one)));
    }
  }

  /**
   * The results, one for each lane. `points` is the number of points a lane has seen if none can be skipped.
   */
  finish(points: Expression): readonly Expression[] {
    return this.#results(this.#fromIdentity(), this.#count?.value ?? points);
  }

  /** The state as it is where points come after the identity: an extremum goes no further than that. */
  #fromIdentity(): readonly Expression[] {
    const state = this.#current();
    const { reducer, dtype } = this.#options;
    if (this.#variables !== null || !isFloat(dtype) || !(reducer === "max" || reducer === "min"))
      return state;
    const [bound] = this.#identity();
    const name = reducer === "max" ? "maximum" : "minimum";
    return [this.#algebra().call(name, bound!, state[0]!), ...state.slice(1)];
  }

  /** The results of all lanes together. `points` is the number of points if none can be skipped. */
  finishAcross(points: Expression): readonly Expression[] {
    const count = this.#count && this.#builder.let("kept", reduceLanes("add", this.#count.value));
    return this.#results(this.#acrossLanes(this.#current()), count ?? points);
  }

  /** The state so far: the fields of the reducer, then the number of points where they have to be counted. */
  get fields(): readonly Expression[] {
    return [...this.#current(), ...(this.#count === null ? [] : [this.#count.value])];
  }

  /** The fields of two sets of points together; those of `left` come first. */
  combineFields(left: readonly Expression[], right: readonly Expression[]): readonly Expression[] {
    if (this.#count === null) return this.#row.combine(this.#algebra(), left, right);
    const joined = this.#row.combine(this.#algebra(), left.slice(0, -1), right.slice(0, -1));
    return [...joined, add(left.at(-1)!, right.at(-1)!)];
  }

  /** Goes on from other fields. */
  assignFields(fields: readonly Expression[]): void {
    const variables = [...this.#variables!, ...(this.#count === null ? [] : [this.#count])];
    for (const [i, { name }] of variables.entries()) this.#builder.assign(name, fields[i]!);
  }

  /** The results of a state that was combined elsewhere. */
  finishFields(fields: readonly Expression[], points: Expression): readonly Expression[] {
    if (this.#count === null) return this.#results(fields, points);
    return this.#results(fields.slice(0, -1), fields.at(-1)!);
  }

  #acrossLanes(state: readonly Expression[]): readonly Expression[] {
    const { reducer, lanes, dtype } = this.#options;
    const builder = this.#builder;
    if (lanes === 1) return state;
    const [value, index] = state;
    if (reducer === "sum" || reducer === "mean") {
      return [builder.let("total", reduceLanes("add", value!))];
    }
    const isLargest = reducer === "max" || reducer === "argmax";
    if (isLargest || reducer === "min" || reducer === "argmin") {
      const best = builder.let("best", reduceLanes(isLargest ? "maximum" : "minimum", value!));
      if (index === undefined) return [best];
      // If there is a NaN it is the best, and equal to nothing.
      const equal = operation("equal", value!, best);
      const isBest = isFloat(dtype)
        ? operation("or", equal, operation("notEqual", value!, value!))
        : equal;
      const candidate = select(isBest, index, constant(noIndex, "i32", lanes));
      return [best, builder.let("place", reduceLanes("minimum", candidate))];
    }
    let halves = state;
    for (let width = lanes; width > 1; width /= 2) {
      const left = halves.map((field) => this.#half(field, 0));
      const right = halves.map((field) => this.#half(field, width / 2));
      halves = this.#row.combine(this.#algebra(), left, right);
    }
    return halves;
  }

  /** Half of the lanes, from `first` on. */
  #half(value: Expression, first: number): Expression {
    const half = value.type.lanes / 2;
    if (half === 1) return this.#builder.let("half", lane(value, first));
    const lanes = Array.from({ length: half }, (_, i) => first + i);
    return this.#builder.let("half", shuffle(value, value, lanes));
  }

  #results(state: readonly Expression[], count: Expression): readonly Expression[] {
    const counted = this.#row.usesCount
      ? this.#builder.let("points", convert(count, elementType(this.#options.dtype)))
      : constant(0);
    return this.#row.finish(this.#algebra(), state, counted);
  }
}

/** Index of no point, larger than any: what the reducers with an index start from. */
const noIndex = 2147483647;

/** `max` and `min` where nobody asks for the place: one field of state, one operation a point. */
function valueOnly(reducer: "max" | "min"): Reducer {
  return {
    ...reducers[reducer],
    identity: (f) => [reducers[reducer].identity(f)[0]!],
    lift: (_f, body) => [body],
    combine: (f, [a], [b]) => [f.call(reducer === "max" ? "maximum" : "minimum", a!, b!)],
    follow: null,
    finish: (f, [value]) => [value!, f.constant(0, "i32")],
    usesIndex: false,
  };
}
