/**
 * Where the values of a row are while threads compute it: numbers of the row in the registers of every thread, points
 * of sweeps that are written out in the registers of the thread that computed them, and what other points or other
 * passes read in memory: shared, or global where there is too much of it.
 *
 * A thread may compute four points side by side, of a sweep or of the rows themselves: then there is a value in registers
 * for each of these lanes, and memory is accessed by vectors where it can be (`row-runs.ts`).
 */

import { invariant } from "../../diagnostics/diagnostic.ts";
import { type Affine, addAffine, axisAffine, scaleAffine, zeroAffine } from "../../graph/affine.ts";
import { loadsOf } from "../../graph/context.ts";
import { elementsAt, printShape } from "../../graph/extent.ts";
import type { LoadScalar, Value } from "../../graph/node.ts";
import { elementType } from "../../kernel/algebra.ts";
import {
  add,
  and,
  constant,
  join,
  load,
  multiply,
  place,
  select,
  store,
  vectorOf,
} from "../../kernel/build.ts";
import type { Expression, Place as MemoryPlace } from "../../kernel/ir.ts";
import { identityIndex } from "../../optimize/fusion/copies.ts";
import type { Group } from "../../optimize/group.ts";
import { lowerBody, lowerLoad } from "../body.ts";
import { storeValue } from "../epilogue.ts";
import { conditionValue, type Point, recombine, scalarIndex } from "../indexes.ts";
import { type KernelBuilder, type Scratch, stridesOf } from "../kernel-builder.ts";
import { RowRegisters } from "../row-registers.ts";
import { type RowStage, readsOwnPoint } from "../rows-plan.ts";
import { type JoinedAxes, joinAxes } from "./joined-axes.ts";
import type { Place, WorkgroupPlan } from "./plan.ts";
import { isRun, type Run, RunLoads, storeRun } from "./row-runs.ts";

/** One point of a sweep, as a thread computes it; a number of the row has no axes. */
export interface Position {
  readonly axes: JoinedAxes;
  /** Which of the thread's points that are written out, or of their runs. */
  readonly slot: number;
  /** Which of the points side by side that a thread computes; 0 where it computes one. */
  readonly lane: number;
  /** Whether it is a point of the sweep, or one computed again to no purpose; null if it always is. */
  readonly within: Expression | null;
}

export const numberPosition: Position = {
  axes: { extents: [], values: [], axes: [] },
  slot: 0,
  lane: 0,
  within: null,
};

/** The row that a thread works on. */
export interface Row {
  /** Its number among all rows, always one that there is; or that of the first of a run of them. */
  readonly number: Expression;
  /** Its number among the rows of the workgroup. */
  readonly slot: Expression;
  /** Whether its results are wanted: the last workgroup computes its last row several times; null if always. */
  readonly isWanted: Expression | null;
  /** Whether this thread stores numbers of the row; null if it is the only one. */
  readonly isFirst: Expression | null;
}

interface Memory {
  readonly place: Place;
  /** The buffer, but for values that are read back from their own memory. */
  readonly name: string | null;
  /** Where scratch, of which every row has a part. */
  readonly scratch: Scratch | null;
}

