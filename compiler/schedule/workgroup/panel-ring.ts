/** The loop over the panels of a tile: one after the other, or through a ring of them in shared memory. */

import {
  add,
  constant,
  less,
  literalOf,
  operation,
  select,
  subtract,
  when,
} from "../../kernel/build.ts";
import { awaitCopies, commitCopies } from "../../kernel/intrinsics.ts";
import type { Expression, KernelFunction, Statement } from "../../kernel/ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import { extentValue } from "../micro-kernel.ts";
import type { PanelCopy } from "./contraction-copy.ts";
import type { WorkgroupPlan } from "./contraction-plan.ts";
import { addProducts, type ThreadTile } from "./contraction-tile.ts";

export interface PanelCopies {
  readonly left: PanelCopy;
  readonly right: PanelCopy;
}

/** Adds up the products of all panels. */
export function addPanels(
  builder: KernelBuilder,
  plan: WorkgroupPlan,
  tile: ThreadTile,
  copies: PanelCopies,
): void {
  if (plan.stages === 1) addEach(builder, plan, tile, copies);
  else addRing(builder, plan, tile, copies);
}

/** Panels are read into registers while others still compute, then stored, then computed with. */
function addEach(
  builder: KernelBuilder,
  plan: WorkgroupPlan,
  tile: ThreadTile,
  { left, right }: PanelCopies,
): void {
  const first = constant(0);
  const panels = {
    left: { buffer: left.buffer, start: first },
    right: { buffer: right.buffer, start: first },
  };
  builder.loop(
    "start",
    constant(0),
    extentValue(plan.contraction.sum.extent),
    (start) => {
      const stores = [left.load(start, first), right.load(start, first)];
      // The panels of the step before are still read until here.
      builder.emit({ kind: "barrier" });
      for (const store of stores) store();
      builder.emit({ kind: "barrier" });
      addProducts(builder, plan, tile, panels);
    },
    plan.tile.depth,
  );
}

/**
 * While threads compute with one panel, those of the next stages − 1 steps are on their way. One barrier a step says both
 * that its panels have arrived for all threads and that nobody reads any more what is overwritten next:
 *
 *     copy panels 0 … stages − 2
 *     for each panel: await it; barrier; copy the one stages − 1 further on; compute
 *
 * Panels that pass through registers are asked for at the same place, and stored after computing.
 */
function addRing(
  builder: KernelBuilder,
  plan: WorkgroupPlan,
  tile: ThreadTile,
  copies: PanelCopies,
): void {
  const { stages } = plan;
  const { depth } = plan.tile;
  const end = extentValue(plan.contraction.sum.extent);
  for (let stage = 0; stage < stages - 1; stage++) {
    requestPanels(builder, copies, {
      start: constant(stage * depth),
      end,
      stage: constant(stage),
    })();
  }
  const stage = builder.mutable("stage", constant(0));
  const step = (start: Expression): void => {
    builder.emit(callOf(awaitCopies(stages - 2)), { kind: "barrier" });
    const isFirst = operation("equal", stage.value, constant(0));
    const before = subtract(stage.value, constant(1));
    const free = builder.let("free", select(isFirst, constant(stages - 1), before));
    const next = builder.let("next", add(start, constant((stages - 1) * depth)));
    const store = requestPanels(builder, copies, { start: next, end, stage: free });
    const { left, right } = copies;
    addProducts(builder, plan, tile, {
      left: { buffer: left.buffer, start: left.startOf(stage.value) },
      right: { buffer: right.buffer, start: right.startOf(stage.value) },
    });
    store();
    const isLast = operation("equal", stage.value, constant(stages - 1));
    builder.assign(stage.name, select(isLast, constant(0), add(stage.value, constant(1))));
  };
  builder.loop("start", constant(0), end, step, depth);
}

/** Asks for both panels from `start` on, if the sum goes on there; gives what stores those that pass through registers. */
function requestPanels(
  builder: KernelBuilder,
  { left, right }: PanelCopies,
  {
    start,
    end,
    stage,
  }: { readonly start: Expression; readonly end: Expression; readonly stage: Expression },
): () => void {
  const copied = builder.block(() => {
    for (const copy of [left, right]) if (copy.isAsync) copy.copy(start, copy.startOf(stage));
  });
  const first = literalOf(start);
  const last = literalOf(end);
  const isThere = first !== undefined && (last === undefined ? first === 0 : first < last);
  if (isThere) builder.emit(...copied);
  else if (copied.length > 0) builder.emit(when(less(start, end), copied));
  // A group for every panel, also those that there are not: they are counted.
  builder.emit(callOf(commitCopies));
  const stores = [left, right]
    .filter(({ isAsync }) => !isAsync)
    .map((copy) => copy.load(start, copy.startOf(stage)));
  return () => {
    for (const store of stores) store();
  };
}

function callOf(intrinsic: KernelFunction): Statement {
  return { kind: "invoke", function: intrinsic, args: [] };
}
