/**
 * The schedule of contraction groups on targets with workgroups: a workgroup computes a tile of the result from
 * panels of both operands that its threads copy to shared memory, each thread a block of it in registers; the
 * group's maps are then computed on the sums before anything is stored. Bias, activation and mask, and, on the
 * gradient of a parameter, its whole optimizer update never see memory in between.
 *
 * Tasks are tiles. A tile may reach beyond the result: what is not there is copied as 0 and not stored, and all threads come to every
 * barrier.
 */

import { invariant } from "../../diagnostics/diagnostic.ts";
import type { Value } from "../../graph/node.ts";
import {
  type TiledContraction,
  tiledContraction,
} from "../../optimize/fusion/tiled-contraction.ts";
import type { Group } from "../../optimize/group.ts";
import type { TargetDescription } from "../../optimize/target-description.ts";
import { commentOf, nameOfGroup } from "../cost.ts";
import {
  isStepScalar,
  KernelBuilder,
  type ScheduledKernel,
  type Surroundings,
} from "../kernel-builder.ts";
import { PanelCopy } from "./contraction-copy.ts";
import { emitEpilogue } from "./contraction-epilogue.ts";
import { planWorkgroupContraction } from "./contraction-plan.ts";
import { startTile } from "./contraction-tile.ts";
import { addPanels } from "./panel-ring.ts";
import { placeTile } from "./place-tile.ts";
import { threadOutputs } from "./tile-outputs.ts";

export interface WorkgroupContractionOptions {
  /** False reads single elements everywhere: what copies by four are checked against. */
  readonly wide?: boolean;
}

/** The kernel of a group of kind `contraction`. */
export function scheduleWorkgroupContraction(
  group: Group,
  surroundings: Surroundings,
  target: TargetDescription,
  { wide = true }: WorkgroupContractionOptions = {},
): ScheduledKernel {
  const { workgroup } = target;
  invariant(workgroup !== null, "a target without workgroups");
  const anchor = group.stages.find((stage) => stage.reducer !== null);
  const contraction = anchor && tiledContraction(anchor, surroundings.batchMax);
  invariant(contraction !== undefined, "a contraction group without a contraction");
  const mayBeWide = (side: "left" | "right"): boolean =>
    wide &&
    (workgroup.accessBytes > 4 ||
      isReadByFoursOnly(contraction, side, group, surroundings, workgroup.buffers));
  const plan = planWorkgroupContraction(contraction, { ...target, workgroup }, { mayBeWide });
  const builder = new KernelBuilder(surroundings);
  const { down, across, threadRows, threadColumns } = plan.tile;
  const placed = placeTile(builder, contraction, down * threadRows, across * threadColumns);
  const { axes, tasks } = placed;
  const left = new PanelCopy(builder, plan, "left", axes);
  const right = new PanelCopy(builder, plan, "right", axes);
  const tile = startTile(builder, plan);
  addPanels(builder, plan, tile, { left, right });
  emitEpilogue(builder, group, threadOutputs(plan, tile, axes), workgroup);
  const comment = commentOf(group, surroundings);
  return builder.finish(nameOfGroup(group, surroundings), tasks, comment, plan.threads);
}

/**
 * Whether all that a kernel does to the memory of an operand is to copy it. Kernels with more buffers than can be bound
 * one by one see memory as single words. This is about targets where a window has one type of elements.
 */
function isReadByFoursOnly(
  contraction: TiledContraction,
  side: "left" | "right",
  { stages, reads, writes }: Group,
  { placeOf }: Surroundings,
  mostBuffers: number,
): boolean {
  const rootOf = (value: Value): Value => placeOf(value).memory;
  const isMemory = ({ node }: Value) => node.kind !== "leaf" || !isStepScalar(node);
  const memory = new Set([...reads, ...writes].map(rootOf).filter(isMemory));
  if (memory.size > mostBuffers) return false;
  const others = [
    contraction[side === "left" ? "right" : "left"]().value,
    ...stages.filter((stage) => stage !== contraction.node).flatMap(({ operands }) => operands),
    ...writes,
  ];
  const own = rootOf(contraction[side]().value);
  return !others.some((value) => rootOf(value) === own);
}
