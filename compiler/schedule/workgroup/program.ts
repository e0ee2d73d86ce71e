/**
 * The code of one row, computed by the threads that share it: the passes of `rows-plan.ts`, each thread at every
 * T-th point of a sweep, and totals by trees over the threads.
 *
 * Threads of rows that there are not, and of points past the end of a sweep that is written out, compute the last one
 * once more and store nothing: all threads come to every barrier, and no load needs a guard of its own.
 */

import { axisAffine } from "../../graph/affine.ts";
import type { Value } from "../../graph/node.ts";
import { add, and, constant, less, min, multiply, when } from "../../kernel/build.ts";
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
import { type RowThreads, RowTree } from "./tree.ts";

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
    withSubgroups: boolean,
  ) {
    this.#builder = builder;
    this.#plan = plan;
    this.#threads = threads;
    this.#values = new WorkgroupValues(builder, group, plan);
    this.#tree = new RowTree(builder, threads, withSubgroups);
  }

  emitRow(row: Row): void {
    this.#values.startRow(row);
    this.#pending.clear();
    for (const pass of this.#plan.rows.passes) this.#emitPass(pass);
    this.#values.finishRow();
  }

  #emitPass(pass: Pass): void {
    const builder = this.#builder;
    const { sweep, stages } = pass;
    this.#waitForOthers(stages);
    const totals = new Map<RowStage, Accumulation>();
    for (const stage of stages) {
      if (stage.role === "total") totals.set(stage, this.#accumulation(stage));
    }
    const emitAt = (position: Position) => {
      for (const stage of stages) this.#emitPoint(stage, position, totals.get(stage));
    };
    if (sweep.length === 0) emitAt(numberPosition);
    else this.#emitSweep(pass, emitAt);
    for (const value of stages.flatMap(({ node }) => node.values)) {
      if (this.#plan.places.has(value)) this.#pending.add(value);
    }
    if (totals.size === 0) return;
    // Of one point, which every thread has seen, the total is known already.
    const isKnown = sweep.length === 0 || this.#threads.count === 1;
    const accumulations = [...totals.values()];
    const fields = isKnown
      ? accumulations.map((total) => total.fields)
      : this.#tree.combine(accumulations);
    if (!isKnown) this.#pending.clear();
    [...totals].forEach(([stage, total], i) => {
      const points = builder.let("box", pointsOf(stage.node.reduction));
      const results = total.finishFields(fields[i]!, points);
      this.#keepNumbers(stage, results);
    });
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

  #emitSweep({ sweep, isUnrolled }: Pass, emit: (position: Position) => void): void {
    const builder = this.#builder;
    const { lane, count } = this.#threads;
    const first = this.#values.firstSweepAxis;
    const size = pointsOf(sweep);
    if (!isUnrolled) {
      builder.loop(
        "i",
        lane,
        size,
        (i) =>
          this.#values.scoped(() => {
            emit({ axes: joinAxes(builder, sweep, i, first), slot: 0, within: null });
          }),
        count,
      );
      return;
    }
    const points = sweep.reduce((product, extent) => product * extent.constant, 1);
    for (let slot = 0; slot * count < points; slot++) {
      const own = add(lane, constant(slot * count));
      const isWhole = (slot + 1) * count <= points;
      const within = isWhole ? null : builder.let("within", less(own, constant(points)));
      const i = builder.let("i", isWhole ? own : min(own, constant(points - 1)));
      emit({ axes: joinAxes(builder, sweep, i, first), slot, within });
    }
  }

  #emitPoint(stage: RowStage, position: Position, total: Accumulation | undefined): void {
    if (stage.role === "nested") {
      this.#emitNested(stage, position);
      return;
    }
    const point = this.#values.pointOf(stage, position);
    if (total !== undefined) {
      this.#accumulate(total, stage, point, position, position.axes.values);
      return;
    }
    const body = this.#values.lower(stage, point, position);
    if (stage.sweepAxes.length === 0) this.#keepNumbers(stage, [body]);
    else this.#keepPoints(stage, [body], position);
  }

  /** A reduction at each point, by loops of the thread's own. */
  #emitNested(stage: RowStage, position: Position): void {
    const { node } = stage;
    const sum = this.#accumulation(stage);
    const visit = (inner: readonly Expression[]): void => {
      const extent = node.reduction[inner.length];
      if (extent === undefined) {
        const point = this.#values.pointOf(stage, position, inner);
        this.#accumulate(sum, stage, point, { ...position, within: null }, inner);
      } else if (extent.batch === 0 && extent.constant === 1) {
        visit([...inner, constant(0)]);
      } else {
        const loop = (axis: Expression) => this.#values.scoped(() => visit([...inner, axis]));
        this.#builder.loop("k", constant(0), extentValue(extent), loop);
      }
    };
    visit([]);
    this.#keepPoints(stage, sum.finish(pointsOf(node.reduction)), position);
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
      const body = this.#values.lower(stage, point, position);
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

  #keepPoints({ node, ...stage }: RowStage, results: readonly Expression[], at: Position): void {
    const point = this.#values.pointOf({ node, ...stage }, at);
    node.values.forEach((value, r) => {
      if (this.#values.isWanted(value)) this.#values.keep(value, results[r]!, point, at);
    });
  }

  #keepNumbers(stage: RowStage, results: readonly Expression[]): void {
    const point = this.#values.pointOf(stage, numberPosition);
    stage.node.values.forEach((value, r) => {
      if (this.#values.isWanted(value)) this.#values.keepNumber(value, results[r]!, point);
    });
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
