/** Register tiles: which there are on a target, and what a step of the sums takes on them. */

import type { TargetDescription } from "../optimize/target-description.ts";

/** Accumulators of a register tile: rows × vectors. */
export interface Tile {
  readonly rows: number;
  readonly vectors: number;
}

const mostRows = 16;
const mostVectors = 4;

/** What tiles have to cover. */
export interface TiledSpace {
  readonly rowCount: number;
  readonly columns: number;
  /** The fewest vectors of a tile: all columns where it has to hold whole rows. */
  readonly narrowest: number;
}

/** Whether a tile's accumulators, with what a step of its sum loads, are in registers, and none of them is beyond the rows. */
export function isTile(
  { rows, vectors }: Tile,
  { rowCount, columns, narrowest }: TiledSpace,
  { vectorLanes, vectorRegisters }: TargetDescription,
): boolean {
  const needed = Math.ceil(columns / vectorLanes);
  if (rows === 1 && vectors === narrowest) return true;
  if (rows < 1 || rows > Math.min(mostRows, rowCount)) return false;
  if (vectors < narrowest || vectors > Math.min(mostVectors, needed)) return false;
  return rows * vectors === 1 || rows * vectors + vectors + 2 <= vectorRegisters;
}

/** Narrow ones first, then low ones. */
export function tilesOf(space: TiledSpace, target: TargetDescription): readonly Tile[] {
  const { narrowest } = space;
  const tiles: Tile[] = [];
  for (let vectors = narrowest; vectors <= Math.max(narrowest, mostVectors); vectors++) {
    for (let rows = 1; rows <= mostRows; rows++) {
      const tile = { rows, vectors };
      if (isTile(tile, space, target)) tiles.push(tile);
    }
  }
  return tiles;
}

/**
 * What one step of the sums of all tiles takes that so many rows and vectors of columns need, tails included, in
 * multiply-adds of vectors: the time in which as many begin.
 */
export function stepOfTiles(
  { rows, vectors }: Tile,
  rowCount: number,
  needed: number,
  target: TargetDescription,
): number {
  const full = Math.floor(needed / vectors);
  const rest = stepOfTile(rows, needed % vectors, target);
  const panels = full * stepOfTile(rows, vectors, target) + rest;
  return Math.ceil(rowCount / rows) * panels;
}

/** Cycles from an operation to one that takes its result, on the processors of our days. */
export const latency = 4;

/** Elements or vectors that they load in a cycle. */
const loads = 2;

/**
 * What each load takes of the multiply-adds' time though others are waited for: measured on tiles of all sizes, where steps
 * took 1 to 6 % longer than their multiply-adds.
 */
const besideLoad = 0.05;

/**
 * The multiply-adds themselves, or as many as would begin while a chain of them waits for itself where there are too few
 * to fill that time, or while the operands are loaded.
 */
function stepOfTile(rows: number, vectors: number, { multiplyAdds }: TargetDescription): number {
  if (vectors === 0) return 0;
  const waiting = multiplyAdds * latency;
  const operands = rows + vectors;
  const loading = (multiplyAdds / loads) * operands;
  return Math.max(rows * vectors, waiting, loading) + besideLoad * operands;
}
