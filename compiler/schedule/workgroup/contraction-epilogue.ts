/**
 * What happens to the sums of a finished tile: the group's maps on them and its stores, each thread on its own rows
 * and columns. Bias, activation and mask are written out for each of its outputs; longer ones, as the updates of
 * optimizers, are written once, in loops over the outputs, whose sums then pass through an array of the thread:
 * that costs little beside them and keeps the code small, which counts where it is compiled on starting.
 */

import { axesOf } from "../../graph/affine.ts";
import { loadsOf } from "../../graph/context.ts";
import type { Value } from "../../graph/node.ts";
import {
  add,
  constant,
  f32,
  lane,
  less,
  load,
  multiply,
  place,
  store,
  when,
} from "../../kernel/build.ts";
import type { Expression } from "../../kernel/ir.ts";
import type { JoinedAxis } from "../../optimize/fusion/tiled-contraction.ts";
import type { Group } from "../../optimize/group.ts";
import { bodyCost } from "../cost.ts";
import {
  type EpilogueOptions,
  evaluateMaps,
  type Registers,
  SharedLoads,
  storeGlobals,
} from "../epilogue.ts";
import { conditionValue, type Point } from "../indexes.ts";
import { isStepScalar, type KernelBuilder } from "../kernel-builder.ts";
import { extentValue } from "../micro-kernel.ts";
import { isWhole, quad, type WorkgroupPlan } from "./contraction-plan.ts";
import type { ThreadTile } from "./contraction-tile.ts";

/** Operations of all maps on a thread's outputs beyond which they are written once, in loops. */
const longestEpilogue = 128;

/** `axes` has the values of the contraction's box at the first row and column of the tile. */
export function emitEpilogue(
  builder: KernelBuilder,
  group: Group,
  plan: WorkgroupPlan,
  tile: ThreadTile,
  axes: readonly Expression[],
): void {
  const epilogue = new Epilogue(builder, group, plan, tile, axes);
  const { node } = plan.contraction;
  const operations = group.stages
    .filter((stage) => stage !== node)
    .reduce((sum, map) => sum + bodyCost(map.body), 0);
  if (operations * tile.rows.count * tile.columns.count > longestEpilogue) epilogue.emitLoops();
  else epilogue.emitEach();
}

/** A line of the result: where it is, and whether there is one. */
interface Line {
  readonly at: Expression;
  readonly exists: Expression | null;
}

class Epilogue {
  readonly #builder: KernelBuilder;
  readonly #group: Group;
  readonly #plan: WorkgroupPlan;
  readonly #tile: ThreadTile;
  readonly #axes: readonly Expression[];

  constructor(
    builder: KernelBuilder,
    group: Group,
    plan: WorkgroupPlan,
    tile: ThreadTile,
    axes: readonly Expression[],
  ) {
    this.#builder = builder;
    this.#group = group;
    this.#plan = plan;
    this.#tile = tile;
    this.#axes = axes;
  }

