/**
 * How a correlation is computed by transformed tiles: how many tiles at a time, so that what is made of them stays in the
 * second-level cache, which register tiles multiply them, and how work is cut into tasks. And whether it is: by the time it
 * is predicted to take beside that of the plain sum. Everything here is arithmetic on literals.
 */

import { bytesPerElement } from "../graph/dtype.ts";
import { elementsAt, sizeAt } from "../graph/extent.ts";
import { tapCount, tilePlaces } from "../optimize/fusion/correlated-axes.ts";
import { axesOfNode } from "../optimize/fusion/linear-access.ts";
import {
  type StridedContraction,
  stridedContraction,
} from "../optimize/fusion/strided-contraction.ts";
import type { Group } from "../optimize/group.ts";
import type { TargetDescription } from "../optimize/target-description.ts";
import { choosePlan } from "./contraction-choice.ts";
import { evenTasks } from "./contraction-plan.ts";
import { sumSeconds } from "./contraction-time.ts";
import { type Correlation, correlationOf, tilePoints, tilesAlong } from "./correlation.ts";
import { stepOfTiles, type Tile, tilesOf } from "./register-tiles.ts";

export interface CorrelationPlan {
  readonly correlation: Correlation;
  /** Register tiles of products, which have tiles or channels as rows. */
  readonly rows: number;
  readonly vectors: number;
  readonly lanes: number;
  readonly columns: number;
  /** Tiles along both long axes, 1 along the first where there is one; and how many of them are transformed at a time. */
  readonly tiles: readonly [number, number];
  readonly block: readonly [number, number];
  /** Channels that a task has, in whole vectors but for the last task. */
  readonly channels: number;
  /** Where taps are summed: of the first of the row axes, how many places one task goes through. */
  readonly rowsPerTask: number;
  /** How many there are with a full batch. */
  readonly tasks: number;
  readonly seconds: number;
}

/** What the transformed operand that is small may take of the second-level cache, and what a row of points of tiles may. */
const filterShare = 0.5;
const blockShare = 0.25;

/** What a row of points of tiles may take of the first-level cache, unless these are too few for register tiles. */
const nearShare = 0.5;
const fewestTiles = 16;

/** How much longer smaller blocks may be predicted to take, which does not see that they are nearer. */
const worthOfNearness = 1.1;

/**
 * What of the predicted time of the plain sum it may take at most. Where both were measured on an AVX-512 machine, plain
 * sums of 16 channels took 20 % less than predicted, and transforms as much as predicted.
 */
const leastGain = 0.7;

/** The same where it would be a single task, and all other threads wait for it. */
const leastGainAlone = 0.5;

/** Tasks beyond which each would only transform the small operand again. */
const enoughTasks = 8;

/** The plan of a contraction by transformed tiles, where it can have one and that is predicted to be worth it; or null. */
export function planCorrelation(
  contraction: StridedContraction,
  batchMax: number,
  target: TargetDescription,
): CorrelationPlan | null {
  if (!target.winograd) return null;
  const correlation = correlationOf(contraction);
  const plan = correlation && cut(correlation, batchMax, target);
  if (plan === null) return null;
  // Whatever was measured of the plain sum: the choice of one of its plans must change no bits.
  const { plans: _, ...predicted } = target;
  const direct = choosePlan(contraction, batchMax, predicted).plan;
  const isAlone = plan.tasks === 1 && plan.correlation.taps === "kept";
  const share = isAlone ? leastGainAlone : leastGain;
  return plan.seconds < share * sumSeconds(direct, batchMax, target) ? plan : null;
}

/** The plan of the sum of a group, if it is computed so. */
export function correlationOfGroup(
  group: Group,
  batchMax: number,
  target: TargetDescription,
): CorrelationPlan | null {
  const anchor = group.stages.find(({ reducer }) => reducer !== null);
  if (group.kind !== "contraction" || target.workgroup !== null || anchor === undefined)
    return null;
  const contraction = stridedContraction(anchor, batchMax);
  return contraction === undefined ? null : planCorrelation(contraction, batchMax, target);
}

/** As the literature has it: outputs of a tile, then taps. */
export function nameOfAlgorithm({ correlation: { taps, pairs } }: CorrelationPlan): string {
  const [outputs, filter] = taps === "summed" ? [tilePlaces, tapCount] : [tapCount, tilePlaces];
  const nested = (size: number) => pairs.map(() => size).join("×");
  return `Winograd F(${nested(outputs)}, ${nested(filter)})`;
}

