/**
 * Which of its plans a contraction gets: register tiles from the target's registers and the sizes at hand, packing, and
 * blocks of its sum. Everything here is arithmetic on literals.
 *
 * A register tile is `rows` × `vectors` accumulators. Each step of the sum loads `vectors` vectors of the one
 * operand and broadcasts `rows` elements of the other, so wide tiles reuse what they load. The figures
 * behind the choices (tiles within 7 % of each other) were measured with generated C on AVX-512 machines of two
 * generations: a panel of 64 columns of a 784 × 512 matrix is used at 58 % of peak where it lies and at 92 % when packed.
 */

import { invariant } from "../diagnostics/diagnostic.ts";
import { bytesPerElement } from "../graph/dtype.ts";
import { gcd } from "../graph/gcd.ts";
import type { Compute } from "../graph/node.ts";
import { stepAlong } from "../optimize/fusion/linear-access.ts";
import {
  isAddedAlong,
  isAddedBeside,
  type StridedContraction,
  stridedContraction,
} from "../optimize/fusion/strided-contraction.ts";
import type { Group } from "../optimize/group.ts";
import type { PlanChoice, TargetDescription } from "../optimize/target-description.ts";
import { candidatesBeside } from "./contraction-candidates.ts";
import {
  type ContractionPlan,
  type ContractionSpace,
  cutContraction,
  isLegal,
  leastPackedTiles,
  rowsOf,
  shapeOf,
  spaceOf,
  stepOfPoint,
  tiledSpace,
} from "./contraction-plan.ts";
import { cutSums } from "./contraction-sums.ts";
import { tilesOf } from "./register-tiles.ts";

/** A plan with where it is from. */
export interface ChosenPlan {
  readonly plan: ContractionPlan;
  readonly choice: PlanChoice;
  /** What plans are kept by, see `shapeOf`. */
  readonly shape: string;
  readonly isTuned: boolean;
}

/** The plan of the contraction that a group computes in register tiles of one thread; undefined if it has none. */
export function planOfGroup(
  group: Group,
  batchMax: number,
  target: TargetDescription,
): ChosenPlan | undefined {
  if (target.workgroup !== null) return undefined;
  for (const stage of group.stages) {
    const contraction = stridedContraction(stage, batchMax);
    if (contraction === undefined || isAddedAlong(contraction) || isAddedBeside(contraction))
      continue;
    const wholeRows = group.kind !== "contraction";
    return choosePlan(contraction, batchMax, target, {
      wholeRows,
      follows: wholeRows ? "rows" : mapsOn(group, stage),
    });
  }
  return undefined;
}

/** What the maps of a group are to memory: how many values they read and write beside the sums. */
function mapsOn({ stages, reads, writes }: Group, anchor: Compute): string {
  const maps = stages.filter((stage) => stage !== anchor);
  const read = reads.filter((value) => maps.some(({ operands }) => operands.includes(value)));
  return `${read.length} read, ${writes.length} written`;
}

/** What becomes of the sums. */
export interface SumsUse {
  /** Whether a tile holds all columns, because the group goes on with whole rows. */
  readonly wholeRows: boolean;
  /** What comes after, as far as plans are told apart by it. */
  readonly follows: string;
}

/** The plan that the target's description asks for; where it has none for the shape, the one predicted to be good. */
export function choosePlan(
  contraction: StridedContraction,
  batchMax: number,
  target: TargetDescription,
  { wholeRows, follows }: SumsUse = { wholeRows: false, follows: "0 read, 1 written" },
): ChosenPlan {
  const space = spaceOf(contraction, batchMax, target, wholeRows);
  const shape = shapeOf(contraction, batchMax, follows);
  const chosen = (choice: PlanChoice, isTuned = false): ChosenPlan => {
    return { plan: cutContraction(space, choice), choice, shape, isTuned };
  };
  const { plans } = target;
  const tuned = plans?.kind === "tuned" ? plans.byShape.get(shape) : undefined;
  if (tuned !== undefined && isLegal(space, tuned)) return chosen(tuned, true);
  const predicted = predictedChoice(space);
  if (plans?.kind !== "candidate" || plans.number === 0) return chosen(predicted);
  return chosen(candidatesBeside(space, predicted)[plans.number - 1] ?? predicted);
}

/** What a panel may take of the second-level cache, beside the other operand. */
const panelShare = 0.5;

/** What a block of a panel may take of the second-level cache, beside the other operand and the sums so far. */
const blockShare = 1 / 16;

