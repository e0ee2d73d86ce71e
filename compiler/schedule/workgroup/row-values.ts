/**
 * Where the values of a row are while threads compute it: numbers of the row in the registers of every thread, points
 * of sweeps that are written out in the registers of the thread that computed them, and what other points or other
 * passes read in memory: shared, or global where there is too much of it.
 */

import { invariant } from "../../diagnostics/diagnostic.ts";
import { type Affine, addAffine, axisAffine, scaleAffine, zeroAffine } from "../../graph/affine.ts";
import { loadsOf } from "../../graph/context.ts";
import { elementsAt } from "../../graph/extent.ts";
import type { LoadScalar, Value } from "../../graph/node.ts";
import { elementType } from "../../kernel/algebra.ts";
import {
  add,
  and,
  constant,
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

/** One point of a sweep, as a thread computes it; a number of the row has no axes. */
export interface Position {
  readonly axes: JoinedAxes;
  /** Which of the thread's points that are written out. */
  readonly slot: number;
  /** Whether it is a point of the sweep, or one computed again to no purpose; null if it always is. */
  readonly within: Expression | null;
}

export const numberPosition: Position = {
  axes: { extents: [], values: [], axes: [] },
  slot: 0,
  within: null,
};

/** The row that a thread works on. */
export interface Row {
  /** Its number among all rows, always one that there is. */
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
  /** Numbers of the row that others want: stored last, when all threads have read what they overwrite. */
  readonly #results: (readonly [value: Value, point: Point, element: Expression])[] = [];
  #row: Row | null = null;
  #rowAxes: JoinedAxes = numberPosition.axes;

  /** Declares memory of the workgroup where the builder stands. */
  constructor(builder: KernelBuilder, group: Group, plan: WorkgroupPlan) {
    this.#builder = builder;
    this.#group = group;
    this.#plan = plan;
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
    this.#row = row;
    this.#rowAxes = joinAxes(this.#builder, this.#plan.rowAxes, row.number, 0);
    this.#registers.clear();
    this.#results.length = 0;
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
    { axes: { extents, values, axes } }: Position,
    inner: readonly Expression[] = [],
  ): Point {
    const { depth } = this.#plan.rows;
    const row = this.#rowAxes;
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
      axes: [...row.values, ...values, ...inner],
      vector: null,
      joined,
    };
  }

  /** Number of axes that the row is fixed by: those of a sweep are counted from there. */
  get firstSweepAxis(): number {
    return this.#rowAxes.extents.length;
  }

  /** Keeps what was computed at a point: in registers, and in memory where others read it. */
  keep(value: Value, computed: Expression, point: Point, { slot, within }: Position): void {
    const builder = this.#builder;
    const element = builder.let(builder.surroundings.nameOf(value), computed);
    this.#registers.set(value, slot, element);
    const mask = and(this.#row!.isWanted, within);
    if (this.isGlobal(value)) storeValue(builder, value, point, element, { active: 1, mask });
    const memory = this.#memory.get(value);
    if (memory === undefined || (memory.name === null && memory.scratch === null)) return;
    const at = this.#placeOf(value, memory, identityIndex(value.shape.length), point, "write");
    const isOwn = memory.place.kind !== "global";
    builder.emit(store(at, element, { mask: isOwn ? within : mask }));
  }

  /** Keeps a number of the row. */
  keepNumber(value: Value, computed: Expression, point: Point): void {
    const builder = this.#builder;
    const element = builder.let(builder.surroundings.nameOf(value), computed);
    this.#registers.set(value, 0, element);
    if (this.isGlobal(value)) this.#results.push([value, point, element]);
  }

  /** Stores the numbers of the row. */
  finishRow(): void {
    const { stored } = this.#builder.surroundings;
    const { isFirst, isWanted } = this.#row!;
    const rootOf = (value: Value) => stored.get(value) ?? value;
    const read = new Set(this.#group.reads.map(rootOf));
    const overwrites = this.#results.some(([value]) => read.has(rootOf(value)));
    if (overwrites && isFirst !== null) this.#builder.emit({ kind: "barrier" });
    for (const [value, point, element] of this.#results) {
      const mask = and(isWanted, isFirst);
      storeValue(this.#builder, value, point, element, { active: 1, mask });
    }
  }

  /** The body of a stage at a point. */
  lower(stage: RowStage, point: Point, position: Position): Expression {
    return lowerBody(this.#builder, stage.node.body, point, {
      fromRegister: (read) => this.#near(read, stage, point, position),
    });
  }

  /** A load of a value that the group makes; undefined for others. */
  #near(
    read: LoadScalar,
    reader: RowStage,
    point: Point,
    { slot }: Position,
  ): Expression | undefined {
    const maker = this.#stageOf.get(read.value);
    if (maker === undefined) return undefined;
    const isNumber = maker.role === "total" || maker.sweepAxes.length === 0;
    const isOwn = !isNumber && readsOwnPoint(read, reader, maker);
    const register =
      isNumber || isOwn ? this.#registers.get(read.value, isNumber ? 0 : slot) : undefined;
    if (register !== undefined) {
      const guard = conditionValue(read.guard, point);
      return guard === null ? register : select(guard, register, constant(0, register.type.dtype));
    }
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
    const { depth } = this.#plan.rows;
    const strides = stridesOf(value.shape, builder.batchMax);
    const offset = index
      .slice(depth)
      .map((at, d) => scaleAffine(at, strides[depth + d]!))
      .reduce(addAffine, zeroAffine);
    const within = scalarIndex(recombine(offset), point);
    const { number, slot } = this.#row!;
    const row = where.kind === "global" ? number : where.kind === "shared" ? slot : constant(0);
    const buffer = scratch === null ? name! : builder.scratch(scratch, access);
    return place(buffer, add(multiply(row, constant(where.points)), within));
  }
}
