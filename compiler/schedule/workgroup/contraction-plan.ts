/**
 * How a contraction is cut for workgroups. Everything here is arithmetic on literals; `contraction.ts` writes the
 * code.
 *
 * A workgroup computes a tile of rows × columns. Step by step along the sum it copies a panel of either operand to
 * shared memory, and each thread adds threadRows × threadColumns products a point of the sum to its registers. What
 * the choice is about, with figures of a usual device (128 multiply-adds and 128 bytes of shared memory a cycle
 * for each of its cores, 64 KiB of registers by four):
 *
 * | tile    | threads | each  | flops a byte copied | reads of four words a multiply-add | registers, bytes shared |
 * | 16 × 16 | 64      | 1 × 4 | 4                   | 5/16                               | 4 + 5, 4 KiB            |
 * | 32 × 32 | 64      | 4 × 4 | 8                   | 2/16                               | 16 + 8, 8 KiB           |
 * | 64 × 64 | 256     | 4 × 4 | 16                  | 2/16                               | 16 + 8, 8 KiB           |
 * | 128 × 64| 256     | 8 × 4 | 21                  | 3/32                               | 32 + 12, 12 KiB         |
 *
 * Threads of one row of the tile read the same elements of the left operand, which shared memory hands to all of
 * them at once; so with 4 × 4 a thread arithmetic and shared memory are about even (4 cycles against 3 for 32
 * threads), and with 8 × 4 arithmetic bounds it (8 against 4). Large tiles want fewer bytes, small ones keep all of
 * the device busy and round small shapes up less: the plan is the one of least predicted time.
 */

import { type Extent, isFixed, sizeAt } from "../../graph/extent.ts";
import type { TiledContraction } from "../../optimize/fusion/tiled-contraction.ts";
import type { TargetDescription, WorkgroupLimits } from "../../optimize/target-description.ts";
import { contiguityOf, type RunDirection } from "./contraction-runs.ts";

/** Elements of a vector in shared memory, and of one in global memory where elements lie side by side. */
export const quad = 4;

export interface TileShape {
  /** Rows and columns of a thread; columns are a multiple of four. */
  readonly threadRows: number;
  readonly threadColumns: number;
  /** Threads along the rows and along the columns of the tile; powers of two. */
  readonly down: number;
  readonly across: number;
  /** Points of the sum in a panel: a multiple of four. */
  readonly depth: number;
}

/** How an operand's panel lies in shared memory, and how it gets there. */
export interface PanelPlan {
  /** Rows (or columns) of the tile. */
  readonly width: number;
  readonly depth: number;
  /**
   * What a vector of four runs along: `points` of the panel are then lines of its width, or each row is a line of
   * points of the sum.
   */
  readonly quads: "width" | "depth";
  /** Elements from line to line: somewhat more than a line, so that threads that store down a column miss each other. */
  readonly stride: number;
  /** Whether four elements are read by one access: they lie side by side, from a multiple of four on. */
  readonly isWide: boolean;
  /** Whether neighbouring threads copy along the quads, or across them. */
  readonly threadsAlongQuads: boolean;
}

export interface WorkgroupPlan {
  readonly contraction: TiledContraction;
  readonly tile: TileShape;
  readonly threads: number;
  readonly left: PanelPlan;
  readonly right: PanelPlan;
  readonly dtype: "f32" | "f16";
}

export interface PlanOptions {
  /** Whether windows that only these copies read may be read by four elements. */
  readonly mayBeWide: (operand: "left" | "right") => boolean;
}

export function planWorkgroupContraction(
  contraction: TiledContraction,
  target: TargetDescription & { readonly workgroup: WorkgroupLimits },
  { mayBeWide }: PlanOptions,
): WorkgroupPlan {
  const { rows, columns, sum, outerAxes, box } = contraction;
  const size = (extent: Extent) => sizeAt(extent, box.batchMax);
  const dtype = target.workgroup.f16 ? "f16" : "f32";
  const sizes = {
    rows: size(rows.extent),
    columns: size(columns.extent),
    sum: size(sum.extent),
    outer: box.axes.slice(0, outerAxes).reduce((product, extent) => product * size(extent), 1),
  };
  const tile = chooseTile(sizes, dtype === "f16" ? 2 : 4, target);
  const panel = (side: "left" | "right"): PanelPlan => {
    const operand = contraction[side]();
    const along = side === "left" ? rows : columns;
    const own = side === "left" ? tile.threadRows : tile.threadColumns;
    const direction = contiguityOf(operand, along, sum, box);
    const width = own * (side === "left" ? tile.down : tile.across);
    return panelPlan(width, tile.depth, own, direction, mayBeWide(side));
  };
  return {
    contraction,
    tile,
    threads: tile.down * tile.across,
    left: panel("left"),
    right: panel("right"),
    dtype,
  };
}

