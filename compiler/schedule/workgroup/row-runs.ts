/**
 * Points side by side, as threads with wide accesses compute them: four at a time, whose elements are read and written
 * by one access where they lie side by side in memory too, from a multiple of four on. All loads of a pass are made
 * before anything is computed with them, so that memory has as many requests of a thread as there are; and what
 * another pass reads again at the same points stays in registers.
 */

import { type Affine, bareAxis, zeroAffine } from "../../graph/affine.ts";
import { rangeOf } from "../../graph/affine-range.ts";
import { always, substituteCondition } from "../../graph/condition.ts";
import { loadsOf, scalarChildren } from "../../graph/context.ts";
import { isFixed, printShape } from "../../graph/extent.ts";
import type { GatherScalar, LoadScalar, Scalar, Value } from "../../graph/node.ts";
import { elementType } from "../../kernel/algebra.ts";
import { join, lane as laneOf, load, place, store } from "../../kernel/build.ts";
import type { Expression, Place } from "../../kernel/ir.ts";
import { identityIndex } from "../../optimize/fusion/copies.ts";
import { isColumn } from "../../optimize/fusion/linear-access.ts";
import { storeValue } from "../epilogue.ts";
import { axesPart, lowerGather } from "../gathers.ts";
import { conditionValue, inAxes, type Point, recombine, scalarIndex } from "../indexes.ts";
import { isStepScalar, type KernelBuilder } from "../kernel-builder.ts";
import type { RowStage } from "../rows-plan.ts";
import { runAlong } from "./contraction-runs.ts";

/** Points of a run. */
export const runLanes = 4;

/** An element for each point of a run: lanes of a vector, or one that they share. */
export type RunLoad = (lane: number) => Expression;

/** Where a run stands: the point of its first lane, and which of its axes grows from lane to lane. */
export interface Run {
  readonly point: Point;
  readonly axis: number;
}

/** How the elements at an offset lie in memory for the points of a run. */
function layoutOf(
  offset: Affine,
  { guard }: Pick<LoadScalar, "guard">,
  { point, axis }: Run,
): "run" | "same" | null {
  const { extents, batchMax, joined } = point;
  const condition =
    joined === undefined ? guard : substituteCondition(guard, (each) => joined[each]!);
  const along = { axis, extent: extents[axis]! };
  const access = { offset: inAxes(offset, point), guard: condition };
  return runAlong(runLanes, access, along, { axes: extents, batchMax });
}

export class RunLoads {
  readonly #builder: KernelBuilder;
  /** What was loaded, by place in memory. */
  #known = new Map<string, RunLoad>();
  /** What the stages of the pass load, by where they are. */
  #loads = new Map<LoadScalar, Map<string, RunLoad>>();
  /** What the points of one run have gathered together. */
  readonly #gathers = new Map<GatherScalar, RunLoad>();

  constructor(builder: KernelBuilder) {
    this.#builder = builder;
  }

  clear(): void {
    this.#known.clear();
    this.#loads.clear();
  }

