/**
 * The plans of a contraction that are worth measuring beside the predicted one. Predictions are trusted to tell tiles
 * apart, but not where packing and blocks repay: every way of packing, cutting sums and running rows is among the first
 * candidates with its best tiles.
 */

import type { PlanChoice } from "../optimize/target-description.ts";
import {
  type ContractionSpace,
  cutContraction,
  isLegal,
  rowsOf,
  stepOfPoint,
  tiledSpace,
} from "./contraction-plan.ts";
import { cutSums, type SumBlocks } from "./contraction-sums.ts";
import { sumSeconds } from "./contraction-time.ts";
import { tilesOf } from "./register-tiles.ts";

/** How many times the shortest step that of a tile worth measuring may take. */
const slowest = 1.4;

/** What blocks of a panel may take of the second-level cache. */
const blockShares = [1 / 32, 1 / 16, 1 / 8, 1 / 4] as const;

/** Legal choices other than the predicted one, the most promising first. */
export function candidatesBeside(
  space: ContractionSpace,
  predicted: PlanChoice,
): readonly PlanChoice[] {
  const ways = waysOf(space)
    .map((way) => way.filter((choice) => !isSame(choice, predicted)))
    .filter((way) => way.length > 0)
    .map((way) => way.map((choice) => ({ choice, seconds: secondsOf(space, choice) })));
  for (const way of ways) way.sort((a, b) => a.seconds - b.seconds);
  ways.sort(([a], [b]) => a!.seconds - b!.seconds);
  const longest = Math.max(0, ...ways.map(({ length }) => length));
  return Array.from({ length: longest }, (_, i) => ways.flatMap((way) => way[i] ?? []))
    .flat()
    .map(({ choice }) => choice);
}

/** Legal choices of tiles that are not much slower than the best, for each way of packing, blocks and rows. */
function waysOf(space: ContractionSpace): PlanChoice[][] {
  const tiles = rowsOf(space).map((row) =>
    tilesOf(tiledSpace(space, row), space.target).map((tile) => {
      return { row, ...tile, step: stepOfPoint(space, { row, ...tile }) };
    }),
  );
  const shortest = Math.min(...tiles.flat().map(({ step }) => step));
  const ways: PlanChoice[][] = [];
  for (const packed of space.isTransposed ? [true] : [false, true]) {
    for (const share of [null, ...blockShares]) {
      for (const ofRow of tiles) {
        const way = ofRow
          .filter(({ step }) => step <= slowest * shortest)
          .map(({ row, rows, vectors }): PlanChoice => {
            return { row, rows, vectors, packed, blocks: blocksOf(space, share, vectors) };
          });
        ways.push(way.filter((choice) => isLegal(space, choice) && isCut(space, choice, share)));
      }
    }
  }
  return ways;
}

function blocksOf(
  { sums, target, batchMax }: ContractionSpace,
  share: number | null,
  vectors: number,
): SumBlocks | null {
  if (share === null) return null;
  const points = (share * target.cacheBytes[1]) / (4 * vectors * target.vectorLanes);
  return cutSums(sums, points, batchMax);
}

/** Whether there are blocks where some are asked for: sums that fit one are not cut. */
function isCut({ sumSizes }: ContractionSpace, { blocks }: PlanChoice, share: number | null) {
  if (blocks === null) return share === null;
  const outer = sumSizes.slice(0, blocks.depth).reduce((a, b) => a * b, 1);
  return outer > 1 || blocks.steps < sumSizes[blocks.depth]!;
}

function secondsOf(space: ContractionSpace, choice: PlanChoice): number {
  return sumSeconds(cutContraction(space, choice), space.batchMax, space.target);
}

function isSame(a: PlanChoice, b: PlanChoice): boolean {
  return (
    a.row === b.row &&
    a.rows === b.rows &&
    a.vectors === b.vectors &&
    a.packed === b.packed &&
    a.blocks?.depth === b.blocks?.depth &&
    a.blocks?.steps === b.blocks?.steps
  );
}
