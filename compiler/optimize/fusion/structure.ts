/**
 * What a set of stages is to the schedules: the structure that lets them share one kernel, or the reason why
 * they cannot. Two structures cover all kinds of group:
 *
 * - **pointwise**: all stages have one parallel box and read each other at their own point: maps, reductions, or
 *   one contraction with maps on its results.
 * - **rows**: all stages share their leading axes and read each other within their own row. Within a row they
 *   map and reduce in any order; the first one may be a contraction narrow enough that a register tile
 *   holds whole rows.
 */

import { gathersOf, loadsOf } from "../../graph/context.ts";
import { type Extent, sameExtent, sameShape, sizeAt } from "../../graph/extent.ts";
import type { Compute, GatherScalar, LoadScalar, Value } from "../../graph/node.ts";
import type { GroupKind } from "../group.ts";
import type { TargetDescription } from "../target-description.ts";
import { axesOfNode, boxOf, linearSteps, memorySteps } from "./linear-access.ts";
import { isIdentity } from "./places.ts";
import { type StridedContraction, stridedContraction } from "./strided-contraction.ts";
import { tiledContraction } from "./tiled-contraction.ts";
import { isWorthTiles, refuseWorkgroupRows } from "./workgroup-rows.ts";

export interface Structure {
  readonly kind: GroupKind;
  readonly tileSpace: readonly Extent[];
}

/** Why stages do not go together, for `explain`. */
export interface Refusal {
  readonly refusal: string;
}

/** What is asked of the same nodes again and again while merges are tried. */
export class NodeFacts {
  readonly #batchMax: number;
  readonly #byWorkgroups: boolean;
  readonly #contractions = new Map<Compute, StridedContraction | undefined>();
  readonly #tiled = new Map<Compute, boolean>();
  readonly #alongReduction = new Map<Compute, boolean>();
  readonly #loads = new Map<Compute, readonly LoadScalar[]>();
  readonly #gathers = new Map<Compute, readonly GatherScalar[]>();

  constructor(batchMax: number, { workgroup }: TargetDescription) {
    this.#batchMax = batchMax;
    this.#byWorkgroups = workgroup !== null;
  }

