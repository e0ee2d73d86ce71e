/** States that one pass over the training rows fills before the first epoch: Keras' `Normalization.adapt`. */

import type { TensorData } from "../data/column.ts";
import type { Selection } from "./dataset.ts";
import type { ModelRunner, StepContext } from "./model-runner.ts";

/**
 * Sets each state to the mean over all rows of what its graph sums up batch by batch; sums of batches are added in
 * float64. In order of the plan, as a statistic (a variance) may read one before it (the mean).
 */
export async function computeStatistics(
  runner: ModelRunner,
  { dataset, rows }: Selection,
  context: StepContext,
): Promise<void> {
  const { statistics, batchMax } = runner.plan;
  for (const { state, graph } of statistics) {
    await runner.bind(dataset, [graph]);
    let sums: Float64Array | undefined;
    for (let position = 0; position < rows.length; position += batchMax) {
      await runner.run(graph, rows.subarray(position, position + batchMax), batchMax, context);
      const batch: TensorData = await runner.device.readResult(graph, 0);
      sums ??= new Float64Array(batch.length);
      for (let i = 0; i < batch.length; i++) sums[i]! += batch[i]!;
    }
    if (sums === undefined) continue;
    const mean = Float32Array.from(sums, (sum) => sum / rows.length);
    await runner.writeTensors(new Map([[state, mean]]));
  }
}
