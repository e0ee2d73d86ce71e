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
import type { LaunchLoop } from "../kernel/module.ts";
import type { TargetDescription } from "../optimize/target-description.ts";
import type { Binding, ScheduledKernel, Scratch } from "./kernel-builder.ts";

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
  readonly around: readonly Pick<LaunchLoop, "first" | "end">[];
}

export interface TemporaryRules {
  readonly isTemporary: (value: Value) => boolean;
  /** How many of the loops around a use make the value anew in each iteration. */
  readonly depthOf: (value: Value) => number;
}

/**
 * Lays out the temporaries of one graph's launches, given in order. What a loop reads or writes that is made outside of
 * it lives for all of the loop.
 */
export function planTemporaries(
  launches: readonly LoopedKernel[],
  { isTemporary, depthOf }: TemporaryRules,
  batchMax: number,
  rules: MemoryRules,
): Layout<Temporary> {
  const blocks = new Map<Temporary, Block<Temporary>>();
  launches.forEach(({ kernel, bindings, around }, at) => {
    bindings.forEach((binding, i) => {
      const memory = temporaryOf(binding, isTemporary);
      if (memory === undefined) return;
      const parameter = kernel.parameters[i]!;
      const loop = binding.kind === "scratch" ? undefined : around[depthOf(memory as Value)];
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
          : tensorBytes(memory as Value, batchMax, rules);
      blocks.set(memory, { key: memory, bytes, first, last });
    });
  });
  return packBlocks([...blocks.values()], rules);
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