  /** What is loaded inside a loop is not known after it. */
  scoped(emit: () => void): void {
    const [known, loads] = [this.#known, this.#loads];
    this.#known = new Map(known);
    this.#loads = new Map([...loads].map(([read, at]) => [read, new Map(at)]));
    emit();
    this.#known = known;
    this.#loads = loads;
  }

  /** Comes to the points of another run, or to the same ones again. */
  startRun(): void {
    this.#gathers.clear();
  }

  /**
   * An element of rows that data choose, where the row is the same for all points of a run, and they run through it: read
   * at the first of them for all. The others follow at once. `lower` gives index values.
   */
  gather(
    read: GatherScalar,
    run: Run,
    lane: number,
    lower: (scalar: Scalar) => Expression,
  ): Expression | undefined {
    if (lane > 0) return this.#gathers.get(read)?.(lane);
    if (!isWide(read.value)) return undefined;
    const part = axesPart(this.#builder, read, runLanes);
    if (part === null || layoutOf(part.offset, part, run) !== "run") return undefined;
    if (!part.computed.every((scalar) => isSame(this.#builder, scalar, run))) return undefined;
    const loaded = lowerGather(this.#builder, read, run.point, lower, {}, runLanes);
    const made: RunLoad = (number) => laneOf(loaded, number);
    this.#gathers.set(read, made);
    return made(lane);
  }

  get(read: LoadScalar, at: string): RunLoad | undefined {
    return this.#loads.get(read)?.get(at);
  }

  /** Makes the loads of a stage at a run that one access reads for all its points; `at` names the run. */
  prepare(
    { node }: RowStage,
    run: Run,
    at: string,
    /** Memory of the group's own values: null where they are in registers; undefined for other values. */
    memoryOf: (
      read: LoadScalar,
    ) => { readonly offset: Affine; readonly place: Place } | null | undefined,
  ): void {
    for (const read of loadsOf(node.body)) {
      const { value } = read;
      if (this.get(read, at) !== undefined || isUploaded(value)) continue;
      if (node.where.kind !== "true" && !staysWithin(read, run.point)) continue;
      const own = memoryOf(read);
      if (own === null) continue;
      const made = own === undefined ? this.#load(read, run, at) : this.#loadNear(read, own, run);
      if (made === null) continue;
      const places = this.#loads.get(read) ?? new Map<string, RunLoad>();
      this.#loads.set(read, places.set(at, made));
    }
  }

  #load(read: LoadScalar, run: Run, at: string): RunLoad | null {
    const builder = this.#builder;
    const { value, index, guard } = read;
    const { point } = run;
    const linear = builder.indexOf(value, index);
    const offset = recombine(linear.offset);
    const layout = layoutOf(offset, read, run);
    const isOneRow = linear.row === null || layoutOf(linear.row, read, run) === "same";
    if (layout === null || !isOneRow || (layout === "run" && !isWide(value))) return null;
    const buffer = builder.buffer(value, "read");
    const key = [
      buffer,
      linear.row?.key ?? "",
      offset.key,
      guard.key,
      printShape(point.extents),
      at,
    ].join(" ");
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const row = linear.row && scalarIndex(linear.row, point);
    const made = this.#emit(read, place(buffer, scalarIndex(offset, point), row), layout, point);
    this.#known.set(key, made);
    return made;
  }

  /** What the group has stored itself, in a row's memory. */
  #loadNear(
    read: LoadScalar,
    { offset, place: at }: { readonly offset: Affine; readonly place: Place },
    run: Run,
  ): RunLoad | null {
    const layout = layoutOf(offset, read, run);
    if (layout === null || (layout === "run" && !isWide(read.value))) return null;
    return this.#emit(read, at, layout, run.point);
  }

  #emit({ value, guard }: LoadScalar, at: Place, layout: "run" | "same", point: Point): RunLoad {
    const builder = this.#builder;
    const type = { dtype: elementType(value.dtype), lanes: layout === "run" ? runLanes : 1 };
    const mask = conditionValue(guard, point);
    const hint = builder.surroundings.nameOf(value);
    const loaded = builder.let(hint, load(at, type, { mask }));
    return layout === "run" ? (number) => laneOf(loaded, number) : () => loaded;
  }
}

/** Whether a scalar is the same at all points of a run. */
function isSame(builder: KernelBuilder, scalar: Scalar, run: Run): boolean {
  switch (scalar.kind) {
    case "index":
      return layoutOf(recombine(scalar.index), { guard: always }, run) === "same";
    case "condition":
      return layoutOf(zeroAffine, { guard: scalar.condition }, run) === "same";
    case "random":
      return layoutOf(recombine(scalar.index), { guard: always }, run) === "same";
    case "load": {
      const { row, offset } = builder.indexOf(scalar.value, scalar.index);
      const parts = row === null ? [offset] : [offset, row];
      return parts.every((part) => layoutOf(recombine(part), scalar, run) === "same");
    }
    default:
      return scalarChildren(scalar).every((child) => isSame(builder, child, run));
  }
}

/** Step scalars are no memory. */
function isUploaded({ node }: Value): boolean {
  return node.kind === "leaf" && isStepScalar(node);
}

/** Bools have no vectors in memory, and rows of data no certain alignment. */
function isWide(value: Value): boolean {
  return value.dtype !== "bool" && !isColumn(value);
}

/** Whether a load may be made at all points of its box, also those that its stage leaves out. */
function staysWithin({ value, index }: LoadScalar, point: Point): boolean {
  return index.every((at, d) => {
    const extent = value.shape[d]!;
    const own = inAxes(at, point);
    if (!isFixed(extent)) {
      const axis = bareAxis(own);
      return axis !== undefined && point.extents[axis]!.batch === extent.batch;
    }
    const { min, max } = rangeOf(own, point.extents, point.batchMax);
    return min >= 0 && max < extent.constant;
  });
}

/** Whether the elements of a value at an offset are one access for the points of a run. */
export function isRun(value: Value, offset: Affine, run: Run): boolean {
  return isWide(value) && layoutOf(offset, { guard: always }, run) === "run";
}

/** Elements of a value at the points of a run. */
export interface RunElements {
  readonly points: readonly Point[];
  readonly elements: readonly Expression[];
  readonly mask: Expression | null;
}

/** Stores the elements of a value at the points of a run: by one access if they lie side by side. */
export function storeRun(
  builder: KernelBuilder,
  value: Value,
  run: Run,
  { points, elements, mask }: RunElements,
): void {
  const index = identityIndex(value.shape.length);
  const offset = recombine(builder.indexOf(value, index).offset);
  if (isRun(value, offset, run)) {
    const buffer = builder.buffer(value, "write");
    const at = place(buffer, scalarIndex(offset, run.point));
    builder.emit(store(at, join(elements), { mask }));
    return;
  }
  elements.forEach((element, i) => {
    storeValue(builder, value, points[i]!, element, { active: 1, mask });
  });
}
