/**
 * A contraction cut as a choice says: everything of a plan that follows from its tile, its packing and its blocks, and
 * which choices are legal. None changes what is summed in which order, so all of them give the same bits.
 */

import { type Extent, sizeAt } from "../graph/extent.ts";
import { axesOfNode, type LinearAccess, stepAlong } from "../optimize/fusion/linear-access.ts";
import type { StridedContraction } from "../optimize/fusion/strided-contraction.ts";
import type { PlanChoice, TargetDescription } from "../optimize/target-description.ts";
import { type SumBlocks, type SumLoop, sumLoops } from "./contraction-sums.ts";
import { isTile, stepOfTiles, type TiledSpace } from "./register-tiles.ts";

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

/** A contraction with what its sizes are on a target. */
export interface ContractionSpace {
  readonly contraction: StridedContraction;
  readonly target: TargetDescription;
  readonly batchMax: number;
  readonly size: (axis: number) => number;
  readonly sums: readonly SumLoop[];
  readonly sumSizes: readonly number[];
  readonly sumPoints: number;
  /** Of all row axes together. */
  readonly allRows: number;
  readonly columns: number;
  /** The fewest vectors of a tile. */
  readonly narrowest: number;
  /** Whether the columns of the running operand do not lie side by side: panels have to be packed. */
  readonly isTransposed: boolean;
}

/** `wholeRows`: a tile holds all columns, because the group goes on with whole rows. */
export function spaceOf(
  contraction: StridedContraction,
  batchMax: number,
  target: TargetDescription,
  wholeRows: boolean,
): ContractionSpace {
  const { node, run, vectorAxis, rowAxes } = contraction;
  const extents = axesOfNode(node);
  const size = (axis: number) => sizeAt(extents[axis]!, batchMax);
  const sums = sumLoops(contraction);
  const sumSizes = sums.map(({ extent }) => sizeAt(extent, batchMax));
  const columns = size(vectorAxis);
  return {
    contraction,
    target,
    batchMax,
    size,
    sums,
    sumSizes,
    sumPoints: product(sumSizes),
    allRows: product(rowAxes.map(size)),
    columns,
    narrowest: wholeRows ? Math.ceil(columns / target.vectorLanes) : 1,
    isTransposed: run.steps[vectorAxis] !== 1,
  };
}

function product(factors: readonly number[]): number {
  return factors.reduce((a, b) => a * b, 1);
}

/** What tiles with their rows along one of the row axes have to cover. */
export function tiledSpace(
  { contraction, size, columns, narrowest }: ContractionSpace,
  row: number | null,
): TiledSpace {
  return { rowCount: row === null ? 1 : size(contraction.rowAxes[row]!), columns, narrowest };
}

/** The row axes, by number, that a tile may have its rows along. */
export function rowsOf({ contraction: { rowAxes } }: ContractionSpace): (number | null)[] {
  return rowAxes.length === 0 ? [null] : [...rowAxes.keys()];
}

/** What one step of the sums of all columns takes for one place along the row axis, see `stepOfTiles`. */
export function stepOfPoint(
  space: ContractionSpace,
  tile: Pick<PlanChoice, "row" | "rows" | "vectors">,
): number {
  const { columns, target } = space;
  const { rowCount } = tiledSpace(space, tile.row);
  const needed = Math.ceil(columns / target.vectorLanes);
  return stepOfTiles(tile, rowCount, needed, target) / rowCount;
}

/** The axis along which rows of a task are cut, and how many places it has, in steps of so many. */
function rowsCut({ contraction, size }: ContractionSpace, { row, rows }: PlanChoice) {
  const { rowAxes } = contraction;
  const rowAxis = row === null ? null : rowAxes[row]!;
  const others = rowAxes.filter((axis) => axis !== rowAxis);
  const rowLoops = others.sort((a, b) => size(b) - size(a) || a - b);
  const cutAxis = rowLoops[0] ?? rowAxis;
  const places = cutAxis === null ? 1 : size(cutAxis);
  return { rowAxis, rowLoops, places, step: cutAxis === rowAxis ? rows : 1 };
}

/** What the sums so far of a task's rows may take of the second-level cache, where sums are cut into blocks. */
const sumShare = 1 / 4;

/** Points of the sum of panels that are packed as a whole: the copy is memory of one task. */
const longestPacked = 1 << 13;

