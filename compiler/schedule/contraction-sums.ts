/**
 * The loops of a contraction's sum, and how a long sum is cut into blocks: rows of tiles go through a block of the panel
 * while it is in the cache, and their sums so far wait in memory of the task for the next. Products are added in the
 * same order as without blocks.
 */

import { type Extent, sizeAt } from "../graph/extent.ts";
import { add, constant, multiply } from "../kernel/build.ts";
import type { Expression } from "../kernel/ir.ts";
import { axesOfNode } from "../optimize/fusion/linear-access.ts";
import type { StridedContraction } from "../optimize/fusion/strided-contraction.ts";

/** A loop of the sum: how far both operands move in one step. */
export interface SumLoop {
  readonly extent: Extent;
  /** The axis of the node that it runs along; null if several make one run. */
  readonly axis: number | null;
  readonly broadcastStep: number;
  /** Rows of the batch by which the broadcast operand moves too, where it is a column of the data; else 0. */
  readonly broadcastRows: number;
  readonly runStep: number;
  /** Steps of a block of the loop where only known at run time: at most as many as the extent says. */
  readonly count?: Expression;
  /** How many there are in the last block, where the extent of the loop is a literal. */
  readonly rest?: number | null;
}

/** Loops before `depth` take one step a block, that of `depth` takes `steps`, those after it are in the block as they are. */
export interface SumBlocks {
  readonly depth: number;
  readonly steps: number;
}

/** How far the operands have moved from where they start: in elements, the broadcast one also in rows of the batch. */
export interface Moved {
  readonly broadcast: Expression;
  readonly broadcastRows: Expression;
  readonly run: Expression;
}

export const unmoved: Moved = {
  broadcast: constant(0),
  broadcastRows: constant(0),
  run: constant(0),
};

type LoopSteps = Pick<SumLoop, "broadcastStep" | "broadcastRows" | "runStep">;

/** How far one step of a loop moves both operands. */
function stepOf({ broadcastStep, broadcastRows, runStep }: LoopSteps): Moved {
  return {
    broadcast: constant(broadcastStep),
    broadcastRows: constant(broadcastRows),
    run: constant(runStep),
  };
}

/** So many steps of a loop further. */
export function movedAlong(moved: Moved, loop: LoopSteps, steps: Expression): Moved {
  return movedBy(moved, stepOf(loop), steps);
}

/** So many steps further. */
export function movedBy(
  { broadcast, broadcastRows, run }: Moved,
  step: Moved,
  steps: Expression,
): Moved {
  return {
    broadcast: add(broadcast, multiply(steps, step.broadcast)),
    broadcastRows: add(broadcastRows, multiply(steps, step.broadcastRows)),
    run: add(run, multiply(steps, step.run)),
  };
}

/** Steps of the innermost loop that blocks are cut at: whole lines, and whole vectors of all targets. */
const innermostSteps = 16;

/** The largest blocks of at most `most` points of the sum, or somewhat more where blocks are even then. */
export function cutSums(sums: readonly SumLoop[], most: number, batchMax: number): SumBlocks {
  const sizes = sums.map(({ extent }) => sizeAt(extent, batchMax));
  const within = (depth: number) => sizes.slice(depth + 1).reduce((a, b) => a * b, 1);
  let depth = 0;
  while (within(depth) > most) depth++;
  const size = sizes[depth]!;
  const even = Math.ceil(size / Math.ceil((size * within(depth)) / most));
  const step = depth === sums.length - 1 ? innermostSteps : 1;
  return { depth, steps: Math.ceil(even / step) * step };
}

export function sumLoops({ node, broadcast, run, sumAxes }: StridedContraction): SumLoop[] {
  const extents = axesOfNode(node);
  const loops: SumLoop[] = [];
  for (const axis of sumAxes) {
    const inner: SumLoop = {
      extent: extents[axis]!,
      axis,
      broadcastStep: broadcast.steps[axis]!,
      broadcastRows: broadcast.row?.steps[axis] ?? 0,
      runStep: run.steps[axis]!,
    };
    const outer = loops.at(-1);
    const size = inner.extent.constant;
    const makesOneRun =
      outer !== undefined &&
      inner.extent.batch === 0 &&
      outer.broadcastStep === size * inner.broadcastStep &&
      outer.broadcastRows === size * inner.broadcastRows &&
      outer.runStep === size * inner.runStep;
    if (!makesOneRun) {
      loops.push(inner);
      continue;
    }
    const { batch, constant: rest } = outer.extent;
    loops[loops.length - 1] = {
      ...inner,
      axis: null,
      extent: { batch: batch * size, constant: rest * size },
    };
  }
  return loops;
}
