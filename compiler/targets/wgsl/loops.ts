/**
 * Loops of launches as loops of dispatches, and what a device has to know of them.
 *
 * A turn of a loop takes a dispatch for every wave of its launches: what one workgroup stores another sees only after the
 * dispatch, as barriers of WGSL are those of a workgroup (WGSL, "Synchronization Built-in Functions") and none is promised
 * to go on while another waits for it. A single workgroup could do all of a loop, but bodies of recurrent networks have
 * tens of tasks at usual batches, which would take it longer than dispatches do. All of a step's are in one command buffer.
 */

import type { WgslLoops, WgslOrder } from "../../../runtime/devices/webgpu/wgsl-program.ts";
import type { LaunchTree } from "../../kernel/module.ts";
import { WgslLimitError } from "./limit-error.ts";

/** A pipeline has eight uniforms with dynamic offsets, of which the step is one. */
const deepest = 7;

/** Dispatches by number in their loops, from those of each wave of launches by the first of it. */
export function printLoops(
  trees: readonly LaunchTree[],
  byFirst: ReadonlyMap<number, readonly number[]>,
): WgslOrder[] {
  return trees.flatMap((tree): readonly WgslOrder[] =>
    tree.kind === "launch"
      ? (byFirst.get(tree.launch) ?? [])
      : [{ times: tree.count, order: printLoops(tree.body, byFirst) }],
  );
}

/** Of graphs by name with what `printLoops` gives, nothing for those without loops. */
export function loopsOf(
  graphs: readonly (readonly [graph: string, order: readonly WgslOrder[]])[],
): WgslLoops | undefined {
  const looped = graphs.filter(([, order]) => order.length > 0);
  if (looped.length === 0) return undefined;
  const measures = looped.map(([, order]) => measure(order));
  const depth = Math.max(...measures.map((each) => each.depth));
  if (depth > deepest) {
    throw new WgslLimitError(
      `loops are nested ${depth} deep, and WebGPU has uniforms for ${deepest}: unroll one of them`,
    );
  }
  return {
    depth,
    longest: Math.max(...measures.map((each) => each.longest)),
    graphs: Object.fromEntries(
      looped.map(([graph, order], i) => [graph, { order, dispatches: measures[i]!.dispatches }]),
    ),
  };
}

function measure(order: readonly WgslOrder[]): Omit<WgslLoops, "graphs"> & { dispatches: number } {
  let [depth, longest, dispatches] = [0, 0, 0];
  for (const each of order) {
    if (typeof each === "number") {
      dispatches++;
      continue;
    }
    const inner = measure(each.order);
    depth = Math.max(depth, 1 + inner.depth);
    longest = Math.max(longest, each.times, inner.longest);
    dispatches += each.times * inner.dispatches;
  }
  return { depth, longest, dispatches };
}
