/**
 * How a contraction is cut for warpgroups. A workgroup computes tiles of 64 rows for each of its one or two *consumers*,
 * the warpgroups that multiply, while a *producer* keeps a ring of panels full.
 *
 * Figures of an H100 at 1.76 GHz (132 multiprocessors; data sheet, and arXiv:2402.13499 for shared memory), and a product
 * of 64 × N × 16 halves, which is 1024 N multiply-adds:
 *
 * - its arithmetic takes N/2 cycles;
 * - its operands are 2048 + 32 N bytes of shared memory, at 128 a cycle 16 + N/4 cycles: less than the arithmetic from
 *   N = 64 on, so that smaller N starve the units;
 * - a panel of 64 points for a tile of R × C is 128 (R + C) bytes for R·C·128 operations. Second-level caches give about 8
 *   TB/s to copies of boxes: 128 × 128 tiles were measured to reach 498 TFLOP/s with a ring, at 64 operations a byte.
 *
 * | tile      | consumers | registers for sums | operations a byte | panel  | measured, 4096³ (fast.cu) |
 * | 64 × 64   | 1         | 32                 | 32                | 16 KiB |                           |
 * | 128 × 128 | 2         | 64                 | 64                | 32 KiB | 498 TFLOP/s               |
 * | 128 × 256 | 2         | 128                | 85                | 48 KiB | 610, persistent 660       |
 *
 * Large tiles want fewer bytes, small ones keep all multiprocessors busy: the plan is the one of least predicted time.
 */

import { bytesPerElement } from "../../graph/dtype.ts";
import { type Extent, sizeAt } from "../../graph/extent.ts";
import {
  lineBytes,
  multiplyWarpgroup,
  operandElement,
  stepBytes,
  type WarpgroupOperand,
  warpgroupRows,
  warpgroupThreads,
} from "../../kernel/hopper-intrinsics.ts";
import { subgroupThreads } from "../../kernel/intrinsics.ts";
import type { KernelFunction } from "../../kernel/ir.ts";
import type { TiledContraction } from "../../optimize/fusion/tiled-contraction.ts";
import type { MatrixUnits, WorkgroupLimits } from "../../optimize/target-description.ts";
import type { ContractionSizes } from "./contraction-plan.ts";
import { depthDivides, type MappedOperand, mapOperand } from "./hopper-operand.ts";

/** An operand's panels in shared memory: boxes of lines of 128 bytes. */
export interface BoxPanel {
  readonly operand: MappedOperand;
  /** Boxes of a panel, and lines of each. */
  readonly boxes: number;
  readonly lines: number;
  /** By how much the tile's rows move from box to box, where they run through memory. */
  readonly boxRows: number;
  /** Of a panel, in elements. */
  readonly elements: number;
  /** From the panel's start to that of the next product's operand along the sum, in elements. */
  readonly stepElements: number;
}

export interface HopperTile {
  /** Warpgroups that multiply, each 64 rows. */
  readonly consumers: 1 | 2;
  readonly columns: number;
}

export interface HopperPlan extends HopperTile {
  readonly contraction: TiledContraction;
  readonly type: WarpgroupOperand;
  readonly rows: number;
  /** Points of the sum in a panel. */
  readonly depth: number;
  /** Products along the sum of a panel. */
  readonly steps: number;
  readonly stages: number;
  readonly left: BoxPanel;
  readonly right: BoxPanel;
  readonly multiply: KernelFunction;
  /** How far apart the right operand's boxes are, as the product takes it. */
  readonly rightBytes: number;
  /** Threads that multiply, and all threads. */
  readonly consumerThreads: number;
  readonly threads: number;
  /** Whether the producer is a whole warpgroup, which can give registers to the consumers; else it is a warp. */
  readonly movesRegisters: boolean;
}

/** What the epilogue needs beside the ring. */
export interface HopperNeeds {
  /** Bytes of shared memory that maps on tiles of so many rows and columns take. */
  readonly epilogueBytes: (rows: number, columns: number) => number;
  /** Seconds that one multiprocessor takes for each output of a tile. */
  readonly outputSeconds: number;
}

/** Undefined where an operand is no matrix that boxes are copied of, or is too small. */
export function planHopperContraction(
  contraction: TiledContraction,
  units: MatrixUnits,
  { concurrency }: Pick<WorkgroupLimits, "concurrency">,
  needs: HopperNeeds,
): HopperPlan | undefined {
  const type = units.operands;
  const left = mapOperand(contraction, "left", type);
  const right = mapOperand(contraction, "right", type);
  if (left === undefined || right === undefined) return undefined;
  if (type === "tf32" && (left.isTransposed || right.isTransposed)) return undefined;
  const elementBytes = bytesPerElement[operandElement[type]];
  const depth = lineBytes / elementBytes;
  if (![left, right].every((operand) => depthDivides(operand, contraction, depth)))
    return undefined;
  const { box, outerAxes } = contraction;
  const size = (extent: Extent) => sizeAt(extent, box.batchMax);
  const sizes: ContractionSizes = {
    rows: size(contraction.rows.extent),
    columns: size(contraction.columns.extent),
    sum: size(contraction.sum.extent),
    outer: box.axes.slice(0, outerAxes).reduce((product, extent) => product * size(extent), 1),
  };
  if (sizes.rows < fewestRows || sizes.columns < fewestColumns) return undefined;
  const boxColumns = right.isTransposed ? depth : 1;
  const chosen = chooseHopperTile(sizes, { ...needs, depth, boxColumns, concurrency, units });
  if (chosen === undefined) return undefined;
  const { consumers, columns, stages } = chosen;
  const rows = warpgroupRows * consumers;
  const rightPanel = panelOf(right, columns, depth);
  const consumerThreads = warpgroupThreads * consumers;
  const movesRegisters = consumers === 2 && columns > fewSums;
  return {
    contraction,
    type,
    consumers,
    rows,
    columns,
    depth,
    steps: lineBytes / stepBytes,
    stages,
    left: panelOf(left, rows, depth),
    right: rightPanel,
    multiply: multiplyWarpgroup(columns, type, {
      left: left.isTransposed,
      right: right.isTransposed,
    }),
    rightBytes: right.isTransposed ? lineBytes * depth : unusedBytes,
    consumerThreads,
    threads: consumerThreads + (movesRegisters ? warpgroupThreads : subgroupThreads),
    movesRegisters,
  };
}

