/**
 * How a contraction is cut for units that multiply small matrices, as a subgroup of 32 threads issues them
 * (`mma.sync`). Everything here is arithmetic on literals; `matrix-contraction.ts` writes the code.
 *
 * A workgroup computes a tile of rows × columns, each of its subgroups a block of it: step by step along the sum panels
 * of both operands are copied to a ring in shared memory, read from there into fragments of 16 × 16 and 16 × 8 halves
 * (16 × 8 and 8 × 8 of tf32) and multiplied, with sums in registers. What the choice is about, with figures of a
 * multiprocessor of an H200: 2048 multiply-adds of halves a cycle (989 TFLOP/s by 132 by 1.83 GHz), of which this
 * instruction reaches 0.65 (arXiv:2402.13499), so 1330; 128 bytes of shared memory a cycle; 65,536 registers of 32 bits;
 * 23 bytes a cycle from the second-level cache (5.5 TB/s). By point of the sum, of halves:
 *
 * | block of a subgroup | cycles of products | of reading fragments | registers of sums + fragments, twice |
 * | 16 × 16             | 0.19               | 0.5                  | 8 + 16                                |
 * | 32 × 32             | 0.77               | 1                    | 32 + 32                               |
 * | 64 × 32             | 1.5                | 1.5                  | 64 + 48                               |
 * | 64 × 64             | 3.1                | 2                    | 128 + 64                              |
 *
 * | tile      | flops a byte copied | cycles of products | of copying both panels |
 * | 64 × 64   | 32                  | 3.1                | 11                     |
 * | 128 × 128 | 64                  | 12                 | 22                     |
 * | 256 × 128 | 85                  | 25                 | 34                     |
 *
 * So large products want blocks of 64 × 64, for fewer fragments than products, and 256 × 128 of eight of them, as CUTLASS
 * has it for this generation (`media/docs/cpp/efficient_gemm.md`); the cache then bounds them at 73% of the instruction,
 * 470 TFLOP/s, of which 396 are known to be reached (kapilsh.github.io, "Learn CUTLASS the hard way 2", 52 to 55% of
 * cuBLAS). Larger blocks have no registers. Small products want smaller tiles, that all multiprocessors have some of. A
 * ring of three or four panels keeps two or three copies on their way, whose latency is some 0.5 µs. The plan is the one
 * of least predicted time, see `matrix-time.ts`.
 */

import { bytesPerElement } from "../../graph/dtype.ts";
import { type Extent, sizeAt } from "../../graph/extent.ts";
import { subgroupThreads } from "../../kernel/intrinsics.ts";
import type {
  JoinedAxis,
  TiledContraction,
  TiledOperand,
} from "../../optimize/fusion/tiled-contraction.ts";
import type { Box } from "../../optimize/simplify-index.ts";
import type { MatrixUnits } from "../../optimize/target-description.ts";
import type { ContractionSizes } from "./contraction-plan.ts";
import { runsBy, smallestStep } from "./contraction-runs.ts";
import {
  type MatrixPanel,
  type MatrixPlan,
  type MatrixTarget,
  type MatrixTile,
  unitColumns,
  unitDepth,
  unitRows,
} from "./matrix-shape.ts";
import { predictMatrixSeconds } from "./matrix-time.ts";

export interface MatrixPlanOptions {
  /** Bytes of shared memory that a tile takes beside its panels, given rows of a unit in all subgroups, and columns. */
  readonly besides: (tile: MatrixTile) => number;
}

/**
 * Whether a product is for units that multiply 16 × 8 by so many points: at least half of one has to be used, and operands
 * have to be rounded to narrow floats as the graph has it. To tf32, which graphs do not know, schedules round them.
 */
export function isForMatrixUnits(contraction: TiledContraction, matrix: MatrixUnits): boolean {
  const { rows, columns, sum } = sizesOf(contraction);
  const { operands } = matrix;
  const isRounded = ({ value, rounding }: TiledOperand) =>
    value.dtype === operands || rounding === operands || operands === "tf32";
  return (
    rows >= unitRows / 2 &&
    columns >= unitColumns &&
    sum >= unitDepth(operands) &&
    isRounded(contraction.left()) &&
    isRounded(contraction.right())
  );
}

