/**
 * The code of one row, computed by the threads that share it: the passes of `rows-plan.ts`, each thread at every
 * T-th point of a sweep, and totals by trees over the threads.
 *
 * Threads of rows that there are not, and of points past the end of a sweep that is written out, compute the last one
 * once more and store nothing: all threads come to every barrier, and no load needs a guard of its own.
 */

import { axisAffine } from "../../graph/affine.ts";
import { elementsAt } from "../../graph/extent.ts";
import type { Value } from "../../graph/node.ts";
import {
  add,
  and,
  constant,
  less,
  literalOf,
  min,
  multiply,
  quotient,
  subtract,
  when,
} from "../../kernel/build.ts";
import type { Expression } from "../../kernel/ir.ts";
import type { Group } from "../../optimize/group.ts";
import { Accumulation } from "../accumulate.ts";
import { conditionValue, type Point, scalarIndex } from "../indexes.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import { extentValue } from "../micro-kernel.ts";
import type { Pass, RowStage } from "../rows-plan.ts";
import { joinAxes, pointsOf } from "./joined-axes.ts";
import type { WorkgroupPlan } from "./plan.ts";
import { numberPosition, type Position, type Row, WorkgroupValues } from "./row-values.ts";
import { type RowThreads, RowTree, type TreeOptions } from "./tree.ts";

export class WorkgroupProgram {
  readonly #builder: KernelBuilder;
  readonly #plan: WorkgroupPlan;
  readonly #threads: RowThreads;
  readonly #values: WorkgroupValues;
  readonly #tree: RowTree;
  /** Values in memory that no barrier has come after. */
  readonly #pending = new Set<Value>();

  /** Declares memory of the workgroup where the builder stands. */
  constructor(
    builder: KernelBuilder,
    group: Group,
    plan: WorkgroupPlan,
    threads: RowThreads,
    subgroups: TreeOptions,
  ) {
    this.#builder = builder;
    this.#plan = plan;
    this.#threads = threads;
    this.#values = new WorkgroupValues(builder, group, plan);
    this.#tree = new RowTree(builder, threads, subgroups);
  }