/** Below these most of what is multiplied are zeros. */
const fewestRows = 16;
const fewestColumns = 16;

/** Columns up to which the sums of two consumers, 64 a thread, leave registers enough with those that all start with. */
const fewSums = 128;

/** What a descriptor has where the offset means nothing. */
const unusedBytes = 16;

function panelOf(operand: MappedOperand, width: number, depth: number): BoxPanel {
  const bytes = bytesPerElement[operand.value.dtype];
  const line = lineBytes / bytes;
  if (!operand.isTransposed) {
    return {
      operand,
      boxes: 1,
      lines: width,
      boxRows: 0,
      elements: width * line,
      stepElements: stepBytes / bytes,
    };
  }
  const boxes = width / line;
  return {
    operand,
    boxes,
    lines: depth,
    boxRows: line,
    elements: boxes * depth * line,
    stepElements: (stepBytes / bytes) * line,
  };
}

interface TileChoice extends HopperNeeds {
  readonly depth: number;
  /** What columns are copied and multiplied by: those of transposed panels by whole boxes. */
  readonly boxColumns: number;
  readonly concurrency: number;
  readonly units: Pick<MatrixUnits, "sharedBytes" | "peakFlops">;
}

const tileColumns = [32, 64, 128, 192, 256];

/** Threads go evenly along the columns of tiles whose maps pass through shared memory. */
const isPowerOfTwo = (count: number) => Number.isInteger(Math.log2(count));

/** Panels in the ring: two are too few to hide the way to memory, and beyond six there is nothing left to hide. */
const fewestStages = 3;
const mostStages = 6;

/** What barriers take, each buffer rounded up to where boxes may start. */
const barrierBytes = 2 * 1024;

/** The tile of least predicted time; undefined where none fits. */
export function chooseHopperTile(
  sizes: ContractionSizes,
  choice: TileChoice,
): (HopperTile & { readonly stages: number }) | undefined {
  let best: (HopperTile & { readonly stages: number }) | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const consumers of [1, 2] as const) {
    for (const columns of tileColumns) {
      if (columns % choice.boxColumns !== 0) continue;
      const rows = warpgroupRows * consumers;
      const panelBytes = lineBytes * (rows + columns);
      const besides = choice.epilogueBytes(rows, columns);
      if (besides > 0 && !isPowerOfTwo(columns)) continue;
      const room = choice.units.sharedBytes - barrierBytes - besides;
      const stages = Math.min(mostStages, Math.floor(room / panelBytes));
      if (stages < fewestStages) continue;
      const tile = { consumers, columns, stages };
      const seconds = predictedSeconds(sizes, tile, choice);
      if (seconds < least) {
        least = seconds;
        best = tile;
      }
    }
  }
  return best;
}

/** Bytes a second that copies of boxes get from the second-level cache: all multiprocessors together, and one of them. */
const copyBandwidth = 8e12;
const ownCopyBandwidth = 113e9;

/** Seconds from asking for a panel to having it. */
const panelSeconds = 0.6e-6;

/** What a product pays for reading its rows: as many columns. */
const operandColumns = 32;

/**
 * What a tile costs: rounds of one tile a multiprocessor, each as long as its panels take to be multiplied, to be copied, or
 * to come, whichever takes longest; then its outputs, during which the next tile's panels come.
 */
function predictedSeconds(
  { rows, columns, sum, outer }: ContractionSizes,
  { consumers, columns: width, stages }: HopperTile & { readonly stages: number },
  { depth, concurrency, units, outputSeconds }: Omit<TileChoice, "epilogueBytes" | "boxColumns">,
): number {
  const height = warpgroupRows * consumers;
  const tiles = outer * Math.ceil(rows / height) * Math.ceil(columns / width);
  const rounds = Math.ceil(tiles / concurrency);
  const panels = Math.ceil(sum / depth);
  // A product takes N/2 cycles for its arithmetic, or 16 + N/4 for its operands.
  const paid = Math.max(width, operandColumns + width / 2);
  const multiplying = (2 * height * paid * depth * concurrency) / units.peakFlops;
  const bandwidth = Math.min(ownCopyBandwidth, copyBandwidth / Math.min(tiles, concurrency));
  const copying = (lineBytes * (height + width)) / bandwidth;
  const waiting = panelSeconds / stages;
  const outputs = height * width * outputSeconds;
  return panelSeconds + rounds * (panels * Math.max(multiplying, copying, waiting) + outputs);
}
