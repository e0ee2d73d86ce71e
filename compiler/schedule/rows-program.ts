/**
 * The code of one row: passes over its points, vector by vector, as `rows-plan.ts` lays them out. A map
 * group is a row program with one pass of maps; a column sum is one with a loop inside each point.
 */

import { elementsAt } from "../graph/extent.ts";
import type { Value } from "../graph/node.ts";
import { reducers } from "../graph/reducers.ts";
import { add, and, broadcast, constant, multiply, ramp } from "../kernel/build.ts";
import type { Expression } from "../kernel/ir.ts";
import type { Group } from "../optimize/group.ts";
import { Accumulation } from "./accumulate.ts";
import { conditionValue, type Point } from "./indexes.ts";
import type { KernelBuilder } from "./kernel-builder.ts";
import { extentValue } from "./micro-kernel.ts";
import type { Pass, RowStage, RowsPlan } from "./rows-plan.ts";
import { emitSweep, numberPosition, type Position, withinLanes } from "./rows-sweep.ts";
import { type RowBuffer, RowValues } from "./rows-values.ts";

/** Points of a reduction at each point that are written out: their places in reading order are then known. */
const straightPoints = 16;

export class RowProgram {
  readonly #builder: KernelBuilder;
  readonly #plan: RowsPlan;
  readonly #values: RowValues;

  /** Declares the task's memory where the builder stands. */
  constructor(builder: KernelBuilder, group: Group, plan: RowsPlan) {
    this.#builder = builder;
    this.#plan = plan;
    this.#values = new RowValues(builder, group, plan);
  }

  /**
   * Emits the passes of one row. `given` are values computed before, in memory: the sums of a register
   * tile.
   */
  emitRow(row: readonly Expression[], given: ReadonlyMap<Value, RowBuffer> = new Map()): void {
    this.#values.startRow(row, given);
    for (const pass of this.#plan.passes) {
      const isGiven = ({ node }: RowStage) => given.has(node.values[0]!);
      const stages = pass.stages.filter((stage) => !isGiven(stage));
      this.#emitPass({ ...pass, stages }, pass.stages.filter(isGiven));
    }
  }

  #emitPass(
    { sweep, stages, isUnrolled, staysInRegisters, block }: Pass,
    given: readonly RowStage[],
  ): void {
    const lanes = sweep.length === 0 ? 1 : this.#plan.lanes;
    const totals = new Map<RowStage, Accumulation>();
    for (const stage of stages) {
      if (stage.role === "total") totals.set(stage, this.#accumulation(stage, lanes, isUnrolled));
    }
    const loops = {
      extents: sweep,
      lanes,
      isUnrolled,
      block,
      scoped: (emit: () => void) => (staysInRegisters ? emit() : this.#values.scoped(emit)),
    };
    emitSweep(this.#builder, loops, (positions) => {
      for (const stage of given) {
        for (const position of positions) {
          const point = this.#values.pointOf(stage, position);
          this.#values.readBack(stage.node.values[0]!, point, position);
        }
      }
      for (const stage of stages) this.#emitPoints(stage, positions, totals.get(stage));
    });
    for (const [stage, total] of totals) {
      const results = total.finishAcross(pointsOf(stage));
      const point = { ...this.#values.pointOf(stage, numberPosition), vector: null };
      this.#keepResults(stage, results, point, numberPosition);
    }
  }

  #emitPoints(
    stage: RowStage,
    positions: readonly Position[],
    total: Accumulation | undefined,
  ): void {
    if (stage.role === "nested") {
      this.#emitNested(stage, positions);
      return;
    }
    for (const position of positions) {
      const point = this.#values.pointOf(stage, position);
      if (total !== undefined) {
        this.#accumulate(total, stage, point, position, withinLanes(position));
      } else {
        const body = this.#values.lower(stage, point, position);
        this.#keepResults(stage, [body], point, position);
      }
    }
  }

  /** A reduction at each point: its loops run once for all vectors of the block. */
  #emitNested(stage: RowStage, positions: readonly Position[]): void {
    const { parallel, reduction } = stage.node;
    const isStraight = isFewPoints(stage) && reducers[stage.node.reducer!].usesIndex;
    const sums = positions.map(({ lanes }) => this.#accumulation(stage, lanes, isStraight));
    const visit = (axes: readonly Expression[]): void => {
      const extent = reduction[axes.length];
      if (extent === undefined) {
        positions.forEach((position, i) => {
          const outer = this.#values.pointOf(stage, position);
          const point = { ...outer, axes: [...outer.axes.slice(0, parallel.length), ...axes] };
          this.#accumulate(sums[i]!, stage, point, position, null);
        });
      } else if (extent.batch === 0 && extent.constant === 1) {
        visit([...axes, constant(0)]);
      } else if (isStraight) {
        for (let at = 0; at < extent.constant; at++) visit([...axes, constant(at)]);
      } else {
        this.#builder.loop("k", constant(0), extentValue(extent), (axis) =>
          this.#values.scoped(() => visit([...axes, axis])),
        );
      }
    };
    visit([]);
    positions.forEach((position, i) => {
      const results = sums[i]!.finish(pointsOf(stage));
      this.#keepResults(stage, results, this.#values.pointOf(stage, position), position);
    });
  }

  /** One more point of a reduction. Where its `where` is false nothing is loaded, and nothing counts. */
  #accumulate(
    sum: Accumulation,
    stage: RowStage,
    point: Point,
    position: Position,
    lanesKept: Expression | null,
  ): void {
    const where = conditionValue(stage.node.where, point);
    const kept = where && this.#builder.let("where", where);
    const mask = and(position.mask, kept);
    const body = this.#values.lower(stage, point, { ...position, mask });
    const index = () => readingOrder(stage, point);
    sum.add(broadcast(body, position.lanes), index, and(lanesKept, kept));
  }

  #keepResults(
    { node }: RowStage,
    results: readonly Expression[],
    point: Point,
    position: Position,
  ): void {
    node.values.forEach((value, r) => {
      if (this.#values.isWanted(value)) this.#values.keep(value, results[r]!, point, position);
    });
  }

  #accumulation({ node }: RowStage, lanes: number, isStraight: boolean): Accumulation {
    return new Accumulation(this.#builder, {
      reducer: node.reducer!,
      dtype: node.body.dtype,
      lanes,
      counts: node.where.kind !== "true",
      isStraight,
      wanted: node.values.map((value) => this.#values.isWanted(value)),
    });
  }
}

/** Whether a reduction is of so few points that they are written out. */
function isFewPoints({ node }: RowStage): boolean {
  const isFixedBox = node.reduction.every((extent) => extent.batch === 0);
  return isFixedBox && elementsAt(node.reduction, 1) <= straightPoints;
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
