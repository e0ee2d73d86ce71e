/**
 * The code of one row: passes over its points, vector by vector, as `rows-plan.ts` lays them out. A map
 * group is a row program with one pass of maps; a column sum is one with a loop inside each point.
 */

import { invariant } from "../diagnostics/diagnostic.ts";
import { type Affine, addAffine, scaleAffine, zeroAffine } from "../graph/affine.ts";
import type { Extent } from "../graph/extent.ts";
import { sizeAt } from "../graph/extent.ts";
import type { LoadScalar, Value } from "../graph/node.ts";
import { elementType } from "../kernel/algebra.ts";
import {
  add,
  and,
  broadcast,
  constant,
  less,
  load,
  multiply,
  place,
  quotient,
  ramp,
  select,
  store,
  subtract,
  vectorOf,
  when,
} from "../kernel/build.ts";
import type { Expression } from "../kernel/ir.ts";
import { identityIndex } from "../optimize/fusion/copies.ts";
import type { Group } from "../optimize/group.ts";
import { Accumulation } from "./accumulate.ts";
import { lowerBody } from "./body.ts";
import { storeValue } from "./epilogue.ts";
import {
  conditionValue,
  laneStep,
  type Point,
  recombine,
  scalarIndex,
  vectorIndex,
} from "./indexes.ts";
import { type KernelBuilder, stridesOf } from "./kernel-builder.ts";
import { extentValue } from "./micro-kernel.ts";
import { type Pass, type RowStage, type RowsPlan, readsOwnPoint } from "./rows-plan.ts";

/** One vector of points of a sweep. */
interface Position {
  /** The sweep's axes at lane 0. */
  readonly axes: readonly Expression[];
  /** Which vector of an unrolled sweep, or of a block of vectors done together. */
  readonly slot: number;
  readonly lanes: number;
  readonly active: number;
  /** Lanes that are points, where their number is only known at run time. */
  readonly mask: Expression | null;
}

/** Memory of the task that holds the values of one row, a value at each point. */
export interface RowBuffer {
  readonly name: string;
  readonly start: Expression;
}

export class RowProgram {
  readonly #builder: KernelBuilder;
  readonly #group: Group;
  readonly #plan: RowsPlan;
  readonly #stageOf = new Map<Value, RowStage>();
  readonly #buffers = new Map<Value, RowBuffer>();
  /** Of the current row: numbers of the row under slot 0, points under the slot of their vector. */
  readonly #registers = new Map<Value, Map<number, Expression>>();
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
          if (plan.buffered.has(value)) this.#declare(value);
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

  /**
   * Emits the passes of one row. `given` are values computed before, in memory: the sums of a register
   * tile.
   */
  emitRow(row: readonly Expression[], given: ReadonlyMap<Value, RowBuffer> = new Map()): void {
    this.#row = row;
    this.#registers.clear();
    for (const [value, buffer] of given) this.#buffers.set(value, buffer);
    for (const pass of this.#plan.passes) {
      const stages = pass.stages.filter(({ node }) => !given.has(node.values[0]!));
      const inMemory = pass.stages.filter(({ node }) => given.has(node.values[0]!));
      this.#emitPass({ ...pass, stages }, inMemory);
    }
  }

  #emitPass(pass: Pass, given: readonly RowStage[]): void {
    const totals = new Map<RowStage, Accumulation>();
    const { sweep, isUnrolled } = pass;
    const lanes = sweep.length === 0 ? 1 : this.#plan.lanes;
    for (const stage of pass.stages) {
      if (stage.role === "total") totals.set(stage, this.#accumulation(stage, lanes, isUnrolled));
    }
    const emit = (positions: readonly Position[]): void => {
      for (const stage of given) {
        for (const position of positions) this.#readBack(stage, position);
      }
      this.#emitPoints(pass.stages, positions, totals);
    };
    if (sweep.length === 0) {
      emit([{ axes: [], slot: 0, lanes: 1, active: 1, mask: null }]);
    } else {
      this.#emitSweep(sweep, isUnrolled, pass, emit);
    }
    for (const [stage, accumulation] of totals) this.#finishTotal(stage, accumulation);
  }

