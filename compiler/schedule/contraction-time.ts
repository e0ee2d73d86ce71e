/** How long the sums of a contraction take on one thread of the CPU, by what its plan makes of it. */

import { bytesPerElement } from "../graph/dtype.ts";
import { sizeAt } from "../graph/extent.ts";
import { axesOfNode } from "../optimize/fusion/linear-access.ts";
import type { TargetDescription } from "../optimize/target-description.ts";
import type { ContractionPlan } from "./contraction-plan.ts";
import { stepOfTiles } from "./register-tiles.ts";

/**
 * Seconds of a plan's register tiles, those at the edges as whole ones, and of packing its panels: each task copies its
 * own from one place near to another.
 */
export function sumSeconds(
  plan: ContractionPlan,
  batchMax: number,
  target: TargetDescription,
): number {
  const { contraction, rowAxis, rowLoops, outerAxes, lanes, columns, sums } = plan;
  const extents = axesOfNode(contraction.node);
  const size = (axis: number) => sizeAt(extents[axis]!, batchMax);
  const points = (axes: readonly number[]) => axes.reduce((product, d) => product * size(d), 1);
  const sumPoints = sums.reduce((product, { extent }) => product * sizeAt(extent, batchMax), 1);
  const rows = rowAxis === null ? 1 : size(rowAxis);
  const step = stepOfTiles(plan, rows, Math.ceil(columns / lanes), target);
  const multiplyAdds = points([...rowLoops, ...outerAxes]) * step * sumPoints;
  const { peakFlops, cacheBandwidth } = target;
  const multiplying = (2 * lanes * multiplyAdds) / peakFlops;
  if (!plan.packed) return multiplying;
  const cutAxis = rowLoops[0] ?? rowAxis;
  const chunks = cutAxis === null ? 1 : Math.ceil(size(cutAxis) / plan.rowsPerTask);
  const packed = points(outerAxes) * chunks * columns * sumPoints;
  return multiplying + (2 * bytesPerElement.f32 * packed) / cacheBandwidth;
}
