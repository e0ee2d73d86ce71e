/**
 * The code of one row: passes over its points, vector by vector, as `rows-plan.ts` lays them out. A map
 * group is a row program with one pass of maps; a column sum is one with a loop inside each point.
 */

import type { Condition } from "../graph/condition.ts";
import { elementsAt, isFixed, sameShape } from "../graph/extent.ts";
import type { Value } from "../graph/node.ts";
import { reducers } from "../graph/reducers.ts";
import { add, and, broadcast, constant, multiply, ramp } from "../kernel/build.ts";
import type { Expression } from "../kernel/ir.ts";
import type { Group } from "../optimize/group.ts";
import { Accumulation } from "./accumulate.ts";
import { clipLoopForEach, isClipped } from "./clip-loop.ts";
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
    { sweep, stages, isUnrolled, staysInRegisters, block, points }: Pass,
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
      points,
      scoped: (emit: () => void) => (staysInRegisters ? emit() : this.#values.scoped(emit)),
    };
    emitSweep(this.#builder, loops, (positions) => {
      for (const stage of given) {
        for (const position of positions) {
          const point = this.#values.pointOf(stage, position);
          this.#values.readBack(stage.node.values[0]!, point, position);
        }
      }
      for (const together of sumsTogether(stages, positions.length)) {
        const [stage] = together;
        if (stage!.role === "nested") this.#emitNested(together, positions, block);
        else this.#emitPoints(stage!, positions, totals.get(stage!));
      }
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
    for (const position of positions) {
      const point = this.#values.pointOf(stage, position);
      if (total !== undefined) {
        const { where } = stage.node;
        this.#accumulate(total, stage, where, point, position, withinLanes(position));
      } else {
        const body = this.#values.lower(stage, point, position);
        this.#keepResults(stage, [body], point, position);
      }
    }
  }

  /**
   * Reductions of the same points at each position of the sweep: their loops run once for all vectors of the block, over
   * the points that all of them have as far as that is one run. Where there are fewer sums than `block`, neighbours along
   * the last axis have sums of their own, unless a run begins and ends somewhere between them.
   */
  #emitNested(stages: readonly RowStage[], positions: readonly Position[], block: number): void {
    const [first] = stages as readonly [RowStage];
    const { reduction, parallel } = first.node;
    const isStraight = stages.some(isStraightSum);
    const shared = isStraight ? null : sharedCondition(stages);
    const last = reduction.findLastIndex(({ batch, constant }) => batch !== 0 || constant > 1);
    const most = Math.floor(block / (positions.length * stages.length));
    const isWhole =
      shared === null || !isClipped(shared, parallel.length + last, knownFor(first, last));
    const sides = isStraight || !isWhole ? 1 : sumsBeside(stages, most);
    const sums = stages.flatMap((stage) =>
      positions.map((position) => ({
        stage,
        position,
        beside: Array.from({ length: sides }, () =>
          this.#accumulation(stage, position.lanes, isStraight),
        ),
      })),
    );
    const at = (stage: RowStage, position: Position, axes: readonly Expression[]): Point => {
      const outer = this.#values.pointOf(stage, position);
      const rank = stage.node.parallel.length;
      return { ...outer, axes: [...outer.axes.slice(0, rank), ...axes] };
    };
    type Sums = readonly (typeof sums)[number][];
    const visit = (
      axes: readonly Expression[],
      where: Condition | null,
      side: number,
      of: Sums,
    ): void => {
      const extent = reduction[axes.length];
      if (extent === undefined) {
        for (const { stage, position, beside } of of) {
          const point = at(stage, position, axes);
          this.#accumulate(beside[side]!, stage, where ?? stage.node.where, point, position, null);
        }
      } else if (extent.batch === 0 && extent.constant === 1) {
        visit([...axes, constant(0)], where, side, of);
      } else if (isStraight) {
        for (let place = 0; place < extent.constant; place++) {
          visit([...axes, constant(place)], where, side, of);
        }
      } else {
        const step = axes.length === last ? sides : 1;
        const runs =
          where === null
            ? [{ from: constant(0), to: extentValue(extent), rest: null, of }]
            : clipLoopForEach(
                where,
                parallel.length + axes.length,
                knownFor(first, axes.length),
                of.map((sum) => ({ of: sum, point: at(first, sum.position, axes) })),
              );
        for (const { from, to, rest, of: some } of runs) {
          const each = (axis: Expression): void =>
            this.#values.scoped(() => {
              for (let i = 0; i < step; i++) {
                visit([...axes, add(axis, constant(i))], rest, i, some);
              }
            });
          this.#builder.loop("k", from, to, each, step);
        }
      }
    };
    visit([], shared, 0, sums);
    for (const { stage, position, beside } of sums) {
      const results = finishBeside(beside, pointsOf(stage));
      this.#keepResults(stage, results, this.#values.pointOf(stage, position), position);
    }
  }

  /** One more point of a reduction. Where `where` is false nothing is loaded, and nothing counts. */
  #accumulate(
    sum: Accumulation,
    stage: RowStage,
    where: Condition,
    point: Point,
    position: Position,
    lanesKept: Expression | null,
  ): void {
    const holds = conditionValue(where, point);
    const kept = holds && this.#builder.let("where", holds);
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

/** Sums that one loop over their points has in registers. */
const mostSums = 8;

/** Points of a reduction for each sum that its neighbours have, at least. */
const pointsBeside = 16;

/**
 * Stages one by one, but for reductions that follow each other, go over the same points and do not read one another: what
 * they read of a point is then read once.
 */
function sumsTogether(
  stages: readonly RowStage[],
  positions: number,
): readonly (readonly RowStage[])[] {
  const found: RowStage[][] = [];
  for (const stage of stages) {
    const group = found.at(-1);
    const isOneMore =
      group !== undefined &&
      (group.length + 1) * positions <= mostSums &&
      [stage, ...group].every((other) => other.role === "nested" && !isStraightSum(other)) &&
      sameShape(stage.node.reduction, group[0]!.node.reduction) &&
      !group.some(({ node }) => node.values.some((value) => stage.node.operands.includes(value)));
    if (isOneMore) group.push(stage);
    else found.push([stage]);
  }
  return found;
}

/** Where the points of reductions are that share their loops, if that is the same for all. */
function sharedCondition(stages: readonly RowStage[]): Condition | null {
  const [{ node }] = stages as readonly [RowStage];
  const isShared = stages.every(
    (stage) =>
      sameShape(stage.node.parallel, node.parallel) && stage.node.where.key === node.where.key,
  );
  return isShared ? node.where : null;
}

/** The axes that bounds of the loop over axis `r` of a reduction may depend on: not the one that vectors go along. */
function knownFor({ node, sweepAxes }: RowStage, r: number): ReadonlySet<number> {
  const around = Array.from({ length: node.parallel.length + r }, (_, axis) => axis);
  return new Set(around.filter((axis) => axis !== sweepAxes.at(-1)));
}

/** How many sums neighbouring points are worth having, at most so many: a power of two that they are a multiple of. */
function sumsBeside(stages: readonly RowStage[], most: number): number {
  const [{ node }] = stages as readonly [RowStage];
  const points = elementsAt(node.reduction.filter(isFixed), 1);
  const last = node.reduction.findLast(({ batch, constant }) => batch !== 0 || constant > 1);
  const isOrdered = stages.some((stage) => reducers[stage.node.reducer!].usesIndex);
  if (last === undefined || !isFixed(last) || isOrdered) return 1;
  let sides = 1;
  while (
    2 * sides <= most &&
    last.constant % (2 * sides) === 0 &&
    points >= 2 * sides * pointsBeside
  ) {
    sides *= 2;
  }
  return sides;
}

/** The results of sums that each have some of the points, combined as a tree of halves. */
function finishBeside(beside: readonly Accumulation[], points: Expression): readonly Expression[] {
  const [first] = beside as readonly [Accumulation];
  if (beside.length === 1) return first.finish(points);
  let fields = beside.map((sum) => sum.fields);
  while (fields.length > 1) {
    const half = fields.length / 2;
    fields = fields.slice(0, half).map((left, i) => first.combineFields(left, fields[half + i]!));
  }
  return first.finishFields(fields[0]!, points);
}

/** Whether a reduction's points are written out: its points are few, and it wants to know their places. */
function isStraightSum(stage: RowStage): boolean {
  return isFewPoints(stage) && reducers[stage.node.reducer!].usesIndex;
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