  emitEach(): void {
    const { rows, columns, sums } = this.#tile;
    const builder = this.#builder;
    const shared = Array.from({ length: columns.count }, (_, c) => {
      const column = this.#column(constant(c));
      return { column, loads: this.#sharedLoads(column) };
    });
    for (let r = 0; r < rows.count; r++) {
      const row = this.#row(constant(r));
      const body = builder.block(() => {
        shared.forEach(({ column, loads }, c) => {
          const sum = lane(sums[r]![Math.floor(c / quad)]!.value, c % quad);
          this.#guarded(column, () => this.#emitOutput(row, column, sum, loads));
        });
      });
      builder.emit(...(row.exists === null ? body : [when(row.exists, body)]));
    }
  }

  emitLoops(): void {
    const { rows, columns, sums } = this.#tile;
    const builder = this.#builder;
    const buffer = builder.local("sums", "f32", rows.count * columns.count);
    sums.forEach((row, r) => {
      for (let c = 0; c < columns.count; c++) {
        const sum = lane(row[Math.floor(c / quad)]!.value, c % quad);
        builder.emit(store(place(buffer, constant(r * columns.count + c)), sum));
      }
    });
    builder.loop("c", constant(0), constant(columns.count), (c) => {
      const column = this.#column(c);
      this.#guarded(column, () => {
        const loads = this.#sharedLoads({ ...column, exists: null });
        builder.loop("r", constant(0), constant(rows.count), (r) => {
          const row = this.#row(r);
          const index = add(multiply(r, constant(columns.count)), c);
          this.#guarded(row, () => {
            const sum = builder.let("sum", load(place(buffer, index), f32));
            this.#emitOutput(row, column, sum, loads);
          });
        });
      });
    });
  }

  #guarded({ exists }: Line, emit: () => void): void {
    if (exists === null) emit();
    else this.#builder.emit(when(exists, this.#builder.block(emit)));
  }

  #row(number: Expression): Line {
    const { contraction, tile } = this.#plan;
    return this.#line(
      contraction.rows,
      this.#tile.rows.at(number),
      tile.down * tile.threadRows,
      "row",
    );
  }

  #column(number: Expression): Line {
    const { contraction, tile } = this.#plan;
    return this.#line(
      contraction.columns,
      this.#tile.columns.at(number),
      tile.across * tile.threadColumns,
      "column",
    );
  }

  #line({ axis, extent }: JoinedAxis, number: Expression, width: number, hint: string): Line {
    const builder = this.#builder;
    const at = builder.let(hint, add(this.#axes[axis]!, number));
    const exists = isWhole(extent, width)
      ? null
      : builder.let(`is_${hint}`, less(at, extentValue(extent)));
    return { at, exists };
  }

  /** Loads of the maps that are the same in all rows of a column. */
  #sharedLoads(column: Line): SharedLoads {
    const { contraction } = this.#plan;
    const loads = this.#group.stages
      .filter((stage) => stage !== contraction.node)
      .flatMap((map) => loadsOf(map.body))
      .filter(({ value }) => !this.#group.scopes.has(value) && !isUploaded(value));
    const shared = new SharedLoads();
    const point = this.#pointAt(this.#axes[contraction.rows.axis]!, column.at);
    const options = { active: 1, mask: column.exists };
    const { rows, joined } = contraction;
    const rowAxes = [...joined.keys()].filter((axis) => axesOf(joined[axis]!).has(rows.axis));
    shared.prepare(this.#builder, loads, rowAxes, point, options);
    return shared;
  }

  #emitOutput(row: Line, column: Line, sum: Expression, shared: SharedLoads): void {
    const { node, exists } = this.#plan.contraction;
    const point = this.#pointAt(row.at, column.at);
    const registers: Registers = new Map([[node.values[0]!, sum]]);
    const options: EpilogueOptions = { active: 1, shared };
    const maps = this.#group.stages.filter((stage) => stage !== node);
    const condition = conditionValue(exists, this.#pointIn(row.at, column.at));
    this.#guarded({ at: column.at, exists: condition }, () => {
      evaluateMaps(this.#builder, maps, point, registers, options);
      storeGlobals(this.#builder, this.#group, this.#group.stages, point, registers, options);
    });
  }

  /** A point in the axes of the node. */
  #pointAt(row: Expression, column: Expression): Point {
    return { ...this.#pointIn(row, column), joined: this.#plan.contraction.joined };
  }

  /** A point in the axes of the box. */
  #pointIn(row: Expression, column: Expression): Point {
    const { box, rows, columns } = this.#plan.contraction;
    return {
      extents: box.axes,
      batchMax: box.batchMax,
      axes: this.#axes.with(rows.axis, row).with(columns.axis, column),
      vector: null,
    };
  }
}

/** Step scalars are no memory: they are read where they are wanted. */
function isUploaded({ node }: Value): boolean {
  return node.kind === "leaf" && isStepScalar(node);
}