/**
 * The most vectors of a tile where sums are blocked, since all of them come from the second-level cache: taller tiles use
 * each more often. With AVX-512 tiles of 8 × 2 made a convolution's step shorter than tiles of 4 × 4.
 */
const widestBlocked = 2;

/** Rows that repay packing a block. */
const leastBlockRows = 64;

/**
 * Bytes from row to row that put each row of a tile on a page of its own, and what a step of such a tile then costs:
 * rows of images beat rows of a batch of images.
 */
const farBytes = 1 << 13;
const farCost = 1.15;

/** The same where rows push each other out of the first-level cache: each element is then a line of the second. */
const crowdedCost = 2;

function predictedChoice(space: ContractionSpace): PlanChoice {
  const { target, sums, sumPoints, allRows, isTransposed, narrowest } = space;
  const lanes = target.vectorLanes;
  const [, cache] = target.cacheBytes;
  const share = panelShare * cache;
  const panelBytes = (vectors: number) => 4 * lanes * vectors * sumPoints;
  const blocksOf = (width: number) => (blockShare * cache) / (4 * width);
  const choose = (widest: number) => cheapestTile(space, Math.max(narrowest, widest));
  const alone = choose(Number.POSITIVE_INFINITY);
  const stays = panelBytes(alone.vectors) <= share;
  const narrow = stays ? alone : choose(widestBlocked);
  const blockPoints = blocksOf(narrow.vectors * lanes);
  const blocks = cutSums(sums, blockPoints, space.batchMax);
  const isBlocked = !stays && isLegal(space, { ...narrow, packed: true, blocks });
  const tile = stays ? alone : isBlocked ? narrow : choose(Math.floor(share / panelBytes(1)));
  const width = tile.vectors * lanes;
  const rowStep = Math.abs(sums.at(-1)!.runStep);
  const panelPoints = isBlocked ? blockPoints : sumPoints;
  const isScattered = rowStep > width && panelPoints * width > nearElements(rowStep, width, target);
  const leastRows = isBlocked ? leastBlockRows : leastPackedTiles * tile.rows;
  const packed = isTransposed || (isScattered && allRows >= leastRows);
  return { ...tile, packed, blocks: isBlocked ? blocks : null };
}

/** The tile of the shortest steps that is not wider, and where its rows run: of equals the last axis. */
function cheapestTile(
  space: ContractionSpace,
  widest: number,
): Pick<PlanChoice, "row" | "rows" | "vectors"> {
  const { contraction } = space;
  let best: Pick<PlanChoice, "row" | "rows" | "vectors"> | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const row of rowsOf(space).reverse()) {
    const axis = row === null ? null : contraction.rowAxes[row]!;
    const step = axis === null ? 0 : 4 * Math.abs(stepAlong(contraction.broadcast, axis));
    for (const tile of tilesOf(tiledSpace(space, row), space.target)) {
      if (tile.vectors > widest) continue;
      const isCrowded = tile.rows > nearRows(step, space.target);
      const far = isCrowded ? crowdedCost : step >= farBytes ? farCost : 1;
      const cost = stepOfPoint(space, { row, ...tile }) * far;
      if (cost < least) [best, least] = [{ row, ...tile }, cost];
    }
  }
  invariant(best !== null, "a contraction that no tile covers");
  return best;
}

/** Lines of one set of the first-level cache: as many as all processors that matter have, or fewer. */
const ways = 8;

/** How many rows so many bytes apart the sets of the first-level cache have lines for in which they begin. */
function nearRows(step: number, { cacheBytes }: TargetDescription): number {
  const way = cacheBytes[0] / ways;
  return step === 0 ? Number.POSITIVE_INFINITY : (ways * way) / gcd(step, way);
}

/**
 * How many elements of a panel stay in half of the first-level cache if its rows of `width` elements begin `step` elements
 * apart. Elements at the same place modulo a way have the same set: a step that is a multiple of a high power of two puts
 * the rows into few sets, so that they push each other out while most of the cache is unused.
 */
function nearElements(step: number, width: number, { cacheBytes }: TargetDescription): number {
  const elements = cacheBytes[0] / bytesPerElement.f32;
  const half = elements / 2;
  const way = elements / ways;
  let shared = 1;
  while (step % (2 * shared) === 0 && 2 * shared <= way) shared *= 2;
  return half * Math.min(1, width / shared);
}