  /** Whether the target's schedule of contractions can run it. */
  isContraction(node: Compute): boolean {
    if (!this.#byWorkgroups) return this.contraction(node) !== undefined;
    return remember(this.#tiled, node, () => tiledContraction(node, this.#batchMax) !== undefined);
  }

  contraction(node: Compute): StridedContraction | undefined {
    return remember(this.#contractions, node, () => stridedContraction(node, this.#batchMax));
  }

  runsAlongReduction(node: Compute): boolean {
    return remember(this.#alongReduction, node, () => runsAlongReduction(node, this.#batchMax));
  }

  loads(node: Compute): readonly LoadScalar[] {
    return remember(this.#loads, node, () => loadsOf(node.body));
  }

  gathers(node: Compute): readonly GatherScalar[] {
    return remember(this.#gathers, node, () => gathersOf(node.body));
  }
}

function remember<T>(known: Map<Compute, T>, node: Compute, compute: () => T): T {
  if (!known.has(node)) known.set(node, compute());
  return known.get(node)!;
}

/** A load of a value that a stage of the same group makes. */
export interface InnerLoad {
  readonly reader: Compute;
  readonly load: LoadScalar;
}

export interface StructureOptions {
  readonly target: TargetDescription;
  readonly batchMax: number;
  readonly facts: NodeFacts;
  /** Assigned values and where they are stored. */
  readonly stored: ReadonlyMap<Value, Value>;
}

/** Vectors in a row that a register tile may span. */
const widestRowTile = 4;

/** Elements of the other operand beyond which a tile of whole rows cannot keep it near by. */
const largestPanel = 1 << 17;

/** Points of a row, reduction included, beyond which a row is too long to be one piece of work. */
const longestRow = 1 << 15;

/** The structure of one node: every node has one. */
export function structureOfNode(node: Compute, options: StructureOptions): Structure {
  if (options.facts.isContraction(node)) return pointwise("contraction");
  if (node.reducer === null) return pointwise("map");
  const rows = rowsStructure([node], innerLoads([node], options.facts), options);
  return "kind" in rows && options.facts.runsAlongReduction(node) ? rows : pointwise("reduction");
}

/** The structure of stages in order, operands before users. */
export function structureOf(
  stages: readonly Compute[],
  options: StructureOptions,
): Structure | Refusal {
  const conflict = overwritingConflict(stages, options);
  if (conflict !== undefined) return { refusal: conflict };
  const made = new Set(stages.flatMap((stage) => stage.values));
  const { facts } = options;
  if (stages.some((stage) => facts.gathers(stage).some(({ value }) => made.has(value)))) {
    return { refusal: "one reads what the other makes where data say" };
  }
  const inner = innerLoads(stages, facts);
  const asPoints = pointwiseStructure(stages, inner, options);
  if ("kind" in asPoints) return asPoints;
  const asRows = rowsStructure(stages, inner, options);
  return "kind" in asRows ? asRows : { refusal: `${asPoints.refusal}; ${asRows.refusal}` };
}

/** Loads of values that the stages themselves make. */
function innerLoads(stages: readonly Compute[], facts: NodeFacts): readonly InnerLoad[] {
  const made = new Set<Value>(stages.flatMap((stage) => stage.values));
  return stages.flatMap((reader) =>
    facts
      .loads(reader)
      .filter((load) => made.has(load.value))
      .map((load) => ({ reader, load })),
  );
}

/** A stage that reads what another stage overwrites must read just the element written at its own point. */
function overwritingConflict(
  stages: readonly Compute[],
  { stored, facts }: Pick<StructureOptions, "stored" | "facts">,
): string | undefined {
  for (const writer of stages) {
    for (const value of writer.values) {
      const target = stored.get(value);
      if (target === undefined) continue;
      const clash = stages.some(
        (reader) =>
          reader !== writer &&
          reader.operands.includes(target) &&
          !(
            sameShape(reader.parallel, writer.parallel) &&
            facts.gathers(reader).every(({ value }) => value !== target) &&
            facts.loads(reader).every((load) => load.value !== target || isIdentity(load))
          ),
      );
      if (clash) return "one reads elsewhere what the other overwrites";
    }
  }
  return undefined;
}

function pointwise(kind: GroupKind): Structure {
  return { kind, tileSpace: [] };
}

function pointwiseStructure(
  stages: readonly Compute[],
  inner: readonly InnerLoad[],
  { facts, stored }: StructureOptions,
): Structure | Refusal {
  const [first] = stages;
  if (!stages.every((stage) => sameShape(stage.parallel, first!.parallel))) {
    return { refusal: "their iteration spaces differ" };
  }
  if (!inner.every(({ load }) => isIdentity(load))) {
    return { refusal: "one reads other points than its own" };
  }
  const anchors = stages.filter((stage) => stage.reducer !== null);
  if (anchors.length === 0) return pointwise("map");
  if (anchors.some((anchor) => facts.isContraction(anchor))) {
    if (anchors.length > 1) return { refusal: "each has a register tile of its own" };
    return inner.some(({ reader }) => reader === anchors[0])
      ? { refusal: "the contraction reads what the other makes" }
      : pointwise("contraction");
  }
  const along = anchors.filter((anchor) => facts.runsAlongReduction(anchor));
  if (along.length === 0) return pointwise("reduction");
  if (along.length < anchors.length) {
    return { refusal: "one reduces along its row, the other across" };
  }
  if (overwritesInPasses(stages, stored)) return { refusal: passesClash };
  // Numbers of a row that is fixed by all of the axes.
  return { kind: "rows", tileSpace: stages[0]!.parallel };
}

function rowsStructure(
  stages: readonly Compute[],
  inner: readonly InnerLoad[],
  { batchMax, target, stored, facts }: StructureOptions,
): Structure | Refusal {
  const depth = sharedDepth(stages, inner);
  if (depth === 0) return { refusal: "they share no leading axis" };
  const tileSpace = stages[0]!.parallel.slice(0, depth);
  if (target.workgroup !== null) {
    const needsTiles = (stage: Compute) =>
      facts.isContraction(stage) && isWorthTiles(stage, batchMax, target);
    if (stages.length > 1 && stages.some(needsTiles)) {
      return { refusal: "a product is large enough for a kernel in tiles of its own" };
    }
    const refusal = refuseWorkgroupRows(stages, inner, depth, batchMax, target.workgroup);
    if (refusal !== undefined) return { refusal };
    return overwritesInPasses(stages, stored)
      ? { refusal: passesClash }
      : { kind: "rows", tileSpace };
  }
  const readers = new Set(inner.map(({ reader }) => reader));
  let contractions = 0;
  for (const stage of stages) {
    if (stage.reduction.some((extent) => extent.batch !== 0)) {
      return { refusal: "one reduces over the batch" };
    }
    const rowAxes = axesOfNode(stage).slice(depth);
    const points = rowAxes.reduce((product, extent) => product * sizeAt(extent, batchMax), 1);
    const contraction = facts.contraction(stage);
    if (contraction !== undefined && stages.length > 1) {
      if (readers.has(stage)) return { refusal: "a contraction reads what the others make" };
      if (++contractions > 1) return { refusal: "each has a register tile of its own" };
      const columns = stage.parallel[contraction.vectorAxis]!.constant;
      const isRowTile =
        contraction.vectorAxis >= depth &&
        contraction.rowAxes.length > 0 &&
        contraction.rowAxes.every((axis) => axis < depth) &&
        contraction.outerAxes.length === 0 &&
        columns <= widestRowTile * target.vectorLanes &&
        points <= largestPanel;
      if (!isRowTile) return { refusal: "the contraction's register tile does not span a row" };
    } else if (points > longestRow) {
      return { refusal: "a row is too long to stay near by" };
    }
  }
  if (overwritesInPasses(stages, stored)) return { refusal: passesClash };
  return { kind: "rows", tileSpace };
}

const passesClash = "one overwrites what another may read in a later pass";

function overwritesInPasses(
  stages: readonly Compute[],
  stored: ReadonlyMap<Value, Value>,
): boolean {
  return stages.some((writer) =>
    writer.values.some((value) => {
      const target = stored.get(value);
      return stages.some((reader) => reader !== writer && reader.operands.includes(target!));
    }),
  );
}

/** How many leading axes the stages share so that each reads the others within its own row. */
function sharedDepth(stages: readonly Compute[], inner: readonly InnerLoad[]): number {
  const [first] = stages;
  let depth = Math.min(...stages.map((stage) => stage.parallel.length));
  const shares = (d: number) =>
    stages.every((stage) => sameExtent(stage.parallel[d]!, first!.parallel[d]!));
  for (let d = 0; d < depth; d++) if (!shares(d)) depth = d;
  while (depth > 0 && !inner.every(({ load }) => isIdentity(load, depth))) depth--;
  return depth;
}

/**
 * Whether consecutive points of the reduction lie side by side in memory, and those of the innermost
 * parallel axis do not: then the lanes of a vector are points of the reduction.
 */
export function runsAlongReduction(node: Compute, batchMax: number): boolean {
  const box = boxOf(node, batchMax);
  const rank = node.parallel.length;
  const isLong = (axis: number) => sizeAt(box.axes[axis]!, batchMax) > 1;
  const summed = box.axes.map((_, axis) => axis).filter((axis) => axis >= rank && isLong(axis));
  const innermost = summed.at(-1);
  if (innermost === undefined) return false;
  const outer = box.axes
    .map((_, axis) => axis)
    .filter((axis) => axis < rank && isLong(axis))
    .at(-1);
  if (outer === undefined) return true;
  let votes = 0;
  for (const load of loadsOf(node.body)) {
    const steps = memorySteps(load, box);
    if (steps === undefined) continue;
    if (steps[innermost] === 1) votes++;
    if (steps[outer] === 1) votes--;
  }
  // What is gathered weighs more than where it is.
  for (const { index } of gathersOf(node.body)) {
    const last = index.at(-1);
    const steps = last?.kind === "index" ? linearSteps(last.index, box)?.steps : undefined;
    if (steps?.[innermost] === 1) votes += 2;
    if (steps?.[outer] === 1) votes -= 2;
  }
  return votes > 0;
}
