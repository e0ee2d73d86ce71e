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
function secondsToMove(bytes: number, target: TargetDescription): number {
  return bytes / (bytes <= target.cacheBytes[1] ? target.cacheBandwidth : target.memoryBandwidth);
}

/** What passes between two groups, and what of it would be saved if they were one. */
export class Gain {
  /** Values that need not exist in memory any more. */
  values = 0;
  bytes = 0;
  seconds: number;
  readonly #target: TargetDescription;

  constructor(target: TargetDescription) {
    this.#target = target;
    this.seconds = target.launchSeconds;
  }

  /** Adds a tensor of so many bytes; one that vanishes is neither written nor read. */
  add(bytes: number, vanishes: boolean): void {
    const times = vanishes ? 2 : 1;
    if (vanishes) this.values++;
    this.bytes += times * bytes;
    this.seconds += times * secondsToMove(bytes, this.#target);
  }
}
