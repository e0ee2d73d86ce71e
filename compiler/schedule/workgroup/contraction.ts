/**
 * The schedule of contraction groups on targets with workgroups: a workgroup computes a tile of the result from
 * panels of both operands that its threads copy to shared memory, each thread a block of it in registers; the
 * group's maps are then computed on the sums before anything is stored. Bias, activation and mask, and, on the
 * gradient of a parameter, its whole optimizer update never see memory in between.
 *
 * Tasks are tiles. Columns are numbered fastest, so that neighbouring tasks share the rows that they read. A tile
 * may reach beyond the result: what is not there is copied as 0 and not stored, and all threads come to every
 * barrier.
 */

import { invariant } from "../../diagnostics/diagnostic.ts";
import { sizeAt } from "../../graph/extent.ts";
import type { Value } from "../../graph/node.ts";
import {
  ceilQuotient,
  constant,
  multiply,
  operation,
  quotient,
  remainder,
  symbol,
} from "../../kernel/build.ts";
import type { Expression } from "../../kernel/ir.ts";
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
import { extentValue } from "../micro-kernel.ts";
import { PanelCopy } from "./contraction-copy.ts";
import { emitEpilogue } from "./contraction-epilogue.ts";
import { planWorkgroupContraction, type WorkgroupPlan } from "./contraction-plan.ts";
import { addProducts, startTile } from "./contraction-tile.ts";

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
    wide && isReadByFoursOnly(contraction, side, group, surroundings, workgroup.buffers);
  const plan = planWorkgroupContraction(contraction, { ...target, workgroup }, { mayBeWide });
  const builder = new KernelBuilder(surroundings);
  const { axes, tasks } = placeTile(builder, plan);
  const left = new PanelCopy(builder, plan, "left", axes);
  const right = new PanelCopy(builder, plan, "right", axes);
  const tile = startTile(builder, plan);
  builder.loop(
    "start",
    constant(0),
    extentValue(contraction.sum.extent),
    (start) => {
      const stores = [left.load(start), right.load(start)];
      // The panels of the step before are still read until here.
      builder.emit({ kind: "barrier" });
      for (const emit of stores) emit();
      builder.emit({ kind: "barrier" });
      addProducts(builder, plan, tile, { left: left.buffer, right: right.buffer });
    },
    plan.tile.depth,
  );
  emitEpilogue(builder, group, plan, tile, axes);
  const comment = commentOf(group, surroundings);
  return builder.finish(nameOfGroup(group, surroundings), tasks, comment, plan.threads);
}

/**
 * Whether all that a kernel does to the memory of an operand is to copy it. Kernels with more buffers than can be bound
 * one by one see memory as single words.
 */
function isReadByFoursOnly(
  contraction: TiledContraction,
  side: "left" | "right",
  { stages, reads, writes }: Group,
  { stored }: Surroundings,
  mostBuffers: number,
): boolean {
  const rootOf = (value: Value): Value => stored.get(value) ?? value;
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

/** Where this task's tile is: the values of the contraction's box at its first row and column; and all tasks. */
function placeTile(
  builder: KernelBuilder,
  { contraction, tile }: WorkgroupPlan,
): { readonly axes: readonly Expression[]; readonly tasks: Expression } {
  const { box, outerAxes, rows, columns } = contraction;
  const height = tile.down * tile.threadRows;
  const width = tile.across * tile.threadColumns;
  const counts = [
    ...box.axes.slice(0, outerAxes).map(extentValue),
    ceilQuotient(extentValue(rows.extent), height),
    ceilQuotient(extentValue(columns.extent), width),
  ];
  const isOne = (axis: number) => axis < outerAxes && sizeAt(box.axes[axis]!, box.batchMax) === 1;
  let rest: Expression = symbol("task");
  const numbers = [...counts];
  for (let i = counts.length - 1; i >= 0; i--) {
    const count = counts[i]!;
    if (isOne(i) || (count.kind === "constant" && count.value === 1)) numbers[i] = constant(0);
    else if (i === 0) numbers[i] = rest;
    else {
      numbers[i] = builder.let("tile", divided("remainder", rest, count));
      rest = builder.let("rest", divided("quotient", rest, count));
    }
  }
  const axes = [...numbers, constant(0)];
  axes[rows.axis] = builder.let("first_row", multiply(axes[rows.axis]!, constant(height)));
  axes[columns.axis] = builder.let("first_column", multiply(axes[columns.axis]!, constant(width)));
  return { axes, tasks: counts.reduce(multiply) };
}

function divided(kind: "quotient" | "remainder", a: Expression, b: Expression): Expression {
  if (b.kind !== "constant") return operation(kind, a, b);
  return kind === "quotient" ? quotient(a, b.value) : remainder(a, b.value);
}