function panelPlan(
  width: number,
  depth: number,
  own: number,
  { contiguous, aligned }: RunDirection,
  mayBeWide: boolean,
): PanelPlan {
  // A thread whose share is no multiple of four rows cannot use vectors along them.
  const canRunAcross = own % quad === 0;
  const isWide = mayBeWide && aligned && (contiguous === "depth" || canRunAcross);
  // One by one, elements are read by neighbouring threads side by side, so that quads lie across that.
  const across = contiguous === "depth" ? "width" : "depth";
  const quads = isWide ? contiguous : canRunAcross ? across : "depth";
  const line = quads === "width" ? width : depth;
  return {
    width,
    depth,
    quads,
    stride: isWide && quads === "width" ? line : line + quad,
    isWide,
    threadsAlongQuads: quads === contiguous,
  };
}

/** Elements of a panel in shared memory. */
export function panelElements({ width, depth, quads, stride }: PanelPlan): number {
  return (quads === "width" ? depth : width) * stride;
}

export interface ContractionSizes {
  readonly rows: number;
  readonly columns: number;
  readonly sum: number;
  readonly outer: number;
}

/** The tile of least predicted time. */
export function chooseTile(
  sizes: ContractionSizes,
  elementBytes: number,
  target: TargetDescription & { readonly workgroup: WorkgroupLimits },
): TileShape {
  let best: TileShape | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const tile of candidates(sizes, elementBytes, target.workgroup)) {
    const seconds = predictedSeconds(sizes, tile, elementBytes, target);
    if (seconds < least) {
      least = seconds;
      best = tile;
    }
  }
  return best!;
}

function* candidates(
  { sum }: ContractionSizes,
  elementBytes: number,
  { threads: mostThreads, sharedBytes, registers }: WorkgroupLimits,
): Generator<TileShape> {
  for (const threads of [64, 128, 256].filter((count) => count <= mostThreads)) {
    for (const threadRows of [8, 4, 2, 1]) {
      for (const threadColumns of [4, 8]) {
        const used = threadRows * threadColumns + threadRows + threadColumns;
        if (used > registers) continue;
        for (let across = 1; across <= threads; across *= 2) {
          const down = threads / across;
          const [height, width] = [down * threadRows, across * threadColumns];
          if (height < quad) continue;
          for (const depth of [8, 16, 32]) {
            if (depth > 8 && depth >= 2 * sum) continue;
            // Both panels with the longer of their paddings.
            const lines = (side: number) => Math.max(side * (depth + quad), depth * (side + quad));
            const bytes = elementBytes * (lines(height) + lines(width));
            if (bytes <= sharedBytes) yield { threadRows, threadColumns, down, across, depth };
          }
        }
      }
    }
  }
}

/** Threads that fill the arithmetic of one of the places where workgroups run, and workgroups that share it. */
const fillingThreads = 128;
const residentGroups = 4;

/** Elements side by side that memory gives at once: fewer cost as much. */
const leastRun = 8;

/** Seconds from asking for a panel to having computed with it where nothing else runs meanwhile. */
const panelSeconds = 0.5e-6;

/** What a tile shape costs: its arithmetic or its copies, whichever takes longer, and waiting for panels. */
export function predictedSeconds(
  { rows, columns, sum, outer }: ContractionSizes,
  { threadRows, threadColumns, down, across, depth }: TileShape,
  elementBytes: number,
  {
    peakFlops,
    cacheBandwidth,
    workgroup,
  }: TargetDescription & {
    readonly workgroup: WorkgroupLimits;
  },
): number {
  const [height, width] = [down * threadRows, across * threadColumns];
  const threads = down * across;
  const groups = outer * Math.ceil(rows / height) * Math.ceil(columns / width);
  const panels = Math.ceil(sum / depth);
  const { concurrency } = workgroup;
  const busy = Math.min(1, (groups * threads) / (concurrency * fillingThreads));
  // In multiply-adds of a thread: those of its tile, or reading what they need from shared memory.
  const reads = ((elementBytes / 4) * (threadRows + 2 * threadColumns)) / 4;
  const operations = Math.max(threadRows * threadColumns, quad * reads);
  const arithmetic = (2 * groups * threads * panels * depth * operations) / (peakFlops * busy);
  const elements = Math.max(height, leastRun) + Math.max(width, leastRun);
  const bytes = 4 * groups * panels * depth * elements;
  const copies = bytes / (cacheBandwidth * Math.min(1, groups / concurrency));
  const rounds = Math.max(1, groups / (concurrency * residentGroups));
  return Math.max(arithmetic, copies) + rounds * panels * panelSeconds;
}

/** Whether a joined axis always ends with a whole tile. */
export function isWhole(extent: Extent, width: number): boolean {
  return isFixed(extent) && extent.constant % width === 0;
}
