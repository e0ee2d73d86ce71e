/**
 * Predicted times of a contraction by the tiles that it is cut into, which choose the tiles. Two kinds of kernels: those
 * that wait for a panel, then compute with it, and those whose panels are copied while they compute.
 */

import type { TargetDescription, WorkgroupLimits } from "../../optimize/target-description.ts";
import type { ContractionSizes, TileShape } from "./contraction-plan.ts";

export type WorkgroupTarget = TargetDescription & { readonly workgroup: WorkgroupLimits };

/** What a tile shape costs, in seconds; `stages` panels lie in shared memory at once. */
export function predictedSeconds(
  sizes: ContractionSizes,
  tile: TileShape,
  stages: number,
  elementBytes: number,
  target: WorkgroupTarget,
): number {
  return stages === 1
    ? waitingSeconds(sizes, tile, elementBytes, target)
    : pipelinedSeconds(sizes, tile, stages, target);
}

/** A contraction in tiles: rows and columns of one, its threads, how many workgroups there are, and panels of each. */
function cutInto(
  { rows, columns, sum, outer }: ContractionSizes,
  { threadRows, threadColumns, down, across, depth }: TileShape,
) {
  const [height, width] = [down * threadRows, across * threadColumns];
  return {
    height,
    width,
    threads: down * across,
    groups: outer * Math.ceil(rows / height) * Math.ceil(columns / width),
    panels: Math.ceil(sum / depth),
  };
}

/** Threads that fill the arithmetic of one of the places where workgroups run, and workgroups that share it. */
const fillingThreads = 128;
const residentGroups = 4;

/** Elements side by side that memory gives at once: fewer cost as much. */
const leastRun = 8;

/** Seconds from asking for a panel to having computed with it where nothing else runs meanwhile. */
const panelSeconds = 0.5e-6;

/** Its arithmetic or its copies, whichever takes longer, and waiting for panels. */
function waitingSeconds(
  sizes: ContractionSizes,
  tile: TileShape,
  elementBytes: number,
  { peakFlops, cacheBandwidth, workgroup }: WorkgroupTarget,
): number {
  const { threadRows, threadColumns, depth } = tile;
  const { height, width, threads, groups, panels } = cutInto(sizes, tile);
  const { concurrency } = workgroup;
  const busy = Math.min(1, (groups * threads) / (concurrency * fillingThreads));
  // In multiply-adds of a thread: those of its tile, or reading what they need from shared memory.
  const reads = ((elementBytes / 4) * (threadRows + 2 * threadColumns)) / 4;
  const operations = Math.max(threadRows * threadColumns, 4 * reads);
  const arithmetic = (2 * groups * threads * panels * depth * operations) / (peakFlops * busy);
  const elements = Math.max(height, leastRun) + Math.max(width, leastRun);
  const bytes = 4 * groups * panels * depth * elements;
  const copies = bytes / (cacheBandwidth * Math.min(1, groups / concurrency));
  const rounds = Math.max(1, groups / (concurrency * residentGroups));
  return Math.max(arithmetic, copies) + rounds * panels * panelSeconds;
}

/** Threads that a place runs at once with as many registers as large tiles take (65,536 by 128). */
const residentThreads = 512;

/** Shared memory of a place, as a multiple of what a workgroup may have of it: 164 to 228 KiB of 48. */
const residentShared = 4;

/** How much of the lesser of arithmetic and copies shows although they overlap: busy memory answers late. */
const unhiddenShare = 0.125;

/** Instructions for a panel, however deep: the barrier, what threads wait for each other there, and places to copy. */
const panelInstructions = 40;

/** Threads' worth of time that a place is idle because all of its threads wait for something. */
const idleThreads = 32;

/** Seconds from asking for a panel to having it, from the second-level cache or not far beyond it. */
const copySeconds = 0.4e-6;

/**
 * The slowest of arithmetic, copies, and waiting for panels of which stages − 1 are under way. Workgroups are dealt out to
 * places evenly, so that the places with one more decide: 264 tiles take two rounds on 132 places, and 265 take three.
 */
function pipelinedSeconds(
  sizes: ContractionSizes,
  tile: TileShape,
  stages: number,
  { peakFlops, cacheBandwidth, workgroup }: WorkgroupTarget,
): number {
  const { copies = { left: 1, right: 1 } } = sizes;
  const { threadRows, threadColumns, depth } = tile;
  const { height, width, threads, groups, panels } = cutInto(sizes, tile);
  const { concurrency, sharedBytes } = workgroup;
  const rounds = Math.ceil(groups / concurrency);
  const bytes = 4 * depth * (height + width);
  const room = Math.min(
    residentThreads / threads,
    (residentShared * sharedBytes) / (stages * bytes),
  );
  const together = Math.min(rounds, Math.max(1, Math.floor(room)));
  // Instructions of a thread for a point of the sum: multiply-adds, reads of four words and copies. Shared memory takes
  // for a read as long as arithmetic for eight.
  const lines = threadRows + threadColumns;
  const copied = (height * copies.left + width * copies.right) / threads;
  const others = lines / 4 + copied + panelInstructions / depth;
  const instructions = Math.max(threadRows * threadColumns + others, 2 * lines + copied);
  const resident = together * threads;
  const busy = Math.min(1, resident / fillingThreads) * (resident / (resident + idleThreads));
  const rate = (peakFlops * busy) / (2 * concurrency);
  const arithmetic = (rounds * threads * panels * depth * instructions) / rate;
  const elements = Math.max(height, leastRun) + Math.max(width, leastRun);
  const copying = (rounds * 4 * panels * depth * elements * concurrency) / cacheBandwidth;
  const waiting = ((rounds / together) * panels * copySeconds) / (stages - 1);
  const unhidden = Math.min(arithmetic, copying) * unhiddenShare;
  return Math.max(arithmetic, copying, waiting) + unhidden + copySeconds;
}