/** Whether a plan may be cut like this: one that was kept may be for another version of the compiler. */
export function isLegal(space: ContractionSpace, choice: PlanChoice): boolean {
  const { contraction, target, sumSizes, sumPoints, allRows, isTransposed } = space;
  const { row, rows, vectors, packed, blocks } = choice;
  const { rowAxes } = contraction;
  if (row === null ? rowAxes.length > 0 : rowAxes[row] === undefined) return false;
  if (!isTile(choice, tiledSpace(space, row), target)) return false;
  if (isTransposed && !packed) return false;
  if (blocks === null) return isTransposed || !packed || sumPoints <= longestPacked;
  const { depth, steps } = blocks;
  const length = sumSizes[depth];
  if (length === undefined || !Number.isInteger(steps) || steps < 1) return false;
  // A task with the fewest rows that it can have.
  const { places, step } = rowsCut(space, choice);
  const sumBytes = (4 * vectors * target.vectorLanes * allRows * step) / places;
  return allRows > rows && sumBytes <= sumShare * target.cacheBytes[1];
}

/** Tiles of rows that go through a panel and repay packing it. */
export const leastPackedTiles = 8;

/** Tasks beyond which cutting rows gives threads nothing but panels to pack again. */
const enoughTasks = 16;

/** The same where sums are blocked: every task goes through all of the panel. */
const enoughBlockedTasks = 4;

/** The plan that a legal choice makes. */
export function cutContraction(space: ContractionSpace, choice: PlanChoice): ContractionPlan {
  const { contraction, target, size, sums, sumPoints, allRows, columns } = space;
  const { outerAxes } = contraction;
  const { rows, vectors, packed, blocks } = choice;
  const { rowAxis, rowLoops, places, step } = rowsCut(space, choice);
  const lanes = target.vectorLanes;
  const width = vectors * lanes;
  const isBlocked = blocks !== null;
  const tasks = product([Math.ceil(columns / width), ...outerAxes.map(size)]);
  const flopsPerRow = 2 * Math.min(columns, width) * sumPoints;
  const worthwhile = (target.taskSeconds * target.peakFlops) / flopsPerRow;
  const least = Math.max(
    worthwhile,
    packed && !isBlocked ? leastPackedTiles * rows : 1,
    (allRows * tasks) / (isBlocked ? enoughBlockedTasks : enoughTasks),
  );
  const sumBytes = 4 * width * allRows;
  const fewest = isBlocked ? sumBytes / (sumShare * target.cacheBytes[1]) : 1;
  const chunks = Math.max(
    evenTasks(places, (least * places) / allRows),
    Math.min(Math.ceil(fewest), places / step),
  );
  const rowsPerTask = Math.ceil(places / (chunks * step)) * step;
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
    rowsPerTask,
    blocks,
  };
}

/**
 * The largest power of two of parts that have at least `least` of `count` points each: any small number of
 * threads then has as much to do as the other.
 */
export function evenTasks(count: number, least: number): number {
  return 2 ** Math.max(0, Math.floor(Math.log2(count / least)));
}

/**
 * What two contractions have in common that one plan is the best for: sizes, how both operands lie in memory, and what
 * follows on the sums (`use`). Names of the model are no part of it.
 */
export function shapeOf(contraction: StridedContraction, batchMax: number, use: string): string {
  const { node, broadcast, run, vectorAxis, rowAxes, outerAxes, sumAxes } = contraction;
  const extents = axesOfNode(node);
  const text = ({ batch, constant }: Extent): string =>
    batch === 0 ? `${constant}` : `${batch}N${constant === 0 ? "" : `+${constant}`}`;
  const of = (axes: readonly number[], ...operands: readonly LinearAccess[]): string =>
    axes
      .map((d) => [text(extents[d]!), ...operands.map((o) => stepAlong(o, d))].join("/"))
      .join(" ");
  const parts = [
    `${broadcast.load.value.dtype}×${run.load.value.dtype}${broadcast.row === null ? "" : " by rows"}`,
    `N=${batchMax}`,
    `columns ${of([vectorAxis], run)}`,
    `rows ${of(rowAxes, broadcast)}`,
    `outer ${of(outerAxes, broadcast, run)}`,
    `sum ${of(sumAxes, broadcast, run)}`,
    use,
  ];
  return parts.filter((part) => !part.endsWith(" ")).join(", ");
}
