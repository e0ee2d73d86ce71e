/**
 * How a contraction is cut: register tiles from the target's registers and the sizes at hand, panels of
 * columns, packing, and tasks. Everything here is arithmetic on literals; `contraction.ts` writes the code.
 *
 * A register tile is `rows` × `vectors` accumulators. Each step of the sum loads `vectors` vectors of the one
 * operand and broadcasts `rows` elements of the other, so wide tiles reuse what they load. The figures
 * behind the choices (tiles within 7 % of each other) were measured with generated C on AVX-512 machines of two
 * generations: a panel of 64 columns of a 784 × 512 matrix is used at 58 % of peak where it lies and at 92 % when packed.
 */

import { bytesPerElement } from "../graph/dtype.ts";
import { sizeAt } from "../graph/extent.ts";
import { axesOfNode } from "../optimize/fusion/linear-access.ts";
import type { StridedContraction } from "../optimize/fusion/strided-contraction.ts";
import type { TargetDescription } from "../optimize/target-description.ts";
import { cutSums, type SumBlocks, type SumLoop, sumLoops } from "./contraction-sums.ts";

export interface ContractionPlan {
  readonly contraction: StridedContraction;
  /** Accumulators of a register tile: rows × vectors of `lanes`. */
  readonly rows: number;
  readonly vectors: number;
  readonly lanes: number;
  /** The parallel axis along which a tile has its rows; null if there is one row. */
  readonly rowAxis: number | null;
  /** Other axes that rows run along, outermost loop first: tiles all along them use the same panel. */
  readonly rowLoops: readonly number[];
  /** Parallel axes that neither rows nor lanes run along, outermost first. */
  readonly outerAxes: readonly number[];
  /** Loops of the sum, outermost first; neighbours that make one run in both operands are merged. */
  readonly sums: readonly SumLoop[];
  /** Points along the vector axis. */
  readonly columns: number;
  /**
   * Whether the panel of the running operand is copied to where its columns lie side by side: because they
   * do not, or because its rows are so far apart that they push each other out of the cache.
   */
  readonly packed: boolean;
  /** Of the first of the row loops, or without one of the row axis, how many places one task goes through. */
  readonly rowsPerTask: number;
  /** How a sum is cut whose panel does not stay in the cache while tiles go through it; null if it is not. */
  readonly blocks: SumBlocks | null;
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

/** What the sums so far of a task's rows may take of it. */
const sumShare = 1 / 4;

/** Tiles of rows that go through a panel and repay packing it. */
const leastPackedTiles = 8;

/** Tasks beyond which cutting rows gives threads nothing but panels to pack again. */
const enoughTasks = 16;

/** The same where sums are blocked: every task goes through all of the panel. */
const enoughBlockedTasks = 4;

/**
 * Bytes from row to row that put each row of a tile on a page of its own, and what a step of such a tile then costs:
 * rows of images beat rows of a batch of images.
 */
const farBytes = 1 << 13;
const farCost = 1.15;

/** `wholeRows`: a tile holds all columns, because the group goes on with whole rows. */
export function planContraction(
  contraction: StridedContraction,
  batchMax: number,
  target: TargetDescription,
  { wholeRows = false }: { readonly wholeRows?: boolean } = {},
): ContractionPlan {
  const { node, run, vectorAxis, rowAxes, outerAxes } = contraction;
  const extents = axesOfNode(node);
  const size = (axis: number) => sizeAt(extents[axis]!, batchMax);
  const columns = size(vectorAxis);
  const lanes = target.vectorLanes;
  const sums = sumLoops(contraction);
  const sumPoints = sums.reduce((product, { extent }) => product * sizeAt(extent, batchMax), 1);
  const narrowest = wholeRows ? Math.ceil(columns / lanes) : 1;
  const [, cache] = target.cacheBytes;
  const share = panelShare * cache;
  const panelBytes = (vectors: number) => 4 * lanes * vectors * sumPoints;
  const allRows = rowAxes.reduce((product, axis) => product * size(axis), 1);
  const cut = (widest: number) =>
    cutRows(contraction, batchMax, target, narrowest, Math.max(narrowest, widest));
  const rowStep = Math.abs(sums.at(-1)!.runStep);
  const alone = cut(Number.POSITIVE_INFINITY);
  const stays = panelBytes(alone.vectors) <= share;
  const blocked = cut(widestBlocked);
  const sumBytes = (4 * lanes * blocked.vectors * allRows) / blocked.places;
  const isBlocked = !stays && allRows > blocked.rows && sumBytes * blocked.step <= sumShare * cache;
  const narrow = Math.floor(share / panelBytes(1));
  const chosen = stays ? alone : isBlocked ? blocked : cut(narrow);
  const { rowAxis, rows, vectors, rowLoops, places, step } = chosen;
  const width = vectors * lanes;
  const blockPoints = (blockShare * cache) / (4 * width);
  const isTransposed = run.steps[vectorAxis] !== 1;
  const panelPoints = isBlocked ? blockPoints : sumPoints;
  const isScattered = rowStep > width && panelPoints * width > nearElements(rowStep, width, target);
  const leastRows = isBlocked ? leastBlockRows : leastPackedTiles * rows;
  const packed = isTransposed || (isScattered && allRows >= leastRows);
  const tasks = outerAxes.reduce(
    (product, axis) => product * size(axis),
    Math.ceil(columns / width),
  );
  const flopsPerRow = 2 * Math.min(columns, width) * sumPoints;
  const worthwhile = (target.taskSeconds * target.peakFlops) / flopsPerRow;
  const least = Math.max(
    worthwhile,
    packed && !isBlocked ? leastPackedTiles * rows : 1,
    (allRows * tasks) / (isBlocked ? enoughBlockedTasks : enoughTasks),
  );
  const fewest = isBlocked ? (sumBytes * places) / (sumShare * cache) : 1;
  const chunks = Math.max(
    evenTasks(places, (least * places) / allRows),
    Math.min(Math.ceil(fewest), places / step),
  );
  return {
    contraction,
    rows,
    vectors,
    lanes,
    rowAxis,
    rowLoops,
    outerAxes,
    sums,
    columns,
    packed,
    rowsPerTask: Math.ceil(places / (chunks * step)) * step,
    blocks: isBlocked ? cutSums(sums, blockPoints, batchMax) : null,
  };
}

/** The tile of the fewest cycles, where its rows run, and how many `places`, in steps of `step`, tasks can be cut at. */
function cutRows(
  { node, broadcast, vectorAxis, rowAxes }: StridedContraction,
  batchMax: number,
  target: TargetDescription,
  narrowest: number,
  widest: number,
) {
  const extents = axesOfNode(node);
  const size = (axis: number) => sizeAt(extents[axis]!, batchMax);
  const columns = size(vectorAxis);
  const tiles = rowAxes.map((axis) => {
    const tile = chooseTile(size(axis), columns, narrowest, widest, target);
    const isFar = tile.rows > 1 && 4 * Math.abs(broadcast.steps[axis]!) >= farBytes;
    return { axis, ...tile, cost: (tile.cycles / size(axis)) * (isFar ? farCost : 1) };
  });
  const cheapest = tiles.reduceRight<(typeof tiles)[number] | null>(
    (best, tile) => (best === null || tile.cost < best.cost ? tile : best),
    null,
  );
  const rowAxis = cheapest?.axis ?? null;
  const { rows, vectors } = cheapest ?? chooseTile(1, columns, narrowest, widest, target);
  const others = rowAxes.filter((axis) => axis !== rowAxis);
  const rowLoops = others.sort((a, b) => size(b) - size(a) || a - b);
  const cutAxis = rowLoops[0] ?? rowAxis;
  const places = cutAxis === null ? 1 : size(cutAxis);
  return { rowAxis, rows, vectors, rowLoops, places, step: cutAxis === rowAxis ? rows : 1 };
}

/** Lines of one set of the first-level cache: as many as all processors that matter have, or fewer. */
const ways = 8;

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

/** The tile that takes the fewest cycles for all rows and columns, tails included. */
export function chooseTile(
  rowCount: number,
  columns: number,
  narrowest: number,
  widest: number,
  { vectorLanes, vectorRegisters }: TargetDescription,
): { readonly rows: number; readonly vectors: number; readonly cycles: number } {
  const needed = Math.ceil(columns / vectorLanes);
  let best = { rows: 1, vectors: narrowest, cycles: Number.POSITIVE_INFINITY };
  for (let vectors = narrowest; vectors <= Math.min(4, needed, widest); vectors++) {
    for (let rows = 1; rows <= Math.min(16, rowCount); rows++) {
      if (rows * vectors + vectors + 2 > vectorRegisters && rows * vectors > 1) continue;
      const cycles = cyclesOfStep({ rows, vectors }, rowCount, needed);
      if (cycles < best.cycles) best = { rows, vectors, cycles };
    }
  }
  return best;
}

/** Cycles of one step of the sums of all tiles that so many rows and vectors of columns take, tails included. */
export function cyclesOfStep(
  { rows, vectors }: { readonly rows: number; readonly vectors: number },
  rowCount: number,
  needed: number,
): number {
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

/**
 * The largest power of two of parts that have at least `least` of `count` points each: any small number of
 * threads then has as much to do as the other.
 */
export function evenTasks(count: number, least: number): number {
  return 2 ** Math.max(0, Math.floor(Math.log2(count / least)));
}