export function planMatrixContraction(
  contraction: TiledContraction,
  target: MatrixTarget,
  { besides }: MatrixPlanOptions,
): MatrixPlan {
  const { operands } = target.workgroup.matrix;
  const dtype = operands === "tf32" ? "f32" : operands;
  const { rows, columns, sum, box } = contraction;
  const accessOf = (side: "left" | "right") =>
    operandAccess(contraction[side](), side === "left" ? rows : columns, sum, box, dtype);
  const access = { left: accessOf("left"), right: accessOf("right") };
  const isAsync = access.left.isAsync && access.right.isAsync;
  const sizes = sizesOf(contraction);
  let best: Omit<MatrixPlan, "contraction" | "operands" | "dtype"> | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const tile of candidates(sizes, operands)) {
    const { down, across } = tile;
    const threads = subgroupThreads * down * across;
    const left = panelPlan(tile.rows * down, tile.depth, access.left, dtype);
    const right = panelPlan(tile.columns * across, tile.depth, access.right, dtype);
    // What passes through registers is loaded one panel ahead, however many there are.
    for (const stages of isAsync ? [4, 3, 2] : [2]) {
      const plan = { tile, stages, threads, left, right };
      const seconds = predictMatrixSeconds(sizes, plan, dtype, besides(tile), target);
      if (seconds < least) {
        least = seconds;
        best = plan;
      }
    }
  }
  return { contraction, operands, dtype, ...best! };
}

function sizesOf({ rows, columns, sum, outerAxes, box }: TiledContraction): ContractionSizes {
  const size = (extent: Extent) => sizeAt(extent, box.batchMax);
  return {
    rows: size(rows.extent),
    columns: size(columns.extent),
    sum: size(sum.extent),
    outer: box.axes.slice(0, outerAxes).reduce((product, extent) => product * size(extent), 1),
  };
}

type OperandAccess = Pick<MatrixPanel, "lines" | "run" | "memoryBytes" | "isAsync">;

/** How an operand is read from memory: as many elements at a time as it has side by side, up to 16 bytes. */
function operandAccess(
  operand: TiledOperand,
  along: JoinedAxis,
  sum: JoinedAxis,
  box: Box,
  dtype: MatrixPlan["dtype"],
): OperandAccess {
  const memoryBytes = bytesPerElement[operand.value.dtype];
  const isKept = operand.value.dtype === dtype;
  const longest = isKept ? 16 / memoryBytes : 4;
  for (let run = longest; run > 1; run /= 2) {
    const shared = { run, memoryBytes, isAsync: isKept };
    if (runsBy(run, operand, sum, box)) return { lines: "depth", ...shared };
    if (runsBy(run, operand, along, box)) return { lines: "width", ...shared };
  }
  const step = (axis: number) => smallestStep(operand.offset, axis);
  const lines = step(sum.axis) <= step(along.axis) ? "depth" : "width";
  // Asynchronous copies move at least four bytes.
  return { lines, run: 1, memoryBytes, isAsync: isKept && memoryBytes >= 4 };
}

function panelPlan(
  width: number,
  depth: number,
  access: OperandAccess,
  dtype: MatrixPlan["dtype"],
): MatrixPanel {
  const line = access.lines === "width" ? width : depth;
  // Of halves, eight lines of 16 bytes are read at once: an odd number of 16 bytes apart they share no bank. Of f32, four
  // points in eight rows are, one by one: rows are 4 apart (modulo 8), or points 8 (modulo 16), of 32 banks.
  const padding = dtype === "f32" && access.lines === "depth" ? 4 : (line / 8) % 2 === 1 ? 0 : 8;
  return { width, depth, stride: line + padding, ...access };
}

/** Rows and columns of a subgroup: fragments are used the more often the nearer they are to a square. */
const blocks: readonly (readonly [rows: number, columns: number])[] = [
  [64, 64],
  [64, 32],
  [32, 64],
  [32, 32],
  [32, 16],
  [16, 32],
  [16, 16],
  [16, 8],
];

/** Subgroups of a tile: enough for the four schedulers of a multiprocessor, or two rounds of them. */
const mostSubgroups = 8;

/** Rows or columns of a tile: further ones save few bytes, and what remains of a result is a larger part of them. */
const longestSide = 256;

function* candidates(
  { rows, columns, sum }: ContractionSizes,
  operands: MatrixUnits["operands"],
): Generator<MatrixTile> {
  const depths = operands === "tf32" ? [16, 32] : [32, 64];
  for (const [blockRows, blockColumns] of blocks) {
    for (let subgroups = mostSubgroups; subgroups >= 1; subgroups /= 2) {
      for (let down = 1; down <= subgroups; down *= 2) {
        const across = subgroups / down;
        if (blockRows * down > longestSide || blockColumns * across > longestSide) continue;
        // A tile twice as large as the result leaves whole subgroups without work.
        if (down > 1 && blockRows * down >= 2 * rows) continue;
        if (across > 1 && blockColumns * across >= 2 * columns) continue;
        for (const depth of depths) {
          if (depth > depths[0]! && depth >= 2 * sum) continue;
          yield { rows: blockRows, columns: blockColumns, down, across, depth };
        }
      }
    }
  }
}
