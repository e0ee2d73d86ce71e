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

import { bytesPerElement } from "../../graph/dtype.ts";
import { type Extent, sameShape, sizeAt } from "../../graph/extent.ts";
import type { Compute, LoadScalar } from "../../graph/node.ts";
import type { GroupKind } from "../group.ts";
import type { TargetDescription } from "../target-description.ts";
import type { NodeFacts } from "./node-facts.ts";
import {
  gathersBetween,
  innerOf,
  pairOf,
  type StageFacts,
  type StagePair,
  type StageSet,
  shareAxes,
  stagesOf,
} from "./stage-sets.ts";
import { isWorthTiles, refuseWorkgroupRows } from "./workgroup-rows.ts";

export interface Structure {
  readonly kind: GroupKind;
  readonly tileSpace: readonly Extent[];
}

/** Why stages do not go together, for `explain`. */
export interface Refusal {
  readonly refusal: string;
}

export interface StructureOptions extends StageFacts {
  readonly target: TargetDescription;
  readonly batchMax: number;
}

/** Vectors in a row that a register tile may span. */
const widestRowTile = 4;

/** Elements of the other operand beyond which a tile of whole rows cannot keep it near by. */
const largestPanel = 1 << 17;

/** Points of a row, reduction included, beyond which a row is too long to be one piece of work. */
const longestRow = 1 << 15;

/** The structure of one node: every node has one. */
export function structureOfNode(set: StageSet, options: StructureOptions): Structure {
  const [node] = set.stages;
  if (options.facts.isContraction(node!)) return pointwise("contraction");
  if (node!.reducer === null) return pointwise("map");
  const rows = rowsStructure(set, set, options);
  return "kind" in rows && options.facts.runsAlongReduction(node!) ? rows : pointwise("reduction");
}

/** Two sets that share a kernel, and how. */
export interface Joint {
  readonly pair: StagePair;
  readonly structure: Structure;
}

/** The structure of the stages of two sets together, each of which has one of its own. */
export function jointOf(
  first: StageSet,
  second: StageSet,
  options: StructureOptions,
): Joint | Refusal {
  const { facts } = options;
  if (overwritesElsewhere(first, second, facts) || overwritesElsewhere(second, first, facts)) {
    return { refusal: "one reads elsewhere what the other overwrites" };
  }
  if (gathersBetween(first, second)) {
    return { refusal: "one reads what the other makes where data say" };
  }
  // So are a third of those that are tried, whatever they read.
  if (!shareAxes(first, second)) return { refusal: `${otherPoints.refusal}; ${noRows.refusal}` };
  const pair = pairOf(first, second, options);
  const asPoints = pointwiseStructure(pair, options);
  if ("kind" in asPoints) return { pair, structure: asPoints };
  const asRows =
    pair.rows.length === 0
      ? noRows
      : rowsStructure(pair, { stages: stagesOf(pair, options), inner: innerOf(pair) }, options);
  return "kind" in asRows
    ? { pair, structure: asRows }
    : { refusal: `${asPoints.refusal}; ${asRows.refusal}` };
}

/** A stage that reads what another stage overwrites must read just the element written at its own point. */
function overwritesElsewhere(
  { overwrites }: StageSet,
  { stages, reads }: StageSet,
  facts: NodeFacts,
): boolean {
  return overwrites.some(
    ({ writer, target }) =>
      reads.has(target) &&
      stages.some(
        (reader) =>
          reader.operands.includes(target) &&
          !(
            sameShape(reader.parallel, writer.parallel) &&
            facts.gathers(reader).every(({ value }) => value !== target) &&
            facts.loads(reader).every((load) => load.value !== target || isAtOwnPoint(load, facts))
          ),
      ),
  );
}

function isAtOwnPoint(load: LoadScalar, facts: NodeFacts): boolean {
  return facts.identityDepth(load) === load.value.shape.length;
}

function pointwise(kind: GroupKind): Structure {
  return { kind, tileSpace: [] };
}

