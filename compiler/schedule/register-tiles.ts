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

/** Cycles of one step of the sums of all tiles that so many rows and vectors of columns take, tails included. */
export function cyclesOfStep({ rows, vectors }: Tile, rowCount: number, needed: number): number {
  const full = Math.floor(needed / vectors);
  const panels = full * tileCycles(rows, vectors) + tileCycles(rows, needed % vectors);
  return Math.ceil(rowCount / rows) * panels;
}

/**
 * Cycles of one step of a tile's sum, relative to one multiply-add: the multiply-adds themselves, or the
 * latency of a chain of them where there are too few to fill it, and a share of the loads.
 */
function tileCycles(rows: number, vectors: number): number {
  if (vectors === 0) return 0;
  const latency = 8;
  return Math.max(rows * vectors, latency) + 0.25 * (rows + vectors);
}
