/** Loops over the blocks that a long sum is cut into, as `contraction-sums.ts` says. */

import { fixed } from "../graph/extent.ts";
import { constant, min, subtract } from "../kernel/build.ts";
import type { Expression } from "../kernel/ir.ts";
import {
  type Moved,
  movedAlong,
  type SumBlocks,
  type SumLoop,
  unmoved,
} from "./contraction-sums.ts";
import type { KernelBuilder } from "./kernel-builder.ts";
import { extentValue } from "./micro-kernel.ts";

/** One block of a sum. */
export interface SumBlock {
  readonly sums: readonly SumLoop[];
  /** How far the operands have moved at its first step. */
  readonly moved: Moved;
}

/** Loops over the blocks of a sum. */
export function forEachBlock(
  builder: KernelBuilder,
  sums: readonly SumLoop[],
  { depth, steps }: SumBlocks,
  visit: (block: SumBlock) => void,
  moved = unmoved,
): void {
  const [loop, ...inner] = sums as readonly [SumLoop, ...SumLoop[]];
  const { extent } = loop;
  const end = extentValue(extent);
  const isCut = depth === 0;
  const each = (k: Expression): void => {
    const next = movedAlong(moved, loop, k);
    if (!isCut) {
      forEachBlock(builder, inner, { depth: depth - 1, steps }, visit, next);
      return;
    }
    const rest = extent.batch === 0 ? extent.constant % steps : null;
    const block = { ...loop, extent: fixed(steps) };
    const count = rest === 0 ? null : builder.let("steps", min(constant(steps), subtract(end, k)));
    const cut = count === null ? block : { ...block, count, rest };
    visit({ sums: [cut, ...inner], moved: next });
  };
  builder.loop("block", constant(0), end, each, isCut ? steps : 1);
}
