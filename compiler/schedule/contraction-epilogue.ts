/**
 * What happens to the sums of a finished register tile: the group's maps and its stores.
 */

import { loadsOf } from "../graph/context.ts";
import type { Compute } from "../graph/node.ts";
import {
  add,
  constant,
  less,
  load,
  min,
  multiply,
  place,
  store,
  subtract,
  vectorOf,
  when,
} from "../kernel/build.ts";
import type { Expression } from "../kernel/ir.ts";
import { axesOfNode } from "../optimize/fusion/linear-access.ts";
import type { Group } from "../optimize/group.ts";
import type { ContractionPlan } from "./contraction-plan.ts";
import { bodyCost } from "./cost.ts";
import {
  type EpilogueOptions,
  evaluateMaps,
  type Registers,
  SharedLoads,
  storeGlobals,
} from "./epilogue.ts";
import type { Point } from "./indexes.ts";
import type { KernelBuilder } from "./kernel-builder.ts";

/** A register tile whose sums are done. */
export interface FinishedTile {
  /** By row and vector. */
  readonly sums: readonly (readonly Expression[])[];
  /** The parallel axes of the contraction at the tile's first row and column. */
  readonly axes: readonly Expression[];
  /** Where the rows end: rows from there on are not part of the result. Null if all are. */
  readonly rowEnd: Expression | null;
  readonly vectors: number;
  /** Lanes of the last vector in use. */
  readonly active: number;
}

/** Operations of all maps on a tile beyond which they are written as a loop over its rows. */
const longestEpilogue = 96;

/**
 * The group's maps on a finished tile, and its stores. Short maps are written out for each row and vector, on
 * the accumulators; long ones, as the updates of optimizers, in a loop over the rows of the tile, whose sums
 * then pass through memory of the task: that costs little beside them, and keeps the code small.
 */
export function emitEpilogue(
  builder: KernelBuilder,
  group: Group,
  plan: ContractionPlan,
  tile: FinishedTile,
): void {
  const { node } = plan.contraction;
  const maps = group.stages.filter((stage) => stage !== node);
  const operations = maps.reduce((sum, map) => sum + bodyCost(map.body), 0);
  const isLong = operations * tile.sums.length * tile.vectors > longestEpilogue;
  const epilogue = new Epilogue(builder, group, plan, tile, maps);
  if (isLong && plan.rowAxis !== null && tile.sums.length > 1) epilogue.emitLoop(plan.rowAxis);
  else epilogue.emitUnrolled();
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

  emitUnrolled(): void {
    const builder = this.#builder;
    const { sums, axes, rowEnd, vectors } = this.#tile;
    const { rowAxis } = this.#plan;
    for (let v = 0; v < vectors; v++) {
      const options = this.#optionsOf(v);
      sums.forEach((row, r) => {
        const at = rowAxis === null ? null : add(axes[rowAxis]!, constant(r));
        const emitRow = () => this.#emitVector(v, at, row[v]!, options);
        if (rowEnd === null || r === 0 || at === null) emitRow();
        else builder.emit(when(less(at, rowEnd), builder.block(emitRow)));
      });
    }
  }

  emitLoop(rowAxis: number): void {
    const builder = this.#builder;
    const { lanes } = this.#plan;
    const { sums, axes, rowEnd, vectors } = this.#tile;
    const rows = sums.length;
    const width = vectors * lanes;
    const buffer = builder.local("tile", "f32", rows * width);
    sums.forEach((row, r) => {
      row.forEach((sum, v) => {
        builder.emit(store(place(buffer, constant(r * width + v * lanes)), sum));
      });
    });
    const options = Array.from({ length: vectors }, (_, v) => this.#optionsOf(v));
    const first = axes[rowAxis]!;
    const count =
      rowEnd === null
        ? constant(rows)
        : builder.let("rows", min(constant(rows), subtract(rowEnd, first)));
    builder.loop("r", constant(0), count, (r) => {
      const at = builder.let("row", add(first, r));
      for (let v = 0; v < vectors; v++) {
        const from = add(multiply(r, constant(width)), constant(v * lanes));
        const sum = builder.let("sum", load(place(buffer, from), vectorOf("f32", lanes)));
        this.#emitVector(v, at, sum, options[v]!);
      }
    });
  }

  #activeOf(v: number): number {
    return v === this.#tile.vectors - 1 ? this.#tile.active : this.#plan.lanes;
  }

  /** What the rows of one vector share: loads that do not depend on the row are made here. */
  #optionsOf(v: number): EpilogueOptions {
    const { rowAxis } = this.#plan;
    const shared = new SharedLoads();
    const options = { active: this.#activeOf(v), shared };
    if (rowAxis === null) return options;
    const loads = this.#maps
      .flatMap((map) => loadsOf(map.body))
      .filter((load) => !this.#group.scopes.has(load.value));
    shared.prepare(this.#builder, loads, [rowAxis], this.#pointAt(v, null), options);
    return options;
  }

  #pointAt(v: number, row: Expression | null): Point {
    const { contraction, rowAxis, lanes } = this.#plan;
    const { vectorAxis } = contraction;
    const { axes } = this.#tile;
    const column = add(axes[vectorAxis]!, constant(v * lanes));
    const rows = row === null ? axes : axes.with(rowAxis!, row);
    return {
      extents: axesOfNode(contraction.node),
      batchMax: this.#builder.batchMax,
      axes: rows.with(vectorAxis, column),
      vector: { axis: vectorAxis, lanes },
    };
  }

  #emitVector(v: number, row: Expression | null, sum: Expression, options: EpilogueOptions): void {
    const point = this.#pointAt(v, row);
    const registers: Registers = new Map([[this.#plan.contraction.node.values[0]!, sum]]);
    evaluateMaps(this.#builder, this.#maps, point, registers, options);
    storeGlobals(this.#builder, this.#group, this.#group.stages, point, registers, options);
  }
}
