/**
 * What loops go through step by step: sequences that they read, and stacks that they write. Where those of a loop do not
 * fit a cache together, a step's part comes from memory each time, and what is written has to be fetched before it is.
 */

import { axesOf, loopsOf } from "../graph/affine.ts";
import { gathersOf, loadsOf } from "../graph/context.ts";
import { bytesPerElement } from "../graph/dtype.ts";
import { elementsAt, type Shape } from "../graph/extent.ts";
import type { Value } from "../graph/node.ts";
import type { TargetDescription } from "../optimize/target-description.ts";
import type { LeveledGroup } from "./loop-levels.ts";

/** Bytes of one step of a sequence. */
interface StepPart {
  /** The sequence. */
  readonly memory: Value;
  readonly bytes: number;
  readonly isWritten: boolean;
}

/** For each group the seconds that it waits for memory in an iteration, for the rows that it is made for. */
export function waitsForSequences(
  groups: readonly LeveledGroup[],
  { cacheBytes, memoryBandwidth, workgroup }: TargetDescription,
): readonly number[] {
  if (workgroup !== null) return groups.map(() => 0);
  const parts = groups.map(stepParts);
  const ofLoop = new Map<unknown, Map<Value, number>>();
  groups.forEach(({ around, surroundings }, i) => {
    const sequences = ofLoop.get(around) ?? new Map<Value, number>();
    ofLoop.set(around, sequences);
    for (const { memory } of parts[i]!) {
      sequences.set(memory, bytesOf(memory, memory.shape, surroundings.batchMax));
    }
  });
  return groups.map(({ around }, i) => {
    const together = [...ofLoop.get(around)!.values()].reduce((a, b) => a + b, 0);
    if (together <= cacheBytes[1]) return 0;
    const moved = parts[i]!.reduce(
      (sum, { bytes, isWritten }) => sum + (isWritten ? 2 : 1) * bytes,
      0,
    );
    return moved / memoryBandwidth;
  });
}

function stepParts({ group, surroundings, around }: LeveledGroup): readonly StepPart[] {
  const { batchMax, placeOf } = surroundings;
  if (around.length === 0 || group.scatter !== null) return [];
  const parts = new Map<Value, StepPart>();
  for (const { body } of group.stages) {
    const gathered = new Set(gathersOf(body).map(({ value }) => value));
    for (const { value, index } of loadsOf(body)) {
      if (group.scopes.has(value) || gathered.has(value)) continue;
      const isOfStep = (d: number) => axesOf(index[d]!).size === 0 && loopsOf(index[d]!).size > 0;
      const shape = value.shape.filter((_, d) => !isOfStep(d));
      if (shape.length === value.shape.length) continue;
      const { memory } = placeOf(value);
      parts.set(memory, { memory, bytes: bytesOf(value, shape, batchMax), isWritten: false });
    }
  }
  for (const value of group.writes) {
    const { memory, stacked } = placeOf(value);
    if (stacked === null) continue;
    parts.set(memory, { memory, bytes: bytesOf(value, value.shape, batchMax), isWritten: true });
  }
  return [...parts.values()];
}

function bytesOf({ dtype }: Value, shape: Shape, batchMax: number): number {
  return elementsAt(shape, batchMax) * bytesPerElement[dtype];
}
