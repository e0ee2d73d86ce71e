/**
 * What happens to the sums of a finished register tile: the group's maps and its stores.
 */

import type { Affine } from "../graph/affine.ts";
import { always, conditionAxes } from "../graph/condition.ts";
import { loadsOf, visitScalars } from "../graph/context.ts";
import { bytesPerElement } from "../graph/dtype.ts";
import { elementsAt } from "../graph/extent.ts";
import type { Compute, LoadScalar } from "../graph/node.ts";
import { printAffine } from "../graph/print.ts";
import { add, constant, load, multiply, place, select, vectorOf } from "../kernel/build.ts";
import type { Expression } from "../kernel/ir.ts";
import { axesOfNode } from "../optimize/fusion/linear-access.ts";
import type { Group } from "../optimize/group.ts";
import { forVectors, type LastPanel } from "./contraction-last-panel.ts";
import type { ContractionPlan } from "./contraction-plan.ts";
import { bodyCost } from "./cost.ts";
import {
  type EpilogueOptions,
  evaluateMaps,
  type Registers,
  SharedLoads,
  storeGlobals,
} from "./epilogue.ts";
import { laneStep, type Point, recombine, scalarIndex } from "./indexes.ts";
import { isStepScalar, type KernelBuilder } from "./kernel-builder.ts";
import type { OperandAhead } from "./micro-kernel.ts";

/** A register tile whose sums are done. */
export interface FinishedTile {
  /** The sums in memory of the task, from element `start`: row after row of `vectors` whole vectors. */
  readonly sums: string;
  readonly start: Expression;
  /** The parallel axes of the contraction at the tile's first row and column. */
  readonly axes: readonly Expression[];
  /** Rows of the tile, counted from its first, that are to be finished: others belong to another tile, or to none. */
  readonly from: Expression;
  readonly to: Expression;
  readonly vectors: number;
  /** Lanes of the last vector in use. */
  readonly active: number;
  readonly last: LastPanel | null;
}

/** The group's maps on a finished tile, and its stores, row by row. */
export function emitEpilogue(
  builder: KernelBuilder,
  group: Group,
  plan: ContractionPlan,
  tile: FinishedTile,
): void {
  const maps = group.stages.filter((stage) => stage !== plan.contraction.node);
  new Epilogue(builder, group, plan, tile, maps).emit();
}

/**
 * What the maps will read of large tensors at the tile's points, to be asked for while it multiplies: the rows of a tile
 * are too far apart in memory for a processor to foresee them.
 */
export function operandsAhead(
  builder: KernelBuilder,
  group: Group,
  plan: ContractionPlan,
  { axes }: Pick<FinishedTile, "axes">,
  /** Bytes of the first-level cache: smaller tensors are near anyway. */
  nearBytes: number,
): readonly OperandAhead[] {
  const { contraction, rowAxis, lanes } = plan;
  const { batchMax } = builder;
  if (rowAxis === null) return [];
  const isFar = ({ value, guard }: LoadScalar) =>
    !group.scopes.has(value) &&
    !(value.node.kind === "leaf" && (value.node.role === "input" || isStepScalar(value.node))) &&
    guard.kind === "true" &&
    elementsAt(value.shape, batchMax) * bytesPerElement[value.dtype] > nearBytes;
  const loads = group.stages
    .filter((stage) => stage !== contraction.node)
    .flatMap(({ body }) => loadsOf(body))
    .filter(isFar);
  const { vectorAxis } = contraction;
  const extents = axesOfNode(contraction.node);
  const point = { extents, batchMax, axes, vector: null };
  const stepOf = (offset: Affine, axis: number) =>
    laneStep(offset, { ...point, vector: { axis, lanes } });
  const places = new Map<string, OperandAhead>();
  for (const { value, index } of loads) {
    const offset = recombine(builder.indexOf(value, index).offset);
    const rowStep = stepOf(offset, rowAxis);
    if (stepOf(offset, vectorAxis) !== 1 || !rowStep || value.dtype !== "f32") continue;
    const buffer = builder.buffer(value, "read");
    const key = `${buffer} ${printAffine(offset)}`;
    if (places.has(key)) continue;
    const start = builder.let("ahead", scalarIndex(offset, point));
    places.set(key, { operand: { buffer, start }, rowStep });
  }
  return [...places.values()];
}

class Epilogue {
  readonly #builder: KernelBuilder;
  readonly #group: Group;
  readonly #plan: ContractionPlan;
  readonly #tile: FinishedTile;
  readonly #maps: readonly Compute[];

  constructor(
    builder: KernelBuilder,
    group: Group,
    plan: ContractionPlan,
    tile: FinishedTile,
    maps: readonly Compute[],
  ) {
    this.#builder = builder;
    this.#group = group;
    this.#plan = plan;
    this.#tile = tile;
    this.#maps = maps;
  }

