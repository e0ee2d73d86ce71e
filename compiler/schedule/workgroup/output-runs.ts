/**
 * Maps on the outputs of a contraction, one output or several neighbouring columns of a row at a time: then what lies
 * side by side in memory is loaded and stored by one access, while the maps are computed output by output.
 */

import { type Affine, axesOf, substituteAffine } from "../../graph/affine.ts";
import {
  always,
  type Condition,
  conditionAxes,
  substituteCondition,
} from "../../graph/condition.ts";
import { loadsOf } from "../../graph/context.ts";
import type { LoadScalar, Value } from "../../graph/node.ts";
import { elementType } from "../../kernel/algebra.ts";
import { and, join, lane, load, place, store, vectorOf } from "../../kernel/build.ts";
import type { Expression } from "../../kernel/ir.ts";
import { identityIndex } from "../../optimize/fusion/copies.ts";
import type { TiledContraction } from "../../optimize/fusion/tiled-contraction.ts";
import type { Group } from "../../optimize/group.ts";
import { lowerLoad } from "../body.ts";
import {
  evaluateMaps,
  type Registers,
  SharedLoads,
  storeGlobals,
  storeValue,
} from "../epilogue.ts";
import { conditionValue, type Point, recombine, scalarIndex } from "../indexes.ts";
import { isStepScalar, type KernelBuilder } from "../kernel-builder.ts";
import { runsBy } from "./contraction-runs.ts";

/** Neighbouring outputs of a row: 1, 2 or 4. */
export type Lanes = 1 | 2 | 4;

export class OutputRuns {
  readonly #builder: KernelBuilder;
  readonly #group: Group;
  readonly #contraction: TiledContraction;
  readonly #isWide: boolean;
  /** Loads from memory by the maps, each once. */
  readonly #loads: readonly LoadScalar[];
  readonly #stored: readonly Value[];

  constructor(
    builder: KernelBuilder,
    group: Group,
    contraction: TiledContraction,
    isWide: boolean,
  ) {
    this.#builder = builder;
    this.#group = group;
    this.#contraction = contraction;
    this.#isWide = isWide;
    const loads = group.stages
      .filter((stage) => stage !== contraction.node)
      .flatMap((map) => loadsOf(map.body))
      .filter(({ value }) => !group.scopes.has(value) && !isUploaded(value));
    this.#loads = [...new Set(loads)];
    this.#stored = group.stages
      .flatMap(({ values }) => values)
      .filter((value) => group.scopes.get(value) === "global");
  }