function pointwiseStructure(pair: StagePair, { facts }: StructureOptions): Structure | Refusal {
  const { first, second, box, isAtOwnPoints, overwritesOwn } = pair;
  if (box === null) return otherPoints;
  if (!isAtOwnPoints) return { refusal: "one reads other points than its own" };
  const anchors = [...first.anchors, ...second.anchors];
  if (anchors.length === 0) return pointwise("map");
  if (anchors.some((anchor) => facts.isContraction(anchor))) {
    if (anchors.length > 1) return { refusal: "each has a register tile of its own" };
    return innerOf(pair).some(({ reader }) => reader === anchors[0])
      ? { refusal: "the contraction reads what the other makes" }
      : pointwise("contraction");
  }
  const along = anchors.filter((anchor) => facts.runsAlongReduction(anchor));
  if (along.length === 0) return pointwise("reduction");
  if (along.length < anchors.length) {
    return { refusal: "one reduces along its row, the other across" };
  }
  if (overwritesOwn) return { refusal: passesClash };
  // Numbers of a row that is fixed by all of the axes.
  return { kind: "rows", tileSpace: box };
}

const otherPoints: Refusal = { refusal: "their iteration spaces differ" };
const noRows: Refusal = { refusal: "they share no leading axis" };

function rowsStructure(
  { rows, overwritesOwn }: Pick<StageSet, "rows" | "overwritesOwn">,
  { stages, inner }: Pick<StageSet, "stages" | "inner">,
  options: StructureOptions,
): Structure | Refusal {
  if (rows.length === 0) return noRows;
  const { batchMax, target, facts } = options;
  const depth =
    target.workgroup === null ? depthForLanes(stages, rows.length, options) : rows.length;
  const tileSpace = rows.slice(0, depth);
  if (target.workgroup !== null) {
    const needsTiles = (stage: Compute) =>
      facts.isContraction(stage) && isWorthTiles(stage, batchMax, target);
    if (stages.length > 1 && stages.some(needsTiles)) {
      return { refusal: "a product is large enough for a kernel in tiles of its own" };
    }
    const refusal = refuseWorkgroupRows(stages, inner, depth, batchMax, target.workgroup);
    if (refusal !== undefined) return { refusal };
    return overwritesOwn ? { refusal: passesClash } : { kind: "rows", tileSpace };
  }
  const nearPoints = target.cacheBytes[0] / bytesPerElement.f32;
  let contractions = 0;
  for (const stage of stages) {
    if (stage.reduction.some((extent) => extent.batch !== 0)) {
      return { refusal: "one reduces over the batch" };
    }
    const points = facts.pointsWithin(stage, depth);
    const contraction = facts.isContraction(stage) ? facts.contraction(stage) : undefined;
    if (contraction !== undefined && stages.length > 1) {
      if (inner.some(({ reader }) => reader === stage)) {
        return { refusal: "a contraction reads what the others make" };
      }
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
    } else if (stages.length > 1 && isAcross(stage, facts) && points > nearPoints) {
      return { refusal: "a row is too long to stay near for sums across it" };
    }
  }
  return overwritesOwn ? { refusal: passesClash } : { kind: "rows", tileSpace };
}

/** Whether the results of a reduction lie side by side in what it reads: it goes through a row only once that is made. */
function isAcross(stage: Compute, facts: NodeFacts): boolean {
  return stage.reducer !== null && !facts.runsAlongReduction(stage);
}

/**
 * The depth, or less: a row keeps the axis that lanes run along, where a sum's points do not lie side by side in memory but
 * its results do, and where rows of single points are all that maps share.
 */
function depthForLanes(
  stages: readonly Compute[],
  shared: number,
  { batchMax, facts }: StructureOptions,
): number {
  const isPoint = stages.every(
    (stage) => stage.reducer === null && facts.pointsWithin(stage, shared) === 1,
  );
  return stages.reduce((depth, stage) => {
    const { parallel, reducer } = stage;
    if (reducer === null && !isPoint) return depth;
    const last = parallel.findLastIndex((extent) => sizeAt(extent, batchMax) > 1);
    return last > 0 && last < depth && !facts.runsAlongReduction(stage) ? last : depth;
  }, shared);
}

const passesClash = "one overwrites what another may read in a later pass";