  emit(): void {
    const { lanes } = this.#plan;
    const { vectors, active, last } = this.#tile;
    const isWhole = active === lanes && last?.active === lanes;
    if (isWhole && isOneText(this.#maps, this.#plan)) {
      const [others, ofLast] = [vectors, last.vectors].map((v) => constant(v * lanes));
      this.#emitLoop(constant(0), select(last.isOther, others!, ofLast!));
      return;
    }
    forVectors(this.#builder, this.#tile, lanes, (from, to, lastActive) => {
      this.#emitVectors(from, to, lastActive);
    });
  }

  #emitVectors(firstVector: number, end: number, active: number): void {
    const { lanes } = this.#plan;
    const columnAt = (v: number) => constant(v * lanes);
    const whole = active === lanes ? end : end - 1;
    const inLoop =
      whole - firstVector > 1 && isOneText(this.#maps, this.#plan) ? whole : firstVector;
    if (inLoop > firstVector) this.#emitLoop(columnAt(firstVector), columnAt(inLoop));
    const rest = Array.from({ length: end - inLoop }, (_, i) => inLoop + i);
    this.#emitRows(
      rest.map((v) => ({ column: columnAt(v), active: v === end - 1 ? active : lanes })),
    );
  }

  /** Whole vectors from one column of the tile to another, row by row: what they read and write is far apart in memory. */
  #emitLoop(from: Expression, to: Expression): void {
    const { lanes } = this.#plan;
    this.#forRows((r, row) => {
      const each = (column: Expression) => this.#emitVector(column, r, row, { active: lanes });
      this.#builder.loop("v", from, to, each, lanes);
    });
  }

  #emitRows(vectors: readonly { readonly column: Expression; readonly active: number }[]): void {
    if (vectors.length === 0) return;
    const columns = vectors.map(({ column, active }) => ({
      column,
      options: this.#optionsOf(column, active),
    }));
    this.#forRows((r, row) => {
      for (const { column, options } of columns) this.#emitVector(column, r, row, options);
    });
  }

  /** Gives the rows of the tile, and where they are along the axis of rows if there is one. */
  #forRows(emitRow: (r: Expression, row: Expression | null) => void): void {
    const { rowAxis } = this.#plan;
    const { axes, from, to } = this.#tile;
    if (rowAxis === null) {
      emitRow(constant(0), null);
      return;
    }
    this.#builder.loop("r", from, to, (r) => {
      emitRow(r, this.#builder.let("row", add(axes[rowAxis]!, r)));
    });
  }

  /** What the rows of one vector share: loads that do not depend on the row are made here. */
  #optionsOf(column: Expression, active: number): EpilogueOptions {
    const { rowAxis } = this.#plan;
    const shared = new SharedLoads();
    const options = { active, shared };
    if (rowAxis === null) return options;
    const loads = this.#maps
      .flatMap((map) => loadsOf(map.body))
      .filter((load) => !this.#group.scopes.has(load.value));
    shared.prepare(this.#builder, loads, [rowAxis], this.#pointAt(column, null), options);
    return options;
  }

  #pointAt(columnOfTile: Expression, row: Expression | null): Point {
    const { contraction, rowAxis, lanes } = this.#plan;
    const { vectorAxis } = contraction;
    const { axes } = this.#tile;
    const column = add(axes[vectorAxis]!, columnOfTile);
    const rows = row === null ? axes : axes.with(rowAxis!, row);
    return {
      extents: axesOfNode(contraction.node),
      batchMax: this.#builder.batchMax,
      axes: rows.with(vectorAxis, column),
      vector: { axis: vectorAxis, lanes },
    };
  }

  #emitVector(
    column: Expression,
    r: Expression,
    row: Expression | null,
    options: EpilogueOptions,
  ): void {
    const { lanes } = this.#plan;
    const { sums, start, vectors } = this.#tile;
    const offset = add(start, add(multiply(r, constant(vectors * lanes)), column));
    const sum = this.#builder.let("sum", load(place(sums, offset), vectorOf("f32", lanes)));
    const point = this.#pointAt(column, row);
    const registers: Registers = new Map([[this.#plan.contraction.node.values[0]!, sum]]);
    evaluateMaps(this.#builder, this.#maps, point, registers, options);
    storeGlobals(this.#builder, this.#group, this.#group.stages, point, registers, options);
  }
}

/** Operations of maps beside which a turn of a loop is nothing. */
const manyOperations = 8;

/**
 * Whether vectors of a tile go through one text of the maps, in a loop: compilers take as long for each further text as for
 * the first. Where something is decided by the column it is known of a vector that is written out.
 */
function isOneText(maps: readonly Compute[], { contraction }: ContractionPlan): boolean {
  let isByColumn = false;
  for (const { body } of maps) {
    visitScalars(body, (scalar) => {
      const condition =
        scalar.kind === "condition"
          ? scalar.condition
          : scalar.kind === "load"
            ? scalar.guard
            : always;
      if (conditionAxes(condition).has(contraction.vectorAxis)) isByColumn = true;
    });
  }
  const operations = maps.reduce((sum, { body }) => sum + bodyCost(body), 0);
  return !isByColumn && operations >= manyOperations;
}
