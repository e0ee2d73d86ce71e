/**
 * Maps on what is already in registers: the stages of a group evaluated at one vector of points, after what
 * they read of the group has been computed there, and the stores of what others read.
 */

import { axesOf } from "../graph/affine.ts";
import { conditionAxes } from "../graph/condition.ts";
import type { Compute, LoadScalar, Scalar, Value } from "../graph/node.ts";
import { broadcast, constant, select, store } from "../kernel/build.ts";
import type { Expression } from "../kernel/ir.ts";
import { identityIndex } from "../optimize/fusion/copies.ts";
import type { Group } from "../optimize/group.ts";
import { lowerBody, lowerLoad } from "./body.ts";
import {
  conditionValue,
  laneStep,
  type Point,
  recombine,
  scalarIndex,
  vectorIndex,
} from "./indexes.ts";
import type { KernelBuilder } from "./kernel-builder.ts";

/** The values of a group at one vector of points, as far as they are known there. */
export type Registers = Map<Value, Expression>;

export interface EpilogueOptions {
  /** Lanes 0 … active−1 are points of the box. */
  readonly active: number;
  /** Loads that were made before, for all the points that share them. */
  readonly shared?: SharedLoads;
  /** A bool under which loads and stores stand. */
  readonly mask?: Expression | null;
}

/** What a load of a group's own value gives, its guard applied. */
function registerOf(
  { value, guard }: LoadScalar,
  point: Point,
  registers: ReadonlyMap<Value, Expression>,
): Expression | undefined {
  const known = registers.get(value);
  if (known === undefined) return undefined;
  const condition = conditionValue(guard, point);
  return condition === null ? known : select(condition, known, constant(0, known.type.dtype));
}

/** A body at a point, with the group's own values from registers. */
function evaluate(
  builder: KernelBuilder,
  body: Scalar,
  point: Point,
  registers: ReadonlyMap<Value, Expression>,
  { active, shared, mask = null }: EpilogueOptions,
): Expression {
  return lowerBody(builder, body, point, {
    active,
    mask,
    fromRegister: (load) => registerOf(load, point, registers) ?? shared?.get(load),
  });
}

/** Computes maps in order; what they give is in the registers afterwards. */
export function evaluateMaps(
  builder: KernelBuilder,
  maps: readonly Compute[],
  point: Point,
  registers: Registers,
  options: EpilogueOptions,
): void {
  for (const map of maps) {
    const [value] = map.values;
    const result = evaluate(builder, map.body, point, registers, options);
    registers.set(value!, builder.let(builder.surroundings.nameOf(value!), result));
  }
}

/** Stores every value of the stages that others read, at the points where it was computed. */
export function storeGlobals(
  builder: KernelBuilder,
  group: Group,
  stages: readonly Compute[],
  point: Point,
  registers: Registers,
  options: EpilogueOptions,
): void {
  for (const stage of stages) {
    for (const value of stage.values) {
      if (group.scopes.get(value) === "global") {
        storeValue(builder, value, point, registers.get(value)!, options);
      }
    }
  }
}

/** Stores a value at its own point: the parallel axes of its node, one of which may be the vector axis. */
export function storeValue(
  builder: KernelBuilder,
  value: Value,
  point: Point,
  element: Expression,
  { active, mask = null }: EpilogueOptions,
): void {
  const index = identityIndex(value.shape.length);
  const offset = recombine(builder.indexOf(value, index).offset);
  const buffer = builder.buffer(value, "write");
  const lanes = point.vector?.lanes ?? 1;
  const step = laneStep(offset, point);
  const place = {
    buffer,
    index: step === 1 || lanes === 1 ? scalarIndex(offset, point) : vectorIndex(offset, point),
    row: null,
  };
  if (step === 0) builder.emit(store(place, element, { mask }));
  else builder.emit(store(place, broadcast(element, lanes), { mask, active }));
}

/**
 * Loads that are the same for all points along some axes: made once, before the points are gone through, and
 * found again by the body that wants them.
 */
export class SharedLoads {
  readonly #loads: Map<LoadScalar, Expression>;

  /** Has the loads of another one from the start. */
  constructor(known?: SharedLoads) {
    this.#loads = new Map(known === undefined ? [] : known.#loads);
  }

  get(load: LoadScalar): Expression | undefined {
    return this.#loads.get(load);
  }

  /** Says what a load gives that was made elsewhere. */
  set(load: LoadScalar, value: Expression): void {
    this.#loads.set(load, value);
  }

  /** Makes the loads among `loads` that do not depend on `axes`, at the point's other axes. */
  prepare(
    builder: KernelBuilder,
    loads: readonly LoadScalar[],
    axes: readonly number[],
    point: Point,
    { active, mask = null }: EpilogueOptions,
  ): void {
    for (const load of loads) {
      if (this.#loads.has(load) || dependsOn(load, axes)) continue;
      this.#loads.set(load, lowerLoad(builder, load, point, { active, mask }));
    }
  }
}

function dependsOn({ index, guard }: LoadScalar, axes: readonly number[]): boolean {
  const used = conditionAxes(guard);
  for (const place of index) axesOf(place, used);
  return axes.some((axis) => used.has(axis));
}
