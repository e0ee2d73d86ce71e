/**
 * Where the values of a row are while it is computed: numbers of the row and points of unrolled sweeps in
 * registers, points that other passes read in memory of the task, and in their own memory what others want.
 */

import { invariant } from "../diagnostics/diagnostic.ts";
import { type Affine, addAffine, scaleAffine, zeroAffine } from "../graph/affine.ts";
import { sizeAt } from "../graph/extent.ts";
import type { LoadScalar, Value } from "../graph/node.ts";
import { elementType } from "../kernel/algebra.ts";
import {
  add,
  and,
  broadcast,
  constant,
  literalOf,
  load,
  place,
  select,
  store,
  vectorOf,
} from "../kernel/build.ts";
import type { Expression } from "../kernel/ir.ts";
import { identityIndex } from "../optimize/fusion/copies.ts";
import type { Group } from "../optimize/group.ts";
import { isWithinVector, loadByPlaces, lowerBody } from "./body.ts";
import { storeValue } from "./epilogue.ts";
import {
  conditionValue,
  lanePlaces,
  laneStep,
  type Point,
  recombine,
  scalarIndex,
  vectorIndex,
} from "./indexes.ts";
import { type KernelBuilder, stridesOf } from "./kernel-builder.ts";
import { RowRegisters } from "./row-registers.ts";
import { type RowStage, type RowsPlan, readsOwnPoint } from "./rows-plan.ts";
import type { Position } from "./rows-sweep.ts";

/** Memory of the task that holds the values of one row, a value at each point. */
export interface RowBuffer {
  readonly name: string;
  readonly start: Expression;
}

export class RowValues {
  readonly #builder: KernelBuilder;
  readonly #group: Group;
  readonly #plan: RowsPlan;
  readonly #stageOf = new Map<Value, RowStage>();
  readonly #buffers = new Map<Value, RowBuffer>();
  readonly #registers = new RowRegisters();
  #row: readonly Expression[] = [];

  /** Declares the task's memory where the builder stands. */
  constructor(builder: KernelBuilder, group: Group, plan: RowsPlan) {
    this.#builder = builder;
    this.#group = group;
    this.#plan = plan;
    for (const pass of plan.passes) {
      for (const stage of pass.stages) {
        for (const value of stage.node.values) {
          this.#stageOf.set(value, stage);
          // What others want is in their memory, where the row finds it again.
          if (plan.buffered.has(value) && !this.isGlobal(value)) this.#declare(value);
        }
      }
    }
  }

  #declare(value: Value): void {
    const points = value.shape
      .slice(this.#plan.depth)
      .reduce((product, extent) => product * sizeAt(extent, this.#builder.batchMax), 1);
    const name = this.#builder.local(
      `${this.#builder.surroundings.nameOf(value)}_row`,
      elementType(value.dtype),
      points + this.#plan.lanes,
    );
    this.#buffers.set(value, { name, start: constant(0) });
  }

  /** Goes to another row. `given` are values that are in memory of the task already. */
  startRow(row: readonly Expression[], given: ReadonlyMap<Value, RowBuffer>): void {
    this.#row = row;
    this.#registers.clear();
    for (const [value, buffer] of given) this.#buffers.set(value, buffer);
  }

  /** What is computed inside a loop is not known after it. */
  scoped(emit: () => void): void {
    this.#registers.scoped(emit);
  }

  isGlobal(value: Value): boolean {
    return this.#group.scopes.get(value) === "global";
  }

  /** Whether anything reads a value. */
  isWanted(value: Value): boolean {
    return this.#plan.read.has(value) || this.isGlobal(value);
  }

  /** Keeps what was computed at a position: in registers, and in memory where others read it. */
  keep(value: Value, computed: Expression, point: Point, position: Position): void {
    const builder = this.#builder;
    const element = builder.let(builder.surroundings.nameOf(value), computed);
    const { slot, lanes, active, mask } = position;
    this.#registers.set(value, slot, element);
    if (this.isGlobal(value)) storeValue(builder, value, point, element, { active, mask });
    const buffer = this.#buffers.get(value);
    if (buffer === undefined) return;
    const at = this.#bufferPlace(value, buffer, identityIndex(value.shape.length), point);
    builder.emit(store(at, broadcast(element, lanes), { active, mask }));
  }

  /** A value that was given in memory becomes a register of the position, and is stored if others want it. */
  readBack(value: Value, point: Point, { slot, lanes, active }: Position): void {
    const builder = this.#builder;
    const identity = identityIndex(value.shape.length);
    const at = this.#bufferPlace(value, this.#buffers.get(value)!, identity, point);
    const type = vectorOf(elementType(value.dtype), lanes);
    const element = builder.let(builder.surroundings.nameOf(value), load(at, type, { active }));
    this.#registers.set(value, slot, element);
    if (this.isGlobal(value)) storeValue(builder, value, point, element, { active });
  }

  /** The body of a stage at a point. */
  lower(stage: RowStage, point: Point, position: Position): Expression {
    const { active, mask } = position;
    return lowerBody(this.#builder, stage.node.body, point, {
      active,
      mask,
      fromRegister: (read) => this.#near(read, stage, point, position),
    });
  }