  emitRow(row: Row): void {
    this.#values.startRow(row);
    this.#pending.clear();
    for (const pass of this.#plan.rows.passes) this.#emitPass(pass);
    this.#values.finishRow();
  }

  /** Several rows of single numbers, all of which are loaded before anything is computed. */
  emitRows(rows: readonly Row[]): void {
    const [first] = rows;
    this.#values.startRow(first!);
    for (const { stages } of this.#plan.rows.passes) {
      rows.forEach((row, slot) => {
        this.#values.goTo(row, slot);
        this.#values.prepare(stages, numberPosition);
      });
      rows.forEach((row, slot) => {
        this.#values.goTo(row, slot);
        for (const stage of stages) this.#emitPoint(stage, numberPosition, undefined);
        this.#values.finishRow();
      });
    }
  }

  #emitPass(pass: Pass): void {
    const builder = this.#builder;
    const { sweep, stages } = pass;
    this.#waitForOthers(stages);
    const totals = new Map<RowStage, readonly Accumulation[]>();
    for (const stage of stages) {
      if (stage.role === "total") totals.set(stage, this.#accumulations(stage));
    }
    const emitAt = (positions: readonly Position[]) => {
      for (const position of positions) this.#values.prepare(stages, position);
      for (const position of positions) {
        for (const stage of stages) this.#emitPoint(stage, position, totals.get(stage));
      }
    };
    if (sweep.length === 0) emitAt([numberPosition]);
    else this.#emitSweep(pass, emitAt);
    for (const value of stages.flatMap(({ node }) => node.values)) {
      if (this.#plan.places.has(value)) this.#pending.add(value);
    }
    if (totals.size === 0) return;
    // Of one point, which every thread has seen, the total is known already.
    const isKnown = sweep.length === 0 || this.#threads.count === 1;
    const accumulations = [...totals.values()].flat();
    const fields = isKnown
      ? accumulations.map((total) => total.fields)
      : this.#tree.combine(accumulations);
    if (!isKnown && this.#tree.hasBarriers) this.#pending.clear();
    let next = 0;
    for (const [stage, lanes] of totals) {
      const points = builder.let("box", pointsOf(stage.node.reduction));
      const results = lanes.map((total) => total.finishFields(fields[next++]!, points));
      this.#keepNumbers(stage, results, numberPosition);
    }
  }

  /** A barrier, if a stage reads what another thread may not have stored yet. */
  #waitForOthers(stages: readonly RowStage[]): void {
    const isPending = stages.some((stage) =>
      this.#values.readsOfOthers(stage).some((value) => this.#pending.has(value)),
    );
    if (!isPending || this.#threads.count === 1) return;
    this.#builder.emit({ kind: "barrier" });
    this.#pending.clear();
  }

  #emitSweep({ sweep, isUnrolled }: Pass, emit: (positions: readonly Position[]) => void): void {
    const builder = this.#builder;
    const { lane: thread, count } = this.#threads;
    const run = this.#plan.lanesAlong === "points" ? this.#plan.lanes : 1;
    const own = multiply(thread, constant(run));
    const at = (i: Expression, slot: number, within: Expression | null): Position => {
      const axes = joinAxes(builder, sweep, i, this.#values.firstSweepAxis);
      return { axes, slot, lane: 0, within };
    };
    if (!isUnrolled) {
      this.#emitLoops(sweep, own, count * run, (starts) => {
        this.#values.scoped(() => emit(starts.map((i, slot) => at(i, slot, null))));
      });
      return;
    }
    const points = sweep.reduce((product, extent) => product * extent.constant, 1);
    const positions: Position[] = [];
    for (let slot = 0; slot * count * run < points; slot++) {
      const first = add(own, constant(slot * count * run));
      const isWhole = (slot + 1) * count * run <= points;
      const within = isWhole ? null : builder.let("within", less(first, constant(points)));
      const i = builder.let("i", isWhole ? first : min(first, constant(points - run)));
      const position = at(i, slot, within);
      if (this.#plan.lanes === 1) emit([position]);
      else positions.push(position);
    }
    if (positions.length > 0) emit(positions);
  }

  /** The points of a thread of a long sweep, so many steps at a time where there are as many, and then one by one. */
  #emitLoops(
    sweep: Pass["sweep"],
    own: Expression,
    step: number,
    emit: (starts: readonly Expression[]) => void,
  ): void {
    const builder = this.#builder;
    const size = pointsOf(sweep);
    const { block } = this.#plan;
    const sizeAtMost = elementsAt(sweep, builder.batchMax);
    if (block === 1 || sizeAtMost < block * step) {
      builder.loop("i", own, size, (i) => emit([i]), step);
      return;
    }
    const turn = block * step;
    const starts = (i: Expression) =>
      Array.from({ length: block }, (_, slot) => add(i, constant(slot * step)));
    const whole = multiply(quotient(size, turn), constant(turn));
    builder.loop("i", own, whole, (i) => emit(starts(i)), turn);
    if (literalOf(subtract(size, whole)) === 0) return;
    builder.loop("i", add(own, whole), size, (i) => emit([i]), step);
  }

  /** The points side by side of a stage at a position. */
  #lanesAt(stage: RowStage, position: Position): readonly Position[] {
    const count = this.#values.lanesAt(stage, position);
    return Array.from({ length: count }, (_, lane) => ({ ...position, lane }));
  }

