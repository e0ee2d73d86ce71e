/**
 * How a contraction is cut: register tiles from the target's registers and the sizes at hand, panels of
 * columns, packing, and tasks. Everything here is arithmetic on literals; `contraction.ts` writes the code.
 *
 * A register tile is `rows` × `vectors` accumulators. Each step of the sum loads `vectors` vectors of the one
 * operand and broadcasts `rows` elements of the other, so wide tiles reuse what they load. The figures
 * behind the choices (tiles within 7 % of each other, nothing packed unless transposed) were measured with
 * generated C on AVX-512 machines of two generations: a panel of 64 columns of a 784 × 512 matrix is used at
 * 58 % of peak where it lies and at 92 % when packed.
 */

import { type Extent, sizeAt } from "../graph/extent.ts";
import { axesOfNode } from "../optimize/fusion/linear-access.ts";
import type { StridedContraction } from "../optimize/fusion/strided-contraction.ts";
import type { TargetDescription } from "../optimize/target-description.ts";

/** A loop of the sum: how far both operands move in one step. */
export interface SumLoop {
  readonly extent: Extent;
  readonly broadcastStep: number;
  readonly runStep: number;
}

export interface ContractionPlan {
  readonly contraction: StridedContraction;
  /** Accumulators of a register tile: rows × vectors of `lanes`. */
  readonly rows: number;
  readonly vectors: number;
  readonly lanes: number;
  /** The parallel axis along which a tile has its rows; null if there is one row. */
  readonly rowAxis: number | null;
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
  /** Rows that one task goes through: a multiple of `rows`. */
  readonly rowsPerTask: number;
}

/** What a panel may take of the second-level cache, beside the other operand. */
const panelShare = 0.5;

/** Tiles of rows that go through a panel and repay packing it. */
const leastPackedTiles = 8;

/** Tasks beyond which cutting rows gives threads nothing but panels to pack again. */
const enoughTasks = 16;

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
  const rowAxis = rowAxes.reduce<number | null>(
    (longest, axis) => (longest === null || size(axis) > size(longest) ? axis : longest),
    null,
  );
  const rowCount = rowAxis === null ? 1 : size(rowAxis);
  const columns = size(vectorAxis);
  const lanes = target.vectorLanes;
  const sums = sumLoops(contraction);
  const sumPoints = sums.reduce((product, { extent }) => product * sizeAt(extent, batchMax), 1);
  const narrowest = wholeRows ? Math.ceil(columns / lanes) : 1;
  const panelBytes = (vectors: number) => 4 * lanes * vectors * sumPoints;
  const widest = Math.max(
    narrowest,
    Math.floor((panelShare * target.cacheBytes[1]) / panelBytes(1)),
  );
  const { rows, vectors } = chooseTile(rowCount, columns, narrowest, widest, target);
  const isTransposed = run.steps[vectorAxis] !== 1;
  const isScattered = columns > vectors * lanes && panelBytes(vectors) > target.cacheBytes[0] / 2;
  const packed = isTransposed || (isScattered && rowCount >= leastPackedTiles * rows);
  const outer = [...outerAxes, ...rowAxes.filter((axis) => axis !== rowAxis)].sort((a, b) => a - b);
  const tasks = outer.reduce(
    (product, axis) => product * size(axis),
    Math.ceil(columns / (vectors * lanes)),
  );
  const flopsPerRow = 2 * Math.min(columns, vectors * lanes) * sumPoints;
  const worthwhile = (target.taskSeconds * target.peakFlops) / flopsPerRow;
  const least = Math.max(
    worthwhile,
    packed ? leastPackedTiles * rows : 1,
    (rowCount * tasks) / enoughTasks,
  );
  const chunks = evenTasks(rowCount, least);
  return {
    contraction,
    rows,
    vectors,
    lanes,
    rowAxis,
    outerAxes: outer,
    sums,
    columns,
    packed,
    rowsPerTask: Math.ceil(rowCount / (chunks * rows)) * rows,
  };
}

/** The tile that takes the fewest cycles for all rows and columns, tails included. */
export function chooseTile(
  rowCount: number,
  columns: number,
  narrowest: number,
  widest: number,
  { vectorLanes, vectorRegisters }: TargetDescription,
): { readonly rows: number; readonly vectors: number } {
  const needed = Math.ceil(columns / vectorLanes);
  let best = { rows: 1, vectors: narrowest };
  let fewest = Number.POSITIVE_INFINITY;
  for (let vectors = narrowest; vectors <= Math.min(4, needed, widest); vectors++) {
    for (let rows = 1; rows <= Math.min(16, rowCount); rows++) {
      if (rows * vectors + vectors + 2 > vectorRegisters && rows * vectors > 1) continue;
      const rowTiles = Math.ceil(rowCount / rows);
      const full = Math.floor(needed / vectors);
      const cycles =
        rowTiles * (full * tileCycles(rows, vectors) + tileCycles(rows, needed % vectors));
      if (cycles < fewest) {
        fewest = cycles;
        best = { rows, vectors };
      }
    }
  }
  return best;
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

function sumLoops({ node, broadcast, run, sumAxes }: StridedContraction): SumLoop[] {
  const extents = axesOfNode(node);
  const loops: SumLoop[] = [];
  for (const axis of sumAxes) {
    const inner: SumLoop = {
      extent: extents[axis]!,
      broadcastStep: broadcast.steps[axis]!,
      runStep: run.steps[axis]!,
    };
    const outer = loops.at(-1);
    const size = inner.extent.constant;
    const makesOneRun =
      outer !== undefined &&
      inner.extent.batch === 0 &&
      outer.broadcastStep === size * inner.broadcastStep &&
      outer.runStep === size * inner.runStep;
    if (!makesOneRun) {
      loops.push(inner);
      continue;
    }
    const { batch, constant } = outer.extent;
    loops[loops.length - 1] = {
      ...inner,
      extent: { batch: batch * size, constant: constant * size },
    };
  }
  return loops;
}
