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
import type { TiledContraction, TiledOperand } from "../../optimize/fusion/tiled-contraction.ts";
import type { WorkgroupLimits } from "../../optimize/target-description.ts";
import { contiguityOf, type RunDirection } from "./contraction-runs.ts";
import { predictedSeconds, type WorkgroupTarget } from "./contraction-time.ts";

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

/** A tile, and how many panels of either operand shared memory has room for at once. */
export interface TilePlan {
  readonly tile: TileShape;
  /**
   * 1: a panel is copied, and then computed with. More: panels are copied while threads compute with the one before, and
   * shared memory is a ring of so many.
   */
  readonly stages: number;
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

export interface WorkgroupPlan extends TilePlan {
  readonly contraction: TiledContraction;
  readonly threads: number;
  /** Threads side by side along the columns of the tile before the next are below them, see `threadsInBlock`. */
  readonly blockAcross: number;
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
  target: WorkgroupTarget,
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
  const sideOf = (side: "left" | "right") => {
    const operand = contraction[side]();
    const direction = contiguityOf(operand, side === "left" ? rows : columns, sum, box);
    const isWide = direction.aligned && mayBeWide(side);
    return { operand, direction, cost: copyInstructions[isWide ? "wide" : "single"] };
  };
  const sides = { left: sideOf("left"), right: sideOf("right") };
  const costOf = ({ operand, cost }: typeof sides.left) =>
    cost[isPlain(operand) ? "plain" : "other"];
  const copies = { left: costOf(sides.left), right: costOf(sides.right) };
  const { tile, stages } = planTile({ ...sizes, copies }, dtype === "f16" ? 2 : 4, target);
  const panel = (side: "left" | "right"): PanelPlan => {
    const { operand, direction } = sides[side];
    const own = side === "left" ? tile.threadRows : tile.threadColumns;
    const width = own * (side === "left" ? tile.down : tile.across);
    return panelPlan(width, tile.depth, own, direction, {
      mayBeWide: mayBeWide(side),
      mayRunAlong: stages === 1 || own <= quad || !isPlain(operand),
    });
  };
  return {
    contraction,
    tile,
    stages,
    threads: tile.down * tile.across,
    blockAcross: stages > 1 ? threadsInBlock(tile) : tile.across,
    left: panel("left"),
    right: panel("right"),
    dtype,
  };
}

/** Instructions for an element that is copied: with a linear place, and with one that is computed and may not be there. */
const copyInstructions = {
  wide: { plain: 0.5, other: 4 },
  single: { plain: 1.5, other: 12 },
} as const;

function panelPlan(
  width: number,
  depth: number,
  own: number,
  { contiguous, aligned }: RunDirection,
  { mayBeWide, mayRunAlong }: { readonly mayBeWide: boolean; readonly mayRunAlong: boolean },
): PanelPlan {
  // A thread whose share is no multiple of four rows cannot use vectors along them.
  const canRunAcross = own % quad === 0;
  const isWide = mayBeWide && aligned && (contiguous === "depth" ? mayRunAlong : canRunAcross);
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

/**
 * Whether an element's place is a linear function of row and sum, and always there. A vector along the sum is four points
 * of one line: of eight lines that is 32 registers at once, beside 64 of sums. Plain elements are laid across instead where
 * they are copied asynchronously, one by one, and pass through no registers; others cost too much one by one.
 */
function isPlain({ offset, guard }: TiledOperand): boolean {
  return guard.kind === "true" && offset.terms.every(({ atom }) => atom.kind === "axis");
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
  /** About how many instructions a thread has for an element of either operand that it copies; one without it. */
  readonly copies?: { readonly left: number; readonly right: number };
}

/** The tile of least predicted time. */
export function planTile(
  sizes: ContractionSizes,
  elementBytes: number,
  target: WorkgroupTarget,
): TilePlan {
  let best: TilePlan | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const plan of candidates(sizes, elementBytes, target.workgroup)) {
    const seconds = predictedSeconds(sizes, plan.tile, plan.stages, elementBytes, target);
    if (seconds < least) {
      least = seconds;
      best = plan;
    }
  }
  return best!;
}

/** Panels in shared memory at once, where they are copied while threads compute: three, or two if they are large. */
const ringStages = [3, 2];

function* candidates(
  { sum }: ContractionSizes,
  elementBytes: number,
  { threads: mostThreads, sharedBytes, registers, asynchronousCopies }: WorkgroupLimits,
): Generator<TilePlan> {
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
            const stages = (asynchronousCopies ? ringStages : [1]).find(
              (count) => count * bytes <= sharedBytes,
            );
            if (stages === undefined) continue;
            yield { tile: { threadRows, threadColumns, down, across, depth }, stages };
          }
        }
      }
    }
  }
}

/** Threads that read shared memory together: those of a subgroup, where panels are copied asynchronously. */
export const blockThreads = 32;

/**
 * Threads of a block along the columns of the tile: eight with four below each other where there are so many, so
 * that together they read the fewest words of shared memory: four vectors of rows and eight of columns, 64 and 128 bytes.
 */
function threadsInBlock({ down, across }: TileShape): number {
  return Math.min(across, Math.max(8, blockThreads / down));
}

/** Whether a joined axis always ends with a whole tile. */
export function isWhole(extent: Extent, width: number): boolean {
  return isFixed(extent) && extent.constant % width === 0;
}