  #emitPoint(
    stage: RowStage,
    position: Position,
    totals: readonly Accumulation[] | undefined,
  ): void {
    if (stage.role === "nested") {
      this.#emitNested(stage, position);
      return;
    }
    const lanes = this.#lanesAt(stage, position);
    if (totals !== undefined) {
      lanes.forEach((at, lane) => {
        const point = this.#values.pointOf(stage, at);
        // Points of a row are added one after the other; rows side by side have totals of their own.
        const total = totals[totals.length === 1 ? 0 : lane]!;
        const axes = at.axes.values.map((value) => this.#shifted(value, at));
        this.#accumulate(total, stage, point, at, axes);
      });
      return;
    }
    const results = lanes.map((at) => [
      this.#values.lower(stage, this.#values.pointOf(stage, at), at),
    ]);
    if (stage.sweepAxes.length === 0) this.#keepNumbers(stage, results, position);
    else this.#keepPoints(stage, results, position);
  }

  /** A point's number along a sweep. */
  #shifted(first: Expression, { lane }: Position): Expression {
    return this.#plan.lanesAlong === "points" ? add(first, constant(lane)) : first;
  }

  /** A reduction at each point, by loops of the thread's own. */
  #emitNested(stage: RowStage, position: Position): void {
    const { node } = stage;
    const lanes = this.#lanesAt(stage, position);
    const sums = lanes.map(() => this.#accumulation(stage));
    const visit = (inner: readonly Expression[]): void => {
      const extent = node.reduction[inner.length];
      if (extent === undefined) {
        if (inner.length > 0) this.#values.prepare([stage], position, inner);
        lanes.forEach((at, lane) => {
          const point = this.#values.pointOf(stage, at, inner);
          this.#accumulate(sums[lane]!, stage, point, { ...at, within: null }, inner);
        });
      } else if (extent.batch === 0 && extent.constant === 1) {
        visit([...inner, constant(0)]);
      } else {
        const loop = (axis: Expression) => this.#values.scoped(() => visit([...inner, axis]));
        this.#builder.loop("k", constant(0), extentValue(extent), loop);
      }
    };
    visit([]);
    const results = sums.map((sum) => sum.finish(pointsOf(node.reduction)));
    this.#keepPoints(stage, results, position);
  }

  /** One more point of a reduction; where it is left out nothing is loaded. */
  #accumulate(
    sum: Accumulation,
    stage: RowStage,
    point: Point,
    position: Position,
    axes: readonly Expression[],
  ): void {
    const builder = this.#builder;
    const where = and(position.within, conditionValue(stage.node.where, point));
    const emit = (): void => {
      const body = this.#values.lower(stage, point, position, where === null);
      sum.add(body, () => this.#readingOrder(stage, point, axes), null);
    };
    if (where === null) emit();
    else builder.emit(when(builder.let("where", where), builder.block(emit)));
  }

  /** The reading-order index of a point in the reduction box of its stage. */
  #readingOrder({ node, role }: RowStage, point: Point, axes: readonly Expression[]): Expression {
    // A sweep of one joined axis goes through the box in reading order.
    if (role === "total" && axes.length === 1) return axes[0]!;
    const rank = node.parallel.length;
    let index: Expression = constant(0);
    node.reduction.forEach((extent, r) => {
      const axis = scalarIndex(axisAffine(rank + r), point);
      index = add(multiply(index, extentValue(extent)), axis);
    });
    return index;
  }

  /** The results of a stage at each of the points side by side. */
  #keepPoints(
    stage: RowStage,
    results: readonly (readonly Expression[])[],
    position: Position,
  ): void {
    const points = this.#lanesAt(stage, position).map((at) => this.#values.pointOf(stage, at));
    stage.node.values.forEach((value, r) => {
      const computed = results.map((each) => each[r]!);
      if (this.#values.isWanted(value)) this.#values.keep(value, computed, points, position);
    });
  }

  #keepNumbers(
    stage: RowStage,
    results: readonly (readonly Expression[])[],
    position: Position,
  ): void {
    const own = { ...numberPosition, slot: position.slot };
    const points = this.#lanesAt(stage, own).map((at) => this.#values.pointOf(stage, at));
    stage.node.values.forEach((value, r) => {
      const computed = results.map((each) => each[r]!);
      if (this.#values.isWanted(value)) this.#values.keepNumber(value, computed, points, own);
    });
  }

  /** One for the row, or one for each of the rows side by side. */
  #accumulations(stage: RowStage): readonly Accumulation[] {
    const { lanes, lanesAlong } = this.#plan;
    const count = lanesAlong === "rows" ? lanes : 1;
    return Array.from({ length: count }, () => this.#accumulation(stage));
  }

  #accumulation({ node }: RowStage): Accumulation {
    return new Accumulation(this.#builder, {
      reducer: node.reducer!,
      dtype: node.body.dtype,
      lanes: 1,
      counts: node.where.kind !== "true",
      isStraight: false,
      wanted: node.values.map((value) => this.#values.isWanted(value)),
    });
  }
}
