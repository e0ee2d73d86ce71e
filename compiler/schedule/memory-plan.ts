/**
 * Where everything lies. Persistent tensors have offsets of their own for the whole run; what lives within a
 * step shares one arena, each value from the launch that first writes it to the last that reads it; results of a
 * graph lie one after the other. Offsets are decided here, once, so peak memory is known before the first step.
 */

import { invariant } from "../diagnostics/diagnostic.ts";
import { elementsAt } from "../graph/extent.ts";
import type { Value } from "../graph/node.ts";
import { elementType } from "../kernel/algebra.ts";
import type { ElementType } from "../kernel/ir.ts";
import type { TargetDescription } from "../optimize/target-description.ts";
import type { Binding, ScheduledKernel, Scratch } from "./kernel-builder.ts";
import type { LoopAround, MemoryDepth } from "./loop-levels.ts";
import { hasRows } from "./row-loops.ts";

/** What a target asks of memory. */
export type MemoryRules = Pick<TargetDescription, "arenaAlignment" | "wordsOnly">;

export function aligned(bytes: number, { arenaAlignment }: MemoryRules): number {
  return Math.ceil(bytes / arenaAlignment) * arenaAlignment;
}

/** Bytes of a tensor at N = Nmax. */
function tensorBytes({ shape, dtype }: Value, batchMax: number, rules: MemoryRules): number {
  return elementsAt(shape, batchMax) * elementBytes(elementType(dtype), rules);
}

const naturalBytes: { readonly [K in ElementType]: number } = {
  f32: 4,
  f64: 8,
  f16: 2,
  bf16: 2,
  i32: 4,
  u32: 4,
  u8: 1,
  bool: 1,
};

/** Bytes of one element in an arena. */
export function elementBytes(
  dtype: ElementType,
  { wordsOnly }: Pick<MemoryRules, "wordsOnly">,
): number {
  return wordsOnly ? Math.max(4, naturalBytes[dtype]) : naturalBytes[dtype];
}

export interface Layout<K> {
  /** In bytes from the start of the arena. */
  readonly offsets: ReadonlyMap<K, number>;
  readonly bytes: number;
}

/** One after the other, in the order given. */
export function layoutInOrder(
  values: readonly Value[],
  batchMax: number,
  rules: MemoryRules,
): Layout<Value> {
  const offsets = new Map<Value, number>();
  let bytes = 0;
  for (const value of values) {
    if (offsets.has(value)) continue;
    offsets.set(value, bytes);
    bytes += aligned(tensorBytes(value, batchMax, rules), rules);
  }
  return { offsets, bytes };
}

