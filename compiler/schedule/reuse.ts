/**
 * Where a step finds what its kernels read and write: in a thread's own caches, in the one that threads share, or beyond, by
 * how many bytes are touched between two uses of a tensor. What is used once in a step was last used in the step before.
 * Tasks that take rows of the batch through several kernels touch only those rows between one kernel and the next.
 *
 * The figure is a stack distance as of an LRU cache that holds whole tensors (Mattson et al. 1970, "Evaluation techniques for
 * storage hierarchies"), counted in bytes of kernels rather than of distinct tensors, as most are used twice.
 */

import { bareAxis } from "../graph/affine.ts";
import { gathersOf } from "../graph/context.ts";
import { bytesPerElement } from "../graph/dtype.ts";
import { elementsAt } from "../graph/extent.ts";
import type { Compute, GatherScalar, Value } from "../graph/node.ts";
import { axesOfNode } from "../optimize/fusion/linear-access.ts";
import type { Group } from "../optimize/group.ts";
import type { TargetDescription } from "../optimize/target-description.ts";
import { groupBytes, valueBytes } from "./cost.ts";
import type { LeveledGroup, LoopAround } from "./loop-levels.ts";
import { hasRows } from "./row-loops.ts";

/** A use of memory by a group: at what place in the bytes that a step touches. */
interface Use {
  readonly group: number;
  /** What the group touches of it, for the rows that it is made for; of what data choose, as much as takes as long. */
  readonly bytes: number;
  readonly isWrite: boolean;
}

/**
 * For each group the seconds that one thread moves memory, for the rows that it is made for; null in loops of several
 * iterations, whose waits are counted by what they go through, and where tasks are run by workgroups.
 */
export function movingSeconds(
  groups: readonly LeveledGroup[],
  batchMax: number,
  target: TargetDescription,
): readonly (number | null)[] {
  const isKnown = ({ group, around }: LeveledGroup) =>
    target.workgroup === null && group.scatter === null && around.every(({ count }) => count === 1);
  const uses = new Map<Value, Use[]>();
  groups.forEach(({ group, surroundings }, i) => {
    const rows = surroundings.batchMax;
    const add = (value: Value, bytes: number, isWrite: boolean): void => {
      const { memory } = surroundings.placeOf(value);
      const known = uses.get(memory) ?? [];
      uses.set(memory, known);
      known.push({ group: i, bytes, isWrite });
    };
    for (const value of group.reads) add(value, bytesRead(group, value, rows, target), false);
    for (const value of group.writes) add(value, valueBytes(value, rows), true);
  });
  const clocks = clocksOf(groups, batchMax);
  const seconds = groups.map(() => 0);
  for (const [memory, all] of uses) {
    all.forEach((use, k) => {
      const { group, bytes, isWrite } = use;
      const isOfRows = hasRows(memory);
      const before = clocks.between(all.at(k - 1)!.group, group, isOfRows);
      seconds[group]! += bytes / bandwidthAt(before, target);
      if (!isWrite) return;
      // Lines are fetched before they are written, and leave the caches that whoever reads them does not find them in.
      const after = clocks.between(group, all[(k + 1) % all.length]!.group, isOfRows);
      seconds[group]! += bytes / bandwidthAt(after, target);
    });
  }
  return groups.map((group, i) => (isKnown(group) ? seconds[i]! : null));
}

/** Bytes of a line of the caches of all processors that matter. */
const lineBytes = 64;

/**
 * How many lines one after the other a processor has in the time of one that data choose, which it does not foresee: rows of
 * 64 to 512 bytes from tables beyond the second-level cache took 2 to 4 times as long as in order.
 */
const unforeseen = 3;

/** Bytes that a group reads of a value: what it looks up in a table that is not near, by lines and as long as they take. */
function bytesRead(
  { stages }: Group,
  value: Value,
  batchMax: number,
  { cacheBytes }: TargetDescription,
): number {
  const bytes = valueBytes(value, batchMax);
  if (bytes <= cacheBytes[1]) return bytes;
  const lookedUp = stages.flatMap((node) =>
    gathersOf(node.body)
      .filter((gather) => gather.value === value)
      .map((gather) => gatheredLines(node, gather, batchMax)),
  );
  if (lookedUp.length === 0) return bytes;
  return lookedUp.reduce((sum, lines) => sum + unforeseen * lineBytes * lines, 0);
}

/** Lines that a node looks up: of each place that data choose the elements side by side, from the last dimensions. */
function gatheredLines(node: Compute, { value, index }: GatherScalar, batchMax: number): number {
  const extents = axesOfNode(node);
  const axes = index.map((at) => (at.kind === "index" ? bareAxis(at.index) : undefined));
  const run = axes.slice(axes.lastIndexOf(undefined) + 1).map((axis) => extents[axis!]!);
  const elements = elementsAt(run, batchMax);
  const places = elementsAt(extents, batchMax) / elements;
  return places * Math.ceil((elements * bytesPerElement[value.dtype]) / lineBytes);
}

/** Bytes that are touched from one group to another, this one included: in the next step if it is not later. */
function clocksOf(groups: readonly LeveledGroup[], batchMax: number) {
  const bytes = groups.map(({ group, surroundings }) => groupBytes(group, surroundings.batchMax));
  const scale = groups.map(({ surroundings }) => batchMax / surroundings.batchMax);
  const ofStep = bytes.map((each, i) => each * scale[i]!);
  const sum = (of: readonly number[], from: number, to: number) =>
    of.slice(from, to).reduce((a, b) => a + b, 0);
  const total = sum(ofStep, 0, groups.length);
  const run = (i: number): LoopAround | undefined =>
    groups[i]!.around.find(({ rowsPerTask }) => rowsPerTask !== null);
  return {
    between(from: number, to: number, hasRowsOfBatch: boolean): number {
      const around = run(to);
      const isSameTask = around !== undefined && around === run(from) && from < to;
      // What all rows read, the task before has read.
      if (isSameTask || (around !== undefined && !hasRowsOfBatch)) {
        const inTask = groups.map((_, i) => (run(i) === around ? bytes[i]! : 0));
        return isSameTask ? sum(inTask, from + 1, to + 1) : sum(inTask, 0, groups.length);
      }
      if (from < to) return sum(ofStep, from + 1, to + 1);
      return total - sum(ofStep, to + 1, from + 1);
    },
  };
}

/** Bytes a second of what was last used so many bytes ago. */
export function bandwidthAt(bytes: number, target: TargetDescription): number {
  const { cacheBytes, cacheBandwidth, sharedCache, memoryBandwidth } = target;
  if (bytes <= cacheBytes[1]) return cacheBandwidth;
  return sharedCache !== null && bytes <= sharedCache.bytes
    ? sharedCache.bandwidth
    : memoryBandwidth;
}
