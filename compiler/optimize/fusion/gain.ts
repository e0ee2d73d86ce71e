/**
 * What a merge of two groups is predicted to save: the bytes that need no longer be written and read, at
 * the bandwidth of the memory they would go through, and one launch.
 */

import { bytesPerElement } from "../../graph/dtype.ts";
import { elementsAt } from "../../graph/extent.ts";
import type { Value } from "../../graph/node.ts";
import type { TargetDescription } from "../target-description.ts";

export function bytesOf(value: Value, batchMax: number): number {
  return elementsAt(value.shape, batchMax) * bytesPerElement[value.dtype];
}

/** Seconds to move so many bytes of one tensor. */
export function secondsToMove(bytes: number, target: TargetDescription): number {
  const [, second] = target.cacheBytes;
  return bytes / (bytes <= second ? target.cacheBandwidth : target.memoryBandwidth);
}

/** How a value passes between two groups. */
export interface Passage {
  readonly value: Value;
  /** Whether the value need not exist in memory after the merge. */
  readonly vanishes: boolean;
  /** Whether both only read it. */
  readonly isShared: boolean;
}

export interface Gain {
  readonly bytes: number;
  readonly seconds: number;
}

export function gainOf(
  passages: readonly Passage[],
  batchMax: number,
  target: TargetDescription,
): Gain {
  let bytes = 0;
  let seconds = target.launchSeconds;
  for (const { value, vanishes } of passages) {
    const size = bytesOf(value, batchMax);
    const times = vanishes ? 2 : 1;
    bytes += times * size;
    seconds += times * secondsToMove(size, target);
  }
  return { bytes, seconds };
}