export class WorkgroupValues {
  readonly #builder: KernelBuilder;
  readonly #group: Group;
  readonly #plan: WorkgroupPlan;
  readonly #stageOf = new Map<Value, RowStage>();
  readonly #memory = new Map<Value, Memory>();
  readonly #registers = new RowRegisters();
  readonly #loads: RunLoads;
  /** Memory that the group stores in. */
  readonly #written: ReadonlySet<Value>;
  /** Numbers of the row that others want: stored last, when all threads have read what they overwrite. */
  readonly #results: {
    readonly value: Value;
    readonly points: readonly Point[];
    readonly elements: readonly Expression[];
  }[] = [];
  #row: Row | null = null;
  #rowAxes: JoinedAxes = numberPosition.axes;
  /** Which of the rows that the thread computes at once. */
  #rowSlot = 0;

  /** Declares memory of the workgroup where the builder stands. */
  constructor(builder: KernelBuilder, group: Group, plan: WorkgroupPlan) {
    this.#builder = builder;
    this.#group = group;
    this.#plan = plan;
    this.#loads = new RunLoads(builder);
    this.#written = new Set(group.writes.map((value) => this.#memoryOf(value)));
    for (const { stages } of plan.rows.passes) {
      for (const stage of stages) {
        for (const value of stage.node.values) {
          this.#stageOf.set(value, stage);
          const where = plan.places.get(value);
          if (where !== undefined) this.#memory.set(value, this.#declare(value, where));
        }
      }
    }
  }

  #declare(value: Value, where: Place): Memory {
    const dtype = elementType(value.dtype);
    const hint = `${this.#builder.surroundings.nameOf(value)}_row`;
    if (where.kind !== "global") {
      const name = this.#builder.name(hint);
      const rows = where.kind === "shared" ? this.#plan.rowsPerGroup : 1;
      const elements = rows * where.points;
      this.#builder.emit({ kind: "buffer", name, scope: where.kind, dtype, elements });
      return { place: where, name, scratch: null };
    }
    if (this.isGlobal(value)) return { place: where, name: null, scratch: null };
    const rows = elementsAt(this.#plan.rowAxes, this.#builder.batchMax);
    const scratch = { name: hint, dtype, elements: rows * where.points };
    return { place: where, name: null, scratch };
  }

  startRow(row: Row): void {
    this.goTo(row, 0);
    this.#registers.clear();
    this.#loads.clear();
    this.#results.length = 0;
  }

  /** Goes on with another of the rows that the thread computes at once; what is known of the others stays. */
  goTo(row: Row, slot: number): void {
    this.#row = row;
    this.#rowSlot = slot;
    this.#rowAxes = joinAxes(this.#builder, this.#plan.rowAxes, row.number, 0);
  }

  /** What is computed inside a loop is not known after it. */
  scoped(emit: () => void): void {
    this.#loads.scoped(() => this.#registers.scoped(emit));
  }

  /** The points side by side that a thread computes of a stage at a position. */
  lanesAt({ sweepAxes }: RowStage, { axes }: Position): number {
    const { lanes, lanesAlong } = this.#plan;
    const isRun = lanesAlong === "rows" || (sweepAxes.length > 0 && axes.extents.length > 0);
    return isRun ? lanes : 1;
  }

  /** Loads what stages of one pass read at a position, as far as one access reads it for all lanes. */
  prepare(
    stages: readonly RowStage[],
    position: Position,
    inner: readonly Expression[] = [],
  ): void {
    const makers = new Set(stages);
    for (const stage of stages) {
      // What a loop of the stage's own reads is loaded in it.
      const isOutside = stage.role === "nested" && inner.length === 0;
      if (isOutside || this.lanesAt(stage, position) === 1) continue;
      const run = this.#runAt(this.pointOf(stage, position, inner));
      this.#loads.prepare(stage, run, this.#placeName(position), (read) => {
        if (this.#maskOf(read, position) !== null) return null;
        const maker = this.#stageOf.get(read.value);
        if (maker === undefined) return undefined;
        const memory = this.#memory.get(read.value);
        const isKnown = this.#registerOf(read, stage, maker, position) !== undefined;
        if (isKnown || makers.has(maker) || memory === undefined) return null;
        // What is read back from its own memory is loaded as others' values are.
        if (memory.name === null && memory.scratch === null) return undefined;
        if (memory.place.points % this.#plan.lanes !== 0) return null;
        const offset = this.#withinRow(read.value, read.index);
        return { offset, place: this.#placeOf(read.value, memory, read.index, run.point, "read") };
      });
    }
  }

  #runAt(point: Point): Run {
    return { point, axis: this.#plan.lanesAlong === "rows" ? 0 : this.firstSweepAxis };
  }

  /** Sweeps over rows of other lengths stand elsewhere: threads beyond the end of the shorter one repeat its last points. */
  #placeName({ slot, axes }: Position): string {
    return `${this.#rowSlot} ${slot} ${printShape(axes.extents)}`;
  }

  /** Under which a value is kept in registers. */
  #registerSlot(isNumber: boolean, { slot, lane }: Position): number {
    const { lanes, lanesAlong } = this.#plan;
    if (!isNumber) return slot * lanes + lane;
    return lanesAlong === "rows" ? this.#rowSlot * lanes + lane : 0;
  }

  isGlobal(value: Value): boolean {
    return this.#group.scopes.get(value) === "global";
  }

  /** Whether anything reads a value. */
  isWanted(value: Value): boolean {
    return this.#plan.rows.read.has(value) || this.isGlobal(value);
  }

  /** The values that a stage reads at points which other threads have computed. */
  readsOfOthers(stage: RowStage): readonly Value[] {
    return loadsOf(stage.node.body).flatMap((read) => {
      const maker = this.#stageOf.get(read.value);
      const isOther = maker !== undefined && !readsOwnPoint(read, stage, maker);
      return isOther ? [read.value] : [];
    });
  }

  /** Where a stage stands at a position of its sweep, with its own loops at `inner`. */
  pointOf(
    { node, sweepAxes }: RowStage,
    { axes: { extents, values, axes }, lane }: Position,
    inner: readonly Expression[] = [],
  ): Point {
    const { depth } = this.#plan.rows;
    const row = this.#rowAxes;
    const shifted = (numbers: readonly Expression[], along: WorkgroupPlan["lanesAlong"]) =>
      along === this.#plan.lanesAlong ? numbers.map((at) => add(at, constant(lane))) : numbers;
    const rank = node.parallel.length;
    const first = row.extents.length + extents.length;
    const joined = [...node.parallel, ...node.reduction].map((_, axis): Affine => {
      if (axis < depth) return row.axes[axis]!;
      const swept = sweepAxes.indexOf(axis);
      if (swept >= 0) return axes[swept] ?? zeroAffine;
      const nested = axis - rank;
      return nested >= 0 && nested < inner.length ? axisAffine(first + nested) : zeroAffine;
    });
    const nestedExtents = node.reduction.slice(0, inner.length);
    return {
      extents: [...row.extents, ...extents, ...nestedExtents],
      batchMax: this.#builder.batchMax,
      axes: [...shifted(row.values, "rows"), ...shifted(values, "points"), ...inner],
      vector: null,
      joined,
    };
  }

  /** Number of axes that the row is fixed by: those of a sweep are counted from there. */
  get firstSweepAxis(): number {
    return this.#rowAxes.extents.length;
  }

  /** Keeps what was computed at points side by side: in registers, and in memory where others read it. */
  keep(
    value: Value,
    computed: readonly Expression[],
    points: readonly Point[],
    position: Position,
  ): void {
    const builder = this.#builder;
    const elements = this.#name(value, computed, false, position);
    const { within } = position;
    const mask = and(this.#row!.isWanted, within);
    if (this.isGlobal(value)) this.#store(value, points, elements, mask);
    const memory = this.#memory.get(value);
    if (memory === undefined || (memory.name === null && memory.scratch === null)) return;
    const isOwn = memory.place.kind !== "global";
    const options = { mask: isOwn ? within : mask };
    const index = identityIndex(value.shape.length);
    const placeAt = (point: Point) => this.#placeOf(value, memory, index, point, "write");
    const isAligned = elements.length > 1 && memory.place.points % elements.length === 0;
    if (isAligned && isRun(value, this.#withinRow(value, index), this.#runAt(points[0]!))) {
      builder.emit(store(placeAt(points[0]!), join(elements), options));
    } else {
      elements.forEach((element, i) => {
        builder.emit(store(placeAt(points[i]!), element, options));
      });
    }
  }

  /** Keeps a number of the row, or of each row of a run. */
  keepNumber(
    value: Value,
    computed: readonly Expression[],
    points: readonly Point[],
    position: Position,
  ): void {
    const elements = this.#name(value, computed, true, position);
    if (this.isGlobal(value)) this.#results.push({ value, points, elements });
  }

  #name(
    value: Value,
    computed: readonly Expression[],
    isNumber: boolean,
    position: Position,
  ): readonly Expression[] {
    const builder = this.#builder;
    return computed.map((each, lane) => {
      const element = builder.let(builder.surroundings.nameOf(value), each);
      this.#registers.set(value, this.#registerSlot(isNumber, { ...position, lane }), element);
      return element;
    });
  }

  /** Stores elements in the value's own memory. */
  #store(
    value: Value,
    points: readonly Point[],
    elements: readonly Expression[],
    mask: Expression | null,
  ): void {
    const [point] = points;
    const [element] = elements;
    if (elements.length === 1) {
      storeValue(this.#builder, value, point!, element!, { active: 1, mask });
    } else storeRun(this.#builder, value, this.#runAt(point!), { points, elements, mask });
  }

  #memoryOf(value: Value): Value {
    return this.#builder.surroundings.placeOf(value).memory;
  }

  /** What is computed again to no purpose must not be read where another thread may overwrite it. */
  #maskOf({ value }: LoadScalar, { within }: Position): Expression | null {
    const isMade = this.#stageOf.has(value);
    return isMade || !this.#written.has(this.#memoryOf(value))
      ? null
      : and(this.#row!.isWanted, within);
  }

  /** Stores the numbers of the row. */
  finishRow(): void {
    const { isFirst, isWanted } = this.#row!;
    const read = new Set(this.#group.reads.map((value) => this.#memoryOf(value)));
    const overwrites = this.#results.some(({ value }) => read.has(this.#memoryOf(value)));
    if (overwrites && isFirst !== null) this.#builder.emit({ kind: "barrier" });
    for (const { value, points, elements } of this.#results) {
      this.#store(value, points, elements, and(isWanted, isFirst));
    }
    this.#results.length = 0;
  }

  /** The body of a stage at a point; `together` with those of the run's other points, which then stand in the same block. */
  lower(stage: RowStage, point: Point, position: Position, together = true): Expression {
    const isRun = together && this.lanesAt(stage, position) > 1;
    if (position.lane === 0) this.#loads.startRun();
    return lowerBody(this.#builder, stage.node.body, point, {
      fromRun: (gather, lower) => {
        const { lane } = position;
        return isRun ? this.#loads.gather(gather, this.#runAt(point), lane, lower) : undefined;
      },
      fromRegister: (read) => {
        const mask = this.#maskOf(read, position);
        if (mask !== null) return lowerLoad(this.#builder, read, point, { mask });
        return (
          this.#near(read, stage, point, position) ??
          this.#loads.get(read, this.#placeName(position))?.(position.lane)
        );
      },
    });
  }

  /** Where the group has made a value at the point where it is read, what it is there. */
  #registerOf(
    read: LoadScalar,
    reader: RowStage,
    maker: RowStage,
    position: Position,
  ): Expression | undefined {
    const isNumber = maker.role === "total" || maker.sweepAxes.length === 0;
    if (!isNumber && !readsOwnPoint(read, reader, maker)) return undefined;
    return this.#registers.get(read.value, this.#registerSlot(isNumber, position));
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
    const register = this.#registerOf(read, reader, maker, position);
    if (register !== undefined) {
      const guard = conditionValue(read.guard, point);
      return guard === null ? register : select(guard, register, constant(0, register.type.dtype));
    }
    const loaded = this.#loads.get(read, this.#placeName(position));
    if (loaded !== undefined) return loaded(position.lane);
    const memory = this.#memory.get(read.value);
    invariant(memory !== undefined, "a value of a row is neither in registers nor in memory");
    if (memory.name === null && memory.scratch === null) {
      return lowerLoad(this.#builder, read, point);
    }
    const at = this.#placeOf(read.value, memory, read.index, point, "read");
    const mask = conditionValue(read.guard, point);
    const type = vectorOf(elementType(read.value.dtype), 1);
    return this.#builder.let("near", load(at, type, { mask }));
  }

  #placeOf(
    value: Value,
    { place: where, name, scratch }: Memory,
    index: readonly Affine[],
    point: Point,
    access: "read" | "write",
  ): MemoryPlace {
    const builder = this.#builder;
    const within = scalarIndex(this.#withinRow(value, index), point);
    const { number, slot } = this.#row!;
    const row = where.kind === "global" ? number : where.kind === "shared" ? slot : constant(0);
    const buffer = scratch === null ? name! : builder.scratch(scratch, access);
    return place(buffer, add(multiply(row, constant(where.points)), within));
  }

  /** An element of a value as a function of the row's own points. */
  #withinRow(value: Value, index: readonly Affine[]): Affine {
    const { depth } = this.#plan.rows;
    const strides = stridesOf(value.shape, this.#builder.batchMax);
    const offset = index
      .slice(depth)
      .map((at, d) => scaleAffine(at, strides[depth + d]!))
      .reduce(addAffine, zeroAffine);
    return recombine(offset);
  }
}
