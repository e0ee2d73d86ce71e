/**
 * How a correlation is computed by transformed tiles: how many tiles at a time, so that what is made of them stays in the
 * second-level cache, which register tiles multiply them, and how work is cut into tasks. And whether it is: by the time it
 * is predicted to take beside that of the plain sum. Everything here is arithmetic on literals.
 */

import { bytesPerElement } from "../graph/dtype.ts";
import { sizeAt } from "../graph/extent.ts";
import { axesOfNode } from "../optimize/fusion/linear-access.ts";
import type { TargetDescription } from "../optimize/target-description.ts";
import { type ContractionPlan, chooseTile, cyclesOfStep, evenTasks } from "./contraction-plan.ts";
import { sumSeconds } from "./contraction-time.ts";
import {
  type Correlation,
  correlationOf,
  tapCount,
  tilePlaces,
  tilePoints,
  tilesAlong,
} from "./correlation.ts";

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
  readonly seconds: number;
}

/** What the transformed operand that is small may take of the second-level cache, and what transformed tiles may. */
const filterShare = 0.5;
const blockShare = 0.25;

/** Time of the plain sum that must be left over: predictions are no better than this. */
const leastGain = 0.85;

/** Tasks beyond which each would only transform the small operand again. */
const enoughTasks = 8;

/** The plan of a correlation that is predicted to be worth it, or null. */
export function planCorrelation(
  direct: ContractionPlan,
  batchMax: number,
  target: TargetDescription,
): CorrelationPlan | null {
  if (!target.winograd) return null;
  const correlation = correlationOf(direct.contraction);
  if (correlation === null) return null;
  const plan = cut(correlation, direct, batchMax, target);
  const limit = leastGain * sumSeconds(direct, batchMax, target);
  return plan !== null && plan.seconds < limit ? plan : null;
}

function cut(
  correlation: Correlation,
  { columns, lanes }: ContractionPlan,
  batchMax: number,
  target: TargetDescription,
): CorrelationPlan | null {
  const { contraction, pairs, taps, rowAxes, sums } = correlation;
  const [, cache] = target.cacheBytes;
  const element = bytesPerElement.f32;
  const points = tilePoints ** pairs.length;
  const along = pairs.map(tilesAlong);
  const tiles = [along.length === 1 ? 1 : along[0]!, along.at(-1)!] as const;
  const channels = Math.ceil(correlation.channels / lanes) * lanes;
  const isSummed = taps === "summed";
  const vectorsNeeded = Math.ceil(columns / lanes);

  for (let widest = Math.min(4, vectorsNeeded); widest >= 1; widest--) {
    const count = isSummed ? tiles[0] * tiles[1] : correlation.channels;
    const shape = chooseTile(count, columns, 1, widest, target);
    if (shape.vectors < widest) continue;
    const width = shape.vectors * lanes;
    const fixedBytes = element * points * width * channels;
    if (fixedBytes > filterShare * cache) continue;
    const tileBytes = element * points * (channels + width);
    const block = blockOf(tiles, Math.floor((blockShare * cache) / tileBytes));
    // A tile that begins one place earlier needs one before it.
    if (block[1] === 1 && pairs.at(-1)!.length % tilePlaces !== 0) continue;
    const inBlock = block[0] * block[1];
    const panels = Math.ceil(columns / width);
    const extents = axesOfNode(contraction.node);
    const size = (axis: number) => sizeAt(extents[axis]!, batchMax);
    const product = (axes: readonly number[]) => axes.reduce((all, axis) => all * size(axis), 1);
    const outer = product(contraction.outerAxes);

    // Cycles of multiply-adds, and vectors that are loaded or stored, of one block and all columns.
    const { rows, vectors } = isSummed
      ? chooseTile(inBlock, columns, 1, widest, target)
      : shape;
    const multiplying = isSummed
      ? cyclesOfStep({ rows, vectors }, inBlock, vectorsNeeded) * correlation.channels * points
      : cyclesOfStep({ rows, vectors }, correlation.channels, vectorsNeeded) * inBlock * points;
    const channelVectors = channels / lanes;
    const places = tilePlaces ** pairs.length;
    const perTile = isSummed
      ? 2 * points * channelVectors * panels + (2 * points + 2 * places) * vectorsNeeded
      : 2 * points * channelVectors * panels + (points + places) * vectorsNeeded;
    const carried = isSummed ? 0 : 2 * points * correlation.channels * vectorsNeeded;
    const repeats = isSummed
      ? product(rowAxes)
      : sums.reduce((all, { extent }) => all * sizeAt(extent, batchMax), 1);
    const blocks = (outer * repeats * tiles[0] * tiles[1]) / inBlock;
    const vectorSeconds = (element * lanes) / target.cacheBandwidth;
    const cycleSeconds = (2 * lanes) / target.peakFlops;
    const ofBlocks =
      blocks * (multiplying * cycleSeconds + (perTile * inBlock + carried) * vectorSeconds);
    const cutAxis = rowAxes[0];
    const rowCount = cutAxis === undefined ? 1 : size(cutAxis);
    const worthwhile = (target.taskSeconds * rowCount * outer * panels) / ofBlocks;
    const chunks = evenTasks(rowCount, Math.max(1, worthwhile, (rowCount * outer * panels) / enoughTasks));
    const filters = (points + tapCount ** pairs.length) * correlation.channels * vectorsNeeded;
    const seconds = ofBlocks + outer * chunks * filters * vectorSeconds;
    return {
      correlation,
      rows,
      vectors,
      lanes,
      columns,
      tiles,
      block,
      channels: isSummed ? channels : channelsOfTask(channels, lanes, outer * panels),
      rowsPerTask: Math.ceil(rowCount / chunks),
      seconds,
    };
  }
  return null;
}

/** The channels that a task has where taps are kept: fewer than all where there are too few tasks otherwise. */
function channelsOfTask(channels: number, lanes: number, tasks: number): number {
  const vectors = channels / lanes;
  const parts = Math.min(vectors, Math.ceil(4 / tasks));
  return Math.ceil(vectors / parts) * lanes;
}

/** As many tiles as may be, in a block that all tiles can be cut into evenly: whole rows of tiles if there is room. */
function blockOf([rows, columns]: readonly [number, number], most: number): readonly [number, number] {
  const largest = (count: number, limit: number): number => {
    let best = 1;
    for (let size = 1; size <= Math.min(count, limit); size++) if (count % size === 0) best = size;
    return best;
  };
  if (columns > most) return [1, largest(columns, most)];
  return [largest(rows, Math.floor(most / columns)), columns];
}
