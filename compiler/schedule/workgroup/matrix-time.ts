/** Predicted times of products on units that multiply small matrices, from which `matrix-plan.ts` chooses. */

import { bytesPerElement } from "../../graph/dtype.ts";
import { subgroupThreads } from "../../kernel/intrinsics.ts";
import type { ContractionSizes } from "./contraction-plan.ts";
import {
  type MatrixPanel,
  type MatrixPlan,
  type MatrixTarget,
  type MatrixTile,
  matrixPanelElements,
  unitColumns,
  unitRows,
} from "./matrix-shape.ts";

/** Of a multiprocessor: registers, threads that may stay on it, schedulers, which have a unit each. */
const registersOfAll = 65_536;
const mostThreads = 2048;
const schedulers = 4;

/** Registers that a thread may have, less some for what is not counted; and those for what all threads have to keep. */
const mostRegisters = 240;
const otherRegisters = 40;

/** What instructions of one subgroup reach where the units' peak is that of four together, see `matrix-plan.ts`. */
const shareOfSubgroups = 0.65;

/** Bytes a second of shared memory of one multiprocessor: 128 a cycle at 1.75 GHz. */
const sharedBandwidth = 224e9;

/** Seconds from asking for a panel to having it, where nothing else is asked for. */
const copySeconds = 0.5e-6;

/** Seconds of a barrier and first fragments at every panel, of asking for a piece of one, of beginning and ending a tile. */
const panelSeconds = 30e-9;
const pieceSeconds = 5e-9;
const tileSeconds = 1.5e-6;

type TilePlan = Pick<MatrixPlan, "tile" | "stages" | "threads" | "left" | "right">;

/** Registers of a thread, about: sums, fragments of two steps, what passes through registers. */
export function registersOf({ tile, threads, left, right }: TilePlan): number {
  const down = tile.rows / unitRows;
  const across = tile.columns / unitColumns;
  const copied = [left, right]
    .filter(({ isAsync }) => !isAsync)
    .reduce((sum, { width, depth }) => sum + (width * depth) / threads, 0);
  // Every copy has a place in memory and a condition, where these are no steps apart.
  const places = piecesOf(left, threads) + piecesOf(right, threads);
  return 4 * down * across + 2 * (4 * down + 2 * across) + copied + places + otherRegisters;
}

/** Bytes of shared memory of a tile. */
export function sharedBytesOf(
  { stages, left, right }: TilePlan,
  dtype: MatrixPlan["dtype"],
): number {
  return stages * bytesPerElement[dtype] * (matrixPanelElements(left) + matrixPanelElements(right));
}

/** Infinite where a multiprocessor has no room for a tile. */
export function predictMatrixSeconds(
  { rows, columns, sum, outer }: ContractionSizes,
  plan: TilePlan,
  dtype: MatrixPlan["dtype"],
  besides: number,
  { workgroup, cacheBandwidth }: MatrixTarget,
): number {
  const { tile, stages, threads, left, right } = plan;
  const { matrix, concurrency } = workgroup;
  const peakFlops = matrix.peakFlops * (matrix.issuedBy === "subgroup" ? 1 : shareOfSubgroups);
  const registers = registersOf(plan);
  const bytes = sharedBytesOf(plan, dtype) + besides;
  if (registers > mostRegisters || bytes > matrix.sharedBytes) return Number.POSITIVE_INFINITY;
  // Registers are given out by eights.
  const resident = Math.min(
    Math.floor(matrix.sharedBytes / bytes),
    Math.floor(registersOfAll / (8 * Math.ceil(registers / 8) * threads)),
    Math.floor(mostThreads / threads),
  );
  const tiles = outer * Math.ceil(rows / left.width) * Math.ceil(columns / right.width);
  const panels = Math.ceil(sum / tile.depth);

  /** Seconds of a panel of each of so many tiles on one multiprocessor. */
  const panelOf = (count: number): number => {
    const flops = 2 * left.width * right.width * tile.depth;
    const units = Math.min(1, (count * threads) / subgroupThreads / schedulers);
    const products = (count * flops) / ((peakFlops / concurrency) * units);
    const shared = (count * sharedTraffic(tile, left, right, dtype)) / sharedBandwidth;
    const moved = tile.depth * (left.memoryBytes * left.width + right.memoryBytes * right.width);
    const copies = (count * moved) / (cacheBandwidth / concurrency);
    // Of so many copies on their way at once only the first is waited for, and the beginning has that of the tile.
    const waiting = (copySeconds * (Math.ceil(panels / (stages - 1)) - 1)) / panels;
    // Others compute meanwhile, if there are any.
    const own =
      (panelSeconds + pieceSeconds * (piecesOf(left, threads) + piecesOf(right, threads))) / count;
    return Math.max(products, shared, copies, waiting) + own;
  };
  const roundOf = (count: number) => panels * panelOf(count) + tileSeconds;
  const rounds = Math.floor(tiles / (concurrency * resident));
  const rest = tiles - rounds * concurrency * resident;
  return rounds * roundOf(resident) + (rest === 0 ? 0 : roundOf(Math.ceil(rest / concurrency)));
}

/** Copies of a thread for a panel. */
function piecesOf({ width, depth, run }: MatrixPanel, threads: number): number {
  return Math.ceil((width * depth) / run / threads);
}

/** Bytes of a panel that pass through shared memory: stored once, and read by each subgroup that needs them. */
function sharedTraffic(
  { rows, columns, down, across, depth }: MatrixTile,
  left: MatrixPanel,
  right: MatrixPanel,
  dtype: MatrixPlan["dtype"],
): number {
  const read = down * across * (rows + columns);
  return bytesPerElement[dtype] * depth * (left.width + right.width + read);
}
