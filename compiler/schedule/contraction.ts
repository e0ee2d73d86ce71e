/**
 * The schedule of contraction groups: register tiles over rows and columns, with the group's maps computed on
 * each finished tile while it is in the first-level cache. Bias, activation and mask, and, on the gradient of a
 * parameter, its whole optimizer update never see other memory in between.
 *
 * `contraction-plan.ts` says how the work is cut. Here are its tasks, panels of columns times chunks of rows;
 * `contraction-panel.ts` goes through one of them, `contraction-tiles.ts` says where its tiles are, and
 * `micro-kernel.ts` adds up one tile.
 */

import { invariant } from "../diagnostics/diagnostic.ts";
import {
  add,
  ceilQuotient,
  constant,
  less,
  min,
  multiply,
  quotient,
  remainder,
  symbol,
  when,
} from "../kernel/build.ts";
import type { Expression } from "../kernel/ir.ts";
import { axesOfNode } from "../optimize/fusion/linear-access.ts";
import type { Group } from "../optimize/group.ts";
import type { TargetDescription } from "../optimize/target-description.ts";
import { planOfGroup } from "./contraction-choice.ts";
import { emitEpilogue, operandsAhead } from "./contraction-epilogue.ts";
import type { LastPanel } from "./contraction-last-panel.ts";
import { limitsOf } from "./contraction-limits.ts";
import { type AroundTile, emitPanel } from "./contraction-panel.ts";
import type { ContractionPlan } from "./contraction-plan.ts";
import { probedLimits } from "./contraction-probes.ts";
import { emitCorrelation, rowAxisOf } from "./correlation-kernel.ts";
import { planCorrelation } from "./correlation-plan.ts";
import { commentOf, nameOfGroup } from "./cost.ts";
import { KernelBuilder, type ScheduledKernel, type Surroundings } from "./kernel-builder.ts";
import { extentValue } from "./micro-kernel.ts";

/** The kernel of a group of kind `contraction`. */
export function scheduleContraction(
  group: Group,
  surroundings: Surroundings,
  target: TargetDescription,
): ScheduledKernel {
  const chosen = planOfGroup(group, surroundings.batchMax, target);
  invariant(chosen !== undefined, "a contraction group without a strided contraction");
  const { plan } = chosen;
  const builder = new KernelBuilder(surroundings);
  const correlation = planCorrelation(plan.contraction, surroundings.batchMax, target);
  if (correlation !== null) {
    const along = { ...plan, rowAxis: rowAxisOf(correlation) };
    const tasks = emitCorrelation(builder, correlation, (tile) =>
      emitEpilogue(builder, group, along, tile),
    );
    return builder.finish(nameOfGroup(group, surroundings), tasks, commentOf(group, surroundings));
  }
  const { node } = plan.contraction;
  const isRead = group.scopes.get(node.values[0]!) !== "register";
  const maps = group.stages.filter((stage) => stage !== node);
  const known = limitsOf(plan, isRead ? null : maps, surroundings);
  const tasks = emitContraction(builder, plan, {
    limits: [...known, ...probedLimits(plan, known, surroundings)],
    ahead: (tile) => operandsAhead(builder, group, plan, tile, target.cacheBytes[0]),
    finish: (tile) => emitEpilogue(builder, group, plan, tile),
  });
  return builder.finish(nameOfGroup(group, surroundings), tasks, commentOf(group, surroundings));
}

/** Emits the loops and tiles of a contraction; gives the number of tasks. */
export function emitContraction(
  builder: KernelBuilder,
  plan: ContractionPlan,
  around: AroundTile,
): Expression {
  const { contraction, rowsPerTask, vectors, lanes, columns, outerAxes } = plan;
  const extents = axesOfNode(contraction.node);
  const width = vectors * lanes;
  const panels = Math.ceil(columns / width);
  const cutAxis = plan.rowLoops[0] ?? plan.rowAxis;
  const places = cutAxis === null ? constant(1) : extentValue(extents[cutAxis]!);
  const chunks = ceilQuotient(places, rowsPerTask);
  const literalChunks = chunks.kind === "constant" ? chunks.value : null;

  // task = ((outer axes) · panels + panel) · chunks + chunk
  let rest: Expression = symbol("task");
  const split = (count: Expression, hint: string): Expression => {
    if (count.kind === "constant" && count.value === 1) return constant(0);
    const digit = builder.let(hint, divided("remainder", rest, count));
    rest = builder.let("rest", divided("quotient", rest, count));
    return digit;
  };
  const chunk = literalChunks === 1 ? constant(0) : split(chunks, "chunk");
  const panel = split(constant(panels), "panel");
  const axes = contraction.node.parallel.map((): Expression => constant(0));
  for (const axis of [...outerAxes].reverse())
    axes[axis] = split(extentValue(extents[axis]!), "outer");

  const first = builder.let("first_row", multiply(chunk, constant(rowsPerTask)));
  const end = builder.let("row_end", min(add(first, constant(rowsPerTask)), places));
  const emitColumns = (vectorsHere: number, active: number, last: LastPanel | null = null) => {
    const column = builder.let("column", multiply(panel, constant(width)));
    const at = axes.with(contraction.vectorAxis, column);
    emitPanel(builder, plan, { axes: at, first, end, vectors: vectorsHere, active, last }, around);
  };

  const wholePanels = Math.floor(columns / width);
  const rested = columns - wholePanels * width;
  const lastVectors = Math.ceil(rested / lanes);
  const lastActive = rested - (lastVectors - 1) * lanes;
  if (rested === 0) {
    emitColumns(vectors, lanes);
  } else if (wholePanels === 0) {
    emitColumns(lastVectors, lastActive);
  } else {
    const isOther = less(panel, constant(wholePanels));
    if (around.limits.length === 0) {
      emitColumns(vectors, lanes, { isOther, vectors: lastVectors, active: lastActive });
    } else {
      // What need not be summed depends on the panel's columns, which are fewer in the last.
      const whole = builder.block(() => emitColumns(vectors, lanes));
      const last = builder.block(() => emitColumns(lastVectors, lastActive));
      builder.emit(when(isOther, whole, last));
    }
  }
  const outer = outerAxes.map((axis) => extentValue(extents[axis]!));
  return [chunks, constant(panels), ...outer].reduce(multiply);
}

function divided(kind: "quotient" | "remainder", a: Expression, b: Expression): Expression {
  if (b.kind === "constant")
    return kind === "quotient" ? quotient(a, b.value) : remainder(a, b.value);
  return { kind: "operation", type: a.type, operation: kind, args: [a, b] };
}