  /** The loops over the points of a sweep; the last axis runs along the lanes. */
  #emitSweep(
    sweep: readonly Extent[],
    isUnrolled: boolean,
    pass: Pass,
    emit: (positions: readonly Position[]) => void,
  ): void {
    const { lanes } = this.#plan;
    const outer = sweep.slice(0, -1);
    const last = sweep.at(-1)!;
    const visit = (axes: readonly Expression[]): void => {
      const extent = outer[axes.length];
      if (extent !== undefined) {
        const inner = (axis: Expression) => this.#scoped(() => visit([...axes, axis]));
        this.#builder.loop("i", constant(0), extentValue(extent), inner);
        return;
      }
      const at = (first: Expression, slot: number, active: number, mask: Expression | null) => ({
        axes: [...axes, add(first, constant(slot * lanes))],
        slot,
        lanes,
        active,
        mask,
      });
      const run = (first: Expression, vectors: number, active: number): void =>
        emit(
          Array.from({ length: vectors }, (_, slot) =>
            at(first, slot, slot === vectors - 1 ? active : lanes, null),
          ),
        );
      if (last.batch !== 0) {
        this.#emitOpenEnded(extentValue(last), (first, mask) => emit([at(first, 0, lanes, mask)]));
        return;
      }
      const size = last.constant;
      const vectors = Math.ceil(size / lanes);
      const lastActive = size - (vectors - 1) * lanes;
      if (isUnrolled) {
        run(constant(0), vectors, lastActive);
        return;
      }
      const block = pass.stages.some(({ role }) => role === "nested") ? 4 : 1;
      const whole = Math.floor(size / (block * lanes));
      const end = whole * block * lanes;
      if (whole > 0) {
        const body = (first: Expression) => this.#scoped(() => run(first, block, lanes));
        this.#builder.loop("i", constant(0), constant(end), body, block * lanes);
      }
      if (end < size) {
        this.#scoped(() => run(constant(end), vectors - whole * block, lastActive));
      }
    };
    visit([]);
  }

  /** Vectors up to an end that is only known at run time: whole ones, then one with a mask. */
  #emitOpenEnded(
    end: Expression,
    emit: (first: Expression, mask: Expression | null) => void,
  ): void {
    const { lanes } = this.#plan;
    const builder = this.#builder;
    const body = (first: Expression) => this.#scoped(() => emit(first, null));
    builder.loop("i", constant(0), subtract(end, constant(lanes - 1)), body, lanes);
    const first = builder.let("rest", multiply(quotient(end, lanes), constant(lanes)));
    const rest = builder.block(() =>
      this.#scoped(() => {
        const lane = add(broadcast(first, lanes), ramp(lanes));
        emit(first, builder.let("within", less(lane, end)));
      }),
    );
    builder.emit(when(less(first, end), rest));
  }

  /** What is computed inside a loop is not known after it. */
  #scoped(emit: () => void): void {
    const before = [...this.#registers].map(([value, slots]) => [value, new Map(slots)] as const);
    emit();
    this.#registers.clear();
    for (const [value, slots] of before) this.#registers.set(value, slots);
  }

  #emitPoints(
    stages: readonly RowStage[],
    positions: readonly Position[],
    totals: ReadonlyMap<RowStage, Accumulation>,
  ): void {
    for (const stage of stages) {
      if (stage.role === "nested") {
        this.#emitNested(stage, positions);
        continue;
      }
      for (const position of positions) {
        const point = this.#pointOf(stage, position);
        const kept = this.#whereOf(stage, point);
        const body = this.#lower(stage, point, { ...position, mask: and(position.mask, kept) });
        const total = totals.get(stage);
        if (total === undefined) {
          this.#keep(stage.node.values[0]!, stage, body, point, position);
          continue;
        }
        const where = and(withinLanes(position), kept);
        total.add(broadcast(body, position.lanes), () => readingOrder(stage, point), where);
      }
    }
  }

  /** A reduction at each point: its loops run once for all vectors of the block. */
  #emitNested(stage: RowStage, positions: readonly Position[]): void {
    const { node } = stage;
    const rank = node.parallel.length;
    const accumulations = positions.map(({ lanes }) => this.#accumulation(stage, lanes, false));
    const visit = (axes: readonly Expression[]): void => {
      const extent = node.reduction[axes.length];
      if (extent !== undefined) {
        const inner = (axis: Expression) => this.#scoped(() => visit([...axes, axis]));
        if (extent.batch === 0 && extent.constant === 1) visit([...axes, constant(0)]);
        else this.#builder.loop("k", constant(0), extentValue(extent), inner);
        return;
      }
      positions.forEach((position, i) => {
        const at = this.#pointOf(stage, position);
        const point = { ...at, axes: [...at.axes.slice(0, rank), ...axes] };
        const kept = this.#whereOf(stage, point);
        const body = this.#lower(stage, point, { ...position, mask: and(position.mask, kept) });
        accumulations[i]!.add(
          broadcast(body, position.lanes),
          () => readingOrder(stage, point),
          kept,
        );
      });
    };
    visit([]);
    positions.forEach((position, i) => {
      const point = this.#pointOf(stage, position);
      const results = accumulations[i]!.finish(pointsOf(stage));
      node.values.forEach((value, r) => {
        if (!this.#plan.read.has(value) && !this.#isGlobal(value)) return;
        this.#keep(value, stage, results[r]!, point, position);
      });
    });
  }

  /** Whether a point takes part in its stage's reduction; null if all do. Nothing is loaded where not. */
  #whereOf({ node }: RowStage, point: Point): Expression | null {
    const where = conditionValue(node.where, point);
    return where && this.#builder.let("where", where);
  }

  #accumulation({ node }: RowStage, lanes: number, isStraight: boolean): Accumulation {
    return new Accumulation(this.#builder, {
      reducer: node.reducer!,
      dtype: node.body.dtype,
      lanes,
      counts: node.where.kind !== "true",
      isStraight,
      wanted: node.values.map((value) => this.#plan.read.has(value) || this.#isGlobal(value)),
    });
  }

  #isGlobal(value: Value): boolean {
    return this.#group.scopes.get(value) === "global";
  }

  #finishTotal(stage: RowStage, accumulation: Accumulation): void {
    const results = accumulation.finishAcross(pointsOf(stage));
    const position = { axes: [], slot: 0, lanes: 1, active: 1, mask: null };
    const point = { ...this.#pointOf(stage, position), vector: null };
    stage.node.values.forEach((value, r) => {
      if (!this.#plan.read.has(value) && !this.#isGlobal(value)) return;
      const result = this.#builder.let(this.#builder.surroundings.nameOf(value), results[r]!);
      this.#registers.set(value, new Map([[0, result]]));
      if (this.#isGlobal(value)) {
        storeValue(this.#builder, value, point, result, { active: 1 });
      }
    });
  }

  /** Keeps what was computed at a position: in registers, and in memory where others read it. */
  #keep(
    value: Value,
    stage: RowStage,
    computed: Expression,
    point: Point,
    position: Position,
  ): void {
    const builder = this.#builder;
    const element = builder.let(builder.surroundings.nameOf(value), computed);
    const slots = this.#registers.get(value) ?? new Map<number, Expression>();
    slots.set(position.slot, element);
    this.#registers.set(value, slots);
    const { active, mask } = position;
    if (this.#isGlobal(value)) {
      storeValue(builder, value, point, element, { active, mask });
    }
    const buffer = this.#buffers.get(value);
    if (buffer === undefined) return;
    const identity = identityIndex(stage.node.parallel.length);
    const at = this.#bufferPlace(value, buffer, identity, point);
    builder.emit(store(at, broadcast(element, position.lanes), { active, mask }));
  }

  /** A value that is in memory of the task already becomes a register of the position. */
  #readBack(stage: RowStage, position: Position): void {
    const builder = this.#builder;
    const value = stage.node.values[0]!;
    const point = this.#pointOf(stage, position);
    const identity = identityIndex(stage.node.parallel.length);
    const at = this.#bufferPlace(value, this.#buffers.get(value)!, identity, point);
    const { active } = position;
    const type = vectorOf(elementType(value.dtype), position.lanes);
    const element = builder.let(builder.surroundings.nameOf(value), load(at, type, { active }));
    const slots = this.#registers.get(value) ?? new Map<number, Expression>();
    this.#registers.set(value, slots.set(position.slot, element));
    if (this.#isGlobal(value)) {
      storeValue(builder, value, point, element, { active });
    }
  }

  #lower(stage: RowStage, point: Point, position: Position): Expression {
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
    const slots = this.#registers.get(read.value);
    const isNumber = maker.role === "total" || maker.sweepAxes.length === 0;
    const register = isNumber
      ? slots?.get(0)
      : readsOwnPoint(read, reader, maker)
        ? slots?.get(position.slot)
        : undefined;
    const guard = conditionValue(read.guard, point);
    if (register !== undefined) {
      return guard === null ? register : select(guard, register, constant(0, register.type.dtype));
    }
    const buffer = this.#buffers.get(read.value);
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
    const at = this.#bufferPlace(value, buffer, index, point);
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

  #bufferPlace(value: Value, { name, start }: RowBuffer, index: readonly Affine[], point: Point) {
    const strides = stridesOf(value.shape, this.#builder.batchMax);
    const { depth } = this.#plan;
    const offset = recombine(
      index
        .slice(depth)
        .map((at, d) => scaleAffine(at, strides[depth + d]!))
        .reduce(addAffine, zeroAffine),
    );
    const step = laneStep(offset, point);
    const isRun = step === 1 || step === 0;
    const within = isRun ? scalarIndex(offset, point) : vectorIndex(offset, point);
    return { ...place(name, add(start, within)), step };
  }

  #pointOf({ node, sweepAxes }: RowStage, { axes, lanes }: Position): Point {
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
      vector: vectorAxis === undefined || lanes === 1 ? null : { axis: vectorAxis, lanes },
    };
  }
}

/** The lanes of a position that are points, as a bool; null for all. */
function withinLanes({ lanes, active, mask }: Position): Expression | null {
  const few = active < lanes ? less(ramp(lanes), constant(active)) : null;
  return and(few, mask);
}

/** The reading-order index of a point in the reduction box of its stage. */
function readingOrder({ node }: RowStage, point: Point): Expression {
  const rank = node.parallel.length;
  const lanes = point.vector?.lanes ?? 1;
  let index: Expression = constant(0);
  node.reduction.forEach((extent, r) => {
    const axis = rank + r;
    const value =
      point.vector?.axis === axis
        ? add(broadcast(point.axes[axis]!, lanes), ramp(lanes))
        : point.axes[axis]!;
    index = add(multiply(index, extentValue(extent)), value);
  });
  return index;
}

/** The number of points of a stage's reduction box. */
function pointsOf({ node }: RowStage): Expression {
  return node.reduction.map(extentValue).reduce(multiply, constant(1));
}