/** Something that needs `bytes` from launch `first` to launch `last`, both included. */
export interface Block<K> {
  readonly key: K;
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

/**
 * Packs blocks so that no two that live at the same time overlap: larger ones first, each into the smallest
 * gap that holds it, or where there is none at the lowest free offset.
 */
export function packBlocks<K>(blocks: readonly Block<K>[], rules: MemoryRules): Layout<K> {
  const offsets = new Map<K, number>();
  const placed: (Block<K> & { readonly offset: number })[] = [];
  let bytes = 0;
  const order = [...blocks].sort((a, b) => b.bytes - a.bytes || a.first - b.first);
  for (const block of order) {
    const size = aligned(block.bytes, rules);
    const neighbours = placed
      .filter((other) => other.first <= block.last && block.first <= other.last)
      .sort((a, b) => a.offset - b.offset);
    let best: { readonly offset: number; readonly gap: number } | undefined;
    let end = 0;
    for (const neighbour of neighbours) {
      const gap = neighbour.offset - end;
      if (gap >= size && (best === undefined || gap < best.gap)) best = { offset: end, gap };
      end = Math.max(end, neighbour.offset + aligned(neighbour.bytes, rules));
    }
    const offset = best?.offset ?? end;
    offsets.set(block.key, offset);
    placed.push({ ...block, offset });
    bytes = Math.max(bytes, offset + size);
  }
  return { offsets, bytes };
}

/** What lives within one step of a graph: values that are neither kept nor returned, and scratch. */
export type Temporary = Value | Scratch;

/** A kernel and the loops that launch it, outermost first. */
export interface LoopedKernel extends ScheduledKernel {
  readonly around: readonly LoopOfRows[];
}

type LoopOfRows = Pick<LoopAround, "first" | "end" | "rowsPerTask">;

export interface TemporaryRules {
  readonly isTemporary: (value: Value) => boolean;
  /** How many of the loops around a use make the value anew in each iteration. */
  readonly depthOf: (value: Value) => MemoryDepth;
}

export interface TemporaryLayout extends Layout<Temporary> {
  /** Of values that only tasks of rows use, each of its own: the bytes from the part of one task to that of the next. */
  readonly taskBytes: ReadonlyMap<Temporary, number>;
}

/**
 * Lays out the temporaries of one graph's launches, given in order. What a loop reads or writes that is made outside of
 * it lives for all of the loop.
 *
 * What only tasks of rows use has memory for the rows of a task, as often as tasks run at a time: the next task that a
 * thread runs finds it in the cache. Tasks are in different iterations at a time, so all else that they make lives as long
 * as they do.
 */
export function planTemporaries(
  launches: readonly LoopedKernel[],
  { isTemporary, depthOf }: TemporaryRules,
  batchMax: number,
  rules: MemoryRules,
): TemporaryLayout {
  const owners = taskOwners(launches, isTemporary);
  const blocks = new Map<Temporary, Block<Temporary>>();
  launches.forEach(({ kernel, bindings, around }, at) => {
    bindings.forEach((binding, i) => {
      const memory = temporaryOf(binding, isTemporary);
      if (memory === undefined) return;
      const parameter = kernel.parameters[i]!;
      const rows = owners.get(memory)?.rowsPerTask ?? null;
      const loop =
        binding.kind === "scratch"
          ? undefined
          : around[depthOf(memory as Value)[rows === null ? "depth" : "inTask"]];
      const [first, last] = loop === undefined ? [at, at] : [loop.first, loop.end - 1];
      const known = blocks.get(memory);
      if (known !== undefined) {
        blocks.set(memory, { ...known, last: Math.max(known.last, last) });
        return;
      }
      const isRead = parameter.kind !== "window" || parameter.access === "read";
      invariant(!isRead, `${kernel.name} reads ${parameter.name} before anything wrote it`);
      const bytes =
        binding.kind === "scratch"
          ? binding.scratch.elements * elementBytes(binding.scratch.dtype, rules)
          : tensorBytes(memory as Value, rows ?? batchMax, rules);
      blocks.set(memory, { key: memory, bytes, first, last });
    });
  });
  return packWithTasks([...blocks.values()], owners, batchMax, rules);
}

/** The loop whose tasks alone use a value that has a part for each row, by value. */
function taskOwners(
  launches: readonly LoopedKernel[],
  isTemporary: (value: Value) => boolean,
): ReadonlyMap<Temporary, LoopOfRows> {
  const owners = new Map<Temporary, LoopOfRows | null>();
  for (const { bindings, around } of launches) {
    const loop = around.find(({ rowsPerTask }) => rowsPerTask !== null) ?? null;
    for (const binding of bindings) {
      const memory = temporaryOf(binding, isTemporary);
      if (memory === undefined) continue;
      const isOfRows = binding.kind === "tensor" && hasRows(binding.value);
      const known = owners.get(memory);
      const isShared = !isOfRows || (known !== undefined && known !== loop);
      owners.set(memory, isShared ? null : loop);
    }
  }
  return new Map([...owners].flatMap(([memory, loop]) => (loop === null ? [] : [[memory, loop]])));
}

/** Packs the parts of one task together, and as many of those as run at a time as one block. */
function packWithTasks(
  blocks: readonly Block<Temporary>[],
  owners: ReadonlyMap<Temporary, LoopOfRows>,
  batchMax: number,
  rules: MemoryRules,
): TemporaryLayout {
  const ofTasks = [...new Set(owners.values())].map((loop) => ({
    loop,
    layout: packBlocks(
      blocks.filter(({ key }) => owners.get(key) === loop),
      rules,
    ),
  }));
  const whole = packBlocks<Temporary | LoopOfRows>(
    [
      ...blocks.filter(({ key }) => !owners.has(key)),
      ...ofTasks.map(({ loop, layout }) => ({
        key: loop,
        bytes: layout.bytes * taskSlots(loop.rowsPerTask!, batchMax),
        first: loop.first,
        last: loop.end - 1,
      })),
    ],
    rules,
  );
  const offsets = new Map<Temporary, number>();
  const taskBytes = new Map<Temporary, number>();
  for (const { key } of blocks) if (!owners.has(key)) offsets.set(key, whole.offsets.get(key)!);
  for (const { loop, layout } of ofTasks) {
    for (const [key, offset] of layout.offsets) {
      offsets.set(key, whole.offsets.get(loop)! + offset);
      taskBytes.set(key, layout.bytes);
    }
  }
  return { offsets, bytes: whole.bytes, taskBytes };
}

/** More tasks than this wait for each other. */
const mostSlots = 64;

/** How many tasks of so many rows have memory at a time. */
export function taskSlots(rows: number, batchMax: number): number {
  return Math.min(Math.ceil(batchMax / rows), mostSlots);
}

function temporaryOf(
  binding: Binding,
  isTemporary: (value: Value) => boolean,
): Temporary | undefined {
  if (binding.kind === "scratch") return binding.scratch;
  const isMemory = binding.kind === "tensor" || binding.kind === "tensorMap";
  if (isMemory && isTemporary(binding.value)) return binding.value;
  return undefined;
}