  /** How many outputs at most are best computed together: where at least one value is stored by one access. */
  lanesOf(most: Lanes): Lanes {
    const { exists } = this.#contraction;
    if (!this.#isWide || exists.key !== always.key) return 1;
    const isRun = (lanes: Lanes) => this.#stored.some((value) => this.#isStoredBy(lanes, value));
    if (most >= 4 && isRun(4)) return 4;
    return most >= 2 && isRun(2) ? 2 : 1;
  }

  /** Makes the loads that are the same in all rows of neighbouring columns, at points of any one row. */
  sharedLoads(points: readonly Point[], mask: Expression | null): readonly SharedLoads[] {
    const { rows, joined } = this.#contraction;
    const rowAxes = [...joined.keys()].filter((axis) => axesOf(joined[axis]!).has(rows.axis));
    const known = points.map(() => new SharedLoads());
    for (const each of this.#loads) {
      if (rowAxes.some((axis) => axesUsed(each).has(axis))) continue;
      const values = this.#valuesOf(each, points, mask);
      if (values !== undefined) {
        known.forEach((shared, i) => {
          shared.set(each, values[i]!);
        });
      } else {
        points.forEach((point, i) => {
          known[i]!.set(each, lowerLoad(this.#builder, each, point, { active: 1, mask }));
        });
      }
    }
    return known;
  }

  /** Computes the maps at neighbouring points and stores what others read. */
  emit(
    points: readonly Point[],
    sums: readonly Expression[],
    shared: readonly SharedLoads[],
  ): void {
    const { node } = this.#contraction;
    const { stages } = this.#group;
    const maps = stages.filter((stage) => stage !== node);
    const known = this.#withRuns(points, shared);
    const options = known.map((loads) => ({ active: 1, shared: loads }));
    const registers = points.map((point, i): Registers => {
      const values: Registers = new Map([[node.values[0]!, sums[i]!]]);
      evaluateMaps(this.#builder, maps, point, values, options[i]!);
      return values;
    });
    const [first] = points;
    if (points.length === 1) {
      storeGlobals(this.#builder, this.#group, stages, first!, registers[0]!, options[0]!);
      return;
    }
    for (const value of this.#stored) {
      const elements = registers.map((values) => values.get(value)!);
      if (this.#isStoredBy(points.length, value)) {
        const { offset } = this.#builder.indexOf(value, identityIndex(value.shape.length));
        const index = scalarIndex(recombine(offset), first!);
        const buffer = this.#builder.buffer(value, "write");
        this.#builder.emit(store(place(buffer, index), join(elements)));
      } else {
        points.forEach((point, i) => {
          storeValue(this.#builder, value, point, elements[i]!, options[i]!);
        });
      }
    }
  }

  /** Adds loads that neighbouring points make together. */
  #withRuns(points: readonly Point[], shared: readonly SharedLoads[]): readonly SharedLoads[] {
    if (points.length === 1) return shared;
    const known = shared.map((loads) => new SharedLoads(loads));
    for (const each of this.#loads) {
      if (known[0]!.get(each) !== undefined) continue;
      this.#valuesOf(each, points, null)?.forEach((value, i) => {
        known[i]!.set(each, value);
      });
    }
    return known;
  }

  /** What a load gives at neighbouring points, where one access gives it to all of them. */
  #valuesOf(
    each: LoadScalar,
    points: readonly Point[],
    mask: Expression | null,
  ): readonly Expression[] | undefined {
    if (points.length === 1) return undefined;
    const [first] = points;
    const { value, index, guard } = each;
    const { row, offset } = this.#builder.indexOf(value, index);
    const { columns, joined } = this.#contraction;
    const own = [...axesUsed(each)];
    if (!own.some((axis) => axesOf(joined[axis]!).has(columns.axis))) {
      const same = lowerLoad(this.#builder, each, first!, { active: 1, mask });
      return points.map(() => same);
    }
    if (row !== null || !this.#runsBy(points.length, recombine(offset), guard)) return undefined;
    if (!isVectorType(value)) return undefined;
    const at = place(this.#builder.buffer(value, "read"), scalarIndex(recombine(offset), first!));
    const type = vectorOf(elementType(value.dtype), points.length);
    const condition = and(mask, conditionValue(guard, first!));
    const hint = this.#builder.surroundings.nameOf(value);
    const vector = this.#builder.let(hint, load(at, type, { mask: condition }));
    return points.map((_, i) => lane(vector, i));
  }

  #isStoredBy(lanes: number, value: Value): boolean {
    const { offset } = this.#builder.indexOf(value, identityIndex(value.shape.length));
    return isVectorType(value) && this.#runsBy(lanes, recombine(offset), always);
  }

  /** Whether memory is run through by so many elements along the columns; both in axes of the node. */
  #runsBy(lanes: number, offset: Affine, guard: Condition): boolean {
    const { joined, columns, box } = this.#contraction;
    const inBox = (axis: number) => joined[axis]!;
    const place = {
      offset: substituteAffine(offset, inBox),
      guard: substituteCondition(guard, inBox),
    };
    return runsBy(lanes, place, columns, box);
  }
}

function axesUsed({ index, guard }: LoadScalar): ReadonlySet<number> {
  const used = conditionAxes(guard);
  for (const at of index) axesOf(at, used);
  return used;
}

/** Bytes and bools are accessed one by one. */
function isVectorType({ dtype }: Value): boolean {
  return dtype !== "u8" && dtype !== "bool";
}

/** Step scalars are no memory: they are read where they are wanted. */
function isUploaded({ node }: Value): boolean {
  return node.kind === "leaf" && isStepScalar(node);
}