/** The widest panels of columns whose transformed operand stays in the cache; null if there are none. */
function cut(
  correlation: Correlation,
  batchMax: number,
  target: TargetDescription,
): CorrelationPlan | null {
  const lanes = target.vectorLanes;
  const { contraction, pairs, taps, rowAxes } = correlation;
  const [nearest, cache] = target.cacheBytes;
  const points = tilePoints ** pairs.length;
  const along = pairs.map(tilesAlong);
  const tiles = [along.length === 1 ? 1 : along[0]!, along.at(-1)!] as const;
  const channels = Math.ceil(correlation.channels / lanes) * lanes;
  const isSummed = taps === "summed";
  const extents = axesOfNode(contraction.node);
  const sizeOf = (axes: readonly number[]) =>
    elementsAt(
      axes.map((axis) => extents[axis]!),
      batchMax,
    );
  const columns = sizeOf([contraction.vectorAxis]);

  for (let widest = Math.ceil(columns / lanes); widest >= 1; widest--) {
    const width = widest * lanes;
    if (bytesPerElement.f32 * points * width * channels > filterShare * cache) continue;
    const pointBytes = bytesPerElement.f32 * (channels + width);
    const most = Math.floor((blockShare * cache) / (points * pointBytes));
    const near = Math.max(
      fewestTiles,
      Math.floor((nearShare * nearest) / (tilePoints * pointBytes)),
    );
    const inBlocks = (block: readonly [number, number]) => {
      // A tile that begins one place earlier needs one before it.
      if (block[1] === 1 && pairs.at(-1)!.length % tilePlaces !== 0) return null;
      const rowCount = isSummed ? block[0] * block[1] : correlation.channels;
      const tile = fastestTile(rowCount, columns, widest, target);
      if (tile === null) return null;
      const shape = { correlation, ...tile, lanes, columns, tiles, block };
      return { shape, seconds: secondsOfBlocks(shape, batchMax, target) };
    };
    const large = inBlocks(blockOf(tiles, most));
    if (large === null) continue;
    const small = inBlocks(blockOf(tiles, Math.min(near, most)));
    const isNear = !isSummed && small !== null && small.seconds <= worthOfNearness * large.seconds;
    const { shape, seconds } = isNear ? small : large;
    const panels = sizeOf(contraction.outerAxes) * Math.ceil(columns / width);
    const places = sizeOf(rowAxes.slice(0, 1));
    const worthwhile = (target.taskSeconds * places * panels) / seconds;
    const least = Math.max(1, worthwhile, (places * panels) / enoughTasks);
    const parts = evenTasks(places, least);
    const filters = (points + tapCount ** pairs.length) * correlation.channels;
    const moved = isSummed ? 4 * panels * parts * filters * width : 0;
    const channelsHere = isSummed ? channels : channelsOfTask(channels, lanes, panels);
    return {
      ...shape,
      channels: channelsHere,
      tasks: panels * parts * Math.ceil(channels / channelsHere),
      rowsPerTask: Math.ceil(places / parts),
      seconds: seconds + moved / target.cacheBandwidth,
    };
  }
  return null;
}

/** The register tile of so many vectors that has the shortest step for all rows, if registers have room for one. */
function fastestTile(
  rowCount: number,
  columns: number,
  vectors: number,
  target: TargetDescription,
): Tile | null {
  const space = { rowCount, columns, narrowest: 1 };
  const tiles = tilesOf(space, target).filter((tile) => tile.vectors === vectors);
  const step = (tile: Tile) => stepOfTiles(tile, rowCount, vectors, target);
  return tiles.reduce<Tile | null>(
    (best, tile) => (best === null || step(tile) < step(best) ? tile : best),
    null,
  );
}

/** Seconds of all blocks of tiles: the multiply-adds, and vectors that are loaded and stored around them. */
function secondsOfBlocks(
  {
    correlation,
    lanes,
    columns,
    tiles,
    block,
    ...tile
  }: Pick<CorrelationPlan, "correlation" | "lanes" | "columns" | "tiles" | "block"> & Tile,
  batchMax: number,
  target: TargetDescription,
): number {
  const { contraction, pairs, taps, rowAxes, sums, channels } = correlation;
  const extents = axesOfNode(contraction.node);
  const sizeOf = (axes: readonly number[]) =>
    elementsAt(
      axes.map((axis) => extents[axis]!),
      batchMax,
    );
  const points = tilePoints ** pairs.length;
  const places = tilePlaces ** pairs.length;
  const inBlock = block[0] * block[1];
  const vectors = Math.ceil(columns / lanes);
  const panels = Math.ceil(vectors / tile.vectors);
  const ofData = 2 * points * Math.ceil(channels / lanes) * panels * inBlock;
  const blocks = (sizeOf(contraction.outerAxes) * tiles[0] * tiles[1]) / inBlock;
  const secondsOf = (repeats: number, steps: number, moved: number): number =>
    blocks *
    repeats *
    ((2 * lanes * steps * points) / target.peakFlops +
      (bytesPerElement.f32 * lanes * (ofData + moved)) / target.cacheBandwidth);
  if (taps === "summed") {
    const steps = stepOfTiles(tile, inBlock, vectors, target) * channels;
    return secondsOf(sizeOf(rowAxes), steps, 2 * (points + places) * vectors * inBlock);
  }
  const steps = stepOfTiles(tile, channels, vectors, target) * inBlock;
  const repeats = sums.reduce((all, { extent }) => all * sizeAt(extent, batchMax), 1);
  const ofSums = 2 * points * channels * vectors;
  return secondsOf(repeats, steps, (points + places) * vectors * inBlock + ofSums);
}

/** The channels that a task has where taps are kept: fewer than all where there are too few tasks otherwise. */
function channelsOfTask(channels: number, lanes: number, tasks: number): number {
  const vectors = channels / lanes;
  const parts = Math.min(vectors, Math.ceil(4 / tasks));
  return Math.ceil(vectors / parts) * lanes;
}

/** As many tiles as may be, in a block that all tiles can be cut into evenly: whole rows of tiles if there is room. */
function blockOf(
  [rows, columns]: readonly [number, number],
  most: number,
): readonly [number, number] {
  const largest = (count: number, limit: number): number => {
    let best = 1;
    for (let size = 1; size <= Math.min(count, limit); size++) if (count % size === 0) best = size;
    return best;
  };
  if (columns > most) return [1, largest(columns, most)];
  return [largest(rows, Math.floor(most / columns)), columns];
}
