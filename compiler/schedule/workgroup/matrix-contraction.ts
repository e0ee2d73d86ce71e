/**
 * The schedule of contraction groups on targets whose subgroups multiply small matrices (`mma.sync`, from compute
 * capability 8.0 on): tiles, epilogues and guards as `contraction.ts` has them, with operands rounded to what the
 * units take, exact products of these and sums in f32.
 *
 * Panels of both operands go round a ring in shared memory. One barrier a panel says both that it has arrived for all
 * threads and that nobody reads any more what is overwritten next:
 *
 *     copy panels 0 … stages − 2; await the first; barrier; read its first fragments
 *     for each panel: copy the one stages − 1 further on; multiply all but the last step, reading ahead;
 *       await the next panel; barrier; read its first fragments; multiply the last step
 *
 * Panels that pass through registers are asked for where others are copied, and stored before the barrier.
 */

import { invariant } from "../../diagnostics/diagnostic.ts";
import {
  add,
  ceilQuotient,
  constant,
  less,
  literalOf,
  multiply,
  remainder,
  when,
} from "../../kernel/build.ts";
import { awaitCopies, commitCopies, subgroupThreads } from "../../kernel/intrinsics.ts";
import type { Expression, KernelFunction, Statement } from "../../kernel/ir.ts";
import { tiledContraction } from "../../optimize/fusion/tiled-contraction.ts";
import type { Group } from "../../optimize/group.ts";
import type { TargetDescription } from "../../optimize/target-description.ts";
import { commentOf, nameOfGroup } from "../cost.ts";
import { KernelBuilder, type ScheduledKernel, type Surroundings } from "../kernel-builder.ts";
import { extentValue } from "../micro-kernel.ts";
import { emitEpilogue, isStaged, stagedBytes } from "./contraction-epilogue.ts";
import { MatrixCopy } from "./matrix-copy.ts";
import { isForMatrixUnits, planMatrixContraction } from "./matrix-plan.ts";
import { type MatrixPlan, type MatrixTarget, type MatrixTile, unitRows } from "./matrix-shape.ts";
import { type PanelsInRing, SubgroupTile } from "./matrix-tile.ts";
import { placeTile } from "./place-tile.ts";

/** The kernel of a group of kind `contraction`, or undefined where it is not for such units. */
export function scheduleMatrixContraction(
  group: Group,
  surroundings: Surroundings,
  target: TargetDescription,
): ScheduledKernel | undefined {
  const anchor = group.stages.find((stage) => stage.reducer !== null);
  const contraction = anchor && tiledContraction(anchor, surroundings.batchMax);
  invariant(contraction !== undefined, "a contraction group without a contraction");
  if (!hasMatrixUnits(target)) return undefined;
  if (!isForMatrixUnits(contraction, target.workgroup.matrix)) return undefined;
  const besides = ({ rows, columns, down, across }: MatrixTile): number =>
    isStaged(group, (rows * columns) / subgroupThreads)
      ? stagedBytes(unitRows * down, columns * across)
      : 0;
  const plan = planMatrixContraction(contraction, target, { besides });
  const builder = new KernelBuilder(surroundings);
  const { axes, tasks } = placeTile(builder, contraction, plan.left.width, plan.right.width);
  const left = new MatrixCopy(builder, plan, "left", axes);
  const right = new MatrixCopy(builder, plan, "right", axes);
  const tile = new SubgroupTile(builder, plan);
  addPanels(builder, plan, tile, { left, right });
  emitEpilogue(builder, group, tile.outputs(axes), target.workgroup);
  const comment = commentOf(group, surroundings);
  return builder.finish(nameOfGroup(group, surroundings), tasks, comment, plan.threads);
}

/** Units that four subgroups use together take the instructions of one, too. */
function hasMatrixUnits(target: TargetDescription): target is MatrixTarget {
  return (target.workgroup?.matrix ?? null) !== null;
}

interface Copies {
  readonly left: MatrixCopy;
  readonly right: MatrixCopy;
}

/** Adds up the products of all panels. */
function addPanels(
  builder: KernelBuilder,
  { contraction, tile, stages }: MatrixPlan,
  subgroup: SubgroupTile,
  copies: Copies,
): void {
  const panels = ceilQuotient(extentValue(contraction.sum.extent), tile.depth);
  const count = literalOf(panels) === undefined ? builder.let("panels", panels) : panels;
  const isAsync = copies.left.isAsync || copies.right.isAsync;
  const commit = () => builder.emit(...(isAsync ? [callOf(commitCopies)] : []));
  for (let panel = 0; panel < stages - 1; panel++) {
    requestPanels(builder, copies, tile.depth, constant(panel), count, constant(panel))();
    // A group for every panel, also those that there are not: they are counted.
    commit();
  }
  const arrive = (): void => {
    builder.emit(...(isAsync ? [callOf(awaitCopies(stages - 2))] : []), { kind: "barrier" });
  };
  const panelsAt = (stage: Expression): PanelsInRing => ({
    left: { buffer: copies.left.buffer, start: copies.left.startOf(stage) },
    right: { buffer: copies.right.buffer, start: copies.right.startOf(stage) },
  });
  arrive();
  subgroup.readFirst(panelsAt(constant(0)));
  const isAllRequested = (literalOf(count) ?? stages) < stages;
  builder.loop("number", constant(0), count, (number) => {
    const ahead = builder.let("ahead", add(number, constant(stages - 1)));
    const free = builder.let("free", remainder(ahead, stages));
    const store = isAllRequested
      ? () => {}
      : requestPanels(builder, copies, tile.depth, ahead, count, free);
    commit();
    const own = panelsAt(builder.let("stage", remainder(number, stages)));
    // After the last panel there is none, whose fragments are never multiplied.
    const next = panelsAt(builder.let("next", remainder(add(number, constant(1)), stages)));
    subgroup.addProducts(own, next, () => {
      store();
      arrive();
    });
  });
}

/** Asks for both panels of a number, if there are so many; gives what stores those that pass through registers. */
function requestPanels(
  builder: KernelBuilder,
  { left, right }: Copies,
  depth: number,
  number: Expression,
  count: Expression,
  stage: Expression,
): () => void {
  const own = literalOf(number);
  const last = literalOf(count);
  const isThere = own !== undefined && (own === 0 || (last !== undefined && own < last));
  if (own !== undefined && last !== undefined && own >= last) return () => {};
  const start = builder.let("start", multiply(number, constant(depth)));
  const exists = isThere ? null : builder.let("goes_on", less(number, count));
  const guarded = (statements: readonly Statement[]): void => {
    if (statements.length === 0) return;
    builder.emit(...(exists === null ? statements : [when(exists, statements)]));
  };
  guarded(
    builder.block(() => {
      for (const copy of [left, right]) if (copy.isAsync) copy.copy(start, stage);
    }),
  );
  // Loads name values, which are wanted later: they stand under the condition each for itself.
  const stores = [left, right]
    .filter(({ isAsync }) => !isAsync)
    .map((copy) => copy.load(start, stage, exists));
  return () => {
    guarded(
      builder.block(() => {
        for (const store of stores) store();
      }),
    );
  };
}

function callOf(intrinsic: KernelFunction): Statement {
  return { kind: "invoke", function: intrinsic, args: [] };
}
