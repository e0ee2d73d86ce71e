/**
 * Loops whose rows of the batch have nothing to do with each other, as those of recurrent layers have not: a task then
 * takes some rows through all iterations. Threads meet once a loop, not after each kernel of each iteration, and what
 * a task carries from one iteration to the next stays in its caches.
 *
 * Such a loop computes each element as it would otherwise: its kernels run as for a batch of only the task's rows. So a
 * node may read and write the rows of its own point alone, and must not know which row that is; how many there are it may
 * know as a number alone, as a mean over the batch does, which is that of the whole batch.
 */

import { type Affine, axesOf, bareAxis, zeroAffine } from "../graph/affine.ts";
import { always, type Condition, mapCondition } from "../graph/condition.ts";
import { bytesPerElement } from "../graph/dtype.ts";
import { batchExtent, elementsAt, isFixed, type Shape, sameExtent } from "../graph/extent.ts";
import type { Compute, Scalar, Value } from "../graph/node.ts";
import { implies } from "../graph/prove.ts";
import { axesOfNode } from "../optimize/fusion/linear-access.ts";
import type { Group, GroupedLoop } from "../optimize/group.ts";
import type { TargetDescription } from "../optimize/target-description.ts";
import { evenTasks } from "./contraction-plan.ts";

/** What an iteration reads for all rows alike, and each task again, may take so much of the second-level cache. */
const sharedShare = 0.5;

/**
 * Rows of the batch that a task takes through all iterations; null where iterations are run one after the other. They are
 * as few as fill a register tile: what an iteration touches of them then stays in the first-level cache from kernel to
 * kernel, and threads have tasks to share. With AVX-512 and 8 rows, rather than 32, a recurrent layer of 32 units took a
 * sixth less time, and one of 128 units a twentieth; with 4 both took longer.
 */
export function rowsPerTask(
  loop: GroupedLoop,
  batchMax: number,
  target: TargetDescription,
): number | null {
  if (target.workgroup !== null) return null;
  if (!readsLittleForAll(groupsIn(loop), batchMax, target)) return null;
  const tasks = evenTasks(batchMax, target.vectorRegisters / 4);
  return tasks > 1 ? Math.ceil(batchMax / tasks) : null;
}

/** Whether rows are independent in all groups, and what tasks read again, each for its rows, stays near. */
export function readsLittleForAll(
  groups: readonly Group[],
  batchMax: number,
  { cacheBytes }: TargetDescription,
): boolean {
  if (!groups.every((group) => hasIndependentRows(group, batchMax))) return false;
  const shared = new Set(groups.flatMap(({ reads }) => reads.filter((value) => !hasRows(value))));
  const bytes = [...shared].reduce(
    (sum, { shape, dtype }) => sum + elementsAt(shape, batchMax) * bytesPerElement[dtype],
    0,
  );
  return bytes <= sharedShare * cacheBytes[1];
}

function groupsIn({ body }: GroupedLoop): readonly Group[] {
  return body.order.flatMap((item) => (item.kind === "loop" ? groupsIn(item) : [item]));
}

/** Whether a value has a part for each row of the batch. */
export function hasRows({ shape }: { readonly shape: Shape }): boolean {
  return shape[0] !== undefined && !isFixed(shape[0]);
}

/** Whether all that a group does for a row of the batch reads and writes of that row alone. */
export function hasIndependentRows({ scatter, stages }: Group, batchMax: number): boolean {
  return scatter === null && stages.every((stage) => isRowwise(stage, batchMax));
}

/** The first axis runs over the rows of the batch, and all that a point reads of them is its own one. */
function isRowwise(node: Compute, batchMax: number): boolean {
  const [rows, ...others] = axesOfNode(node);
  if (node.parallel.length === 0 || !sameExtent(rows!, batchExtent)) return false;
  if (!others.every(isFixed)) return false;
  const isFree = (condition: Condition) =>
    !conditionMentionsRows(condition) || implies(always, condition, axesOfNode(node), batchMax);
  const seen = new Set<Scalar>();
  const isAllowed = (scalar: Scalar): boolean => {
    if (seen.has(scalar)) return true;
    seen.add(scalar);
    switch (scalar.kind) {
      case "constant":
        return true;
      case "index":
        return !mentionsRows({ ...scalar.index, batch: 0 });
      case "random":
        return !mentionsRows(scalar.index);
      case "condition":
        return isFree(scalar.condition);
      case "cast":
        return isAllowed(scalar.of);
      case "call":
        return scalar.args.every(isAllowed);
      case "load": {
        const { value, index, guard } = scalar;
        const rest = ownRow(value, bareAxis(index[0] ?? zeroAffine), index);
        return isFree(guard) && rest !== undefined && !rest.some(mentionsRows);
      }
      case "gather": {
        const { value, index } = scalar;
        const [first] = index;
        const axis = first?.kind === "index" ? bareAxis(first.index) : undefined;
        return ownRow(value, axis, index)?.every(isAllowed) ?? false;
      }
    }
  };
  return isFree(node.where) && isAllowed(node.body);
}

/** The places of a read after that of the own row; undefined where it may read another one. */
function ownRow<T>(
  value: Value,
  axis: number | undefined,
  index: readonly T[],
): readonly T[] | undefined {
  if (!hasRows(value)) return index;
  return axis === 0 && sameExtent(value.shape[0]!, batchExtent) ? index.slice(1) : undefined;
}

/** Whether an index depends on the row or on the number of rows. */
function mentionsRows(index: Affine): boolean {
  return axesOf(index).has(0) || dependsOnCount(index);
}

function dependsOnCount({ batch, terms }: Affine): boolean {
  return batch !== 0 || terms.some(({ atom }) => "base" in atom && dependsOnCount(atom.base));
}

function conditionMentionsRows(condition: Condition): boolean {
  let found = false;
  mapCondition(condition, (value) => {
    if (mentionsRows(value)) found = true;
    return value;
  });
  return found;
}