  /** A load of a value that the group makes; undefined for others. */
  #near(
    read: LoadScalar,
    reader: RowStage,
    point: Point,
    position: Position,
  ): Expression | undefined {
    const maker = this.#stageOf.get(read.value);
    if (maker === undefined) return undefined;
    const isNumber = maker.role === "total" || maker.sweepAxes.length === 0;
    const register = isNumber
      ? this.#registers.get(read.value, 0)
      : readsOwnPoint(read, reader, maker)
        ? this.#registers.get(read.value, position.slot)
        : undefined;
    const guard = conditionValue(read.guard, point);
    if (guard !== null && literalOf(guard) === 0) {
      return constant(0, elementType(read.value.dtype));
    }
    if (register !== undefined) {
      return guard === null ? register : select(guard, register, constant(0, register.type.dtype));
    }
    const buffer = this.#buffers.get(read.value);
    if (buffer === undefined && this.isGlobal(read.value)) return undefined;
    invariant(buffer !== undefined, "a value of a row is neither in registers nor in memory");
    return this.#loadNear(read, buffer, point, position, guard);
  }

  #loadNear(
    { value, index }: LoadScalar,
    buffer: RowBuffer,
    point: Point,
    { active, mask }: Position,
    guard: Expression | null,
  ): Expression {
    const whole = and(mask, guard);
    // A condition of each lane is of its own place, not of the one that a vector in memory has there.
    const isUniform = (whole?.type.lanes ?? 1) === 1;
    const at = this.#bufferPlace(value, buffer, index, point, isUniform);
    const { places } = at;
    if (places !== null) {
      const dtype = elementType(value.dtype);
      return loadByPlaces(this.#builder, at, dtype, places, "near", { active, mask: whole });
    }
    const lanes = at.step === 0 ? 1 : (point.vector?.lanes ?? 1);
    const condition = and(lanes === 1 ? null : mask, guard);
    const dtype = elementType(value.dtype);
    const wide = condition !== null && condition.type.lanes > lanes ? condition.type.lanes : lanes;
    const type = vectorOf(dtype, wide);
    const source = wide > lanes ? { ...at, index: broadcast(at.index, wide) } : at;
    return this.#builder.let(
      "near",
      load(source, type, { mask: condition, active: wide === 1 ? 1 : active }),
    );
  }

  /** Where lanes lie; their places in a vector only `asVector`, else each by its own index. */
  #bufferPlace(
    value: Value,
    { name, start }: RowBuffer,
    index: readonly Affine[],
    point: Point,
    asVector = true,
  ) {
    const strides = stridesOf(value.shape, this.#builder.batchMax);
    const { depth } = this.#plan;
    const offset = recombine(
      index
        .slice(depth)
        .map((at, d) => scaleAffine(at, strides[depth + d]!))
        .reduce(addAffine, zeroAffine),
    );
    const step = laneStep(offset, point);
    const known = step === null && asVector ? lanePlaces(offset, point) : null;
    const places = known !== null && isWithinVector(known) ? known : null;
    const isRun = step === 1 || step === 0 || places !== null;
    const within = isRun ? scalarIndex(offset, point) : vectorIndex(offset, point);
    return { ...place(name, add(start, within)), step, places };
  }

  /** The axes of a stage at a position of its sweep. */
  pointOf({ node, sweepAxes }: RowStage, { axes, lanes }: Position): Point {
    const extents = [...node.parallel, ...node.reduction];
    const values = extents.map((_, axis) =>
      axis < this.#plan.depth ? this.#row[axis]! : constant(0),
    );
    sweepAxes.forEach((axis, i) => {
      values[axis] = axes[i] ?? constant(0);
    });
    const vectorAxis = sweepAxes.at(-1);
    return {
      extents,
      batchMax: this.#builder.batchMax,
      axes: values,
      // Vectors of a sweep follow each other from its first point on.
      vector:
        vectorAxis === undefined || lanes === 1
          ? null
          : { axis: vectorAxis, lanes, isAligned: true },
    };
  }
}
