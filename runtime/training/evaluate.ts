/** Metrics and outputs of a model over rows, without training: Keras' `evaluate` and `predict`. */

import { bytesPerElement, createArray, elementCount, type TensorData } from "../data/column.ts";
import type { ColumnPlan } from "../plan.ts";
import type { Logs } from "./callbacks/callback.ts";
import { ChunkSizer } from "./chunking.ts";
import type { Selection } from "./dataset.ts";
import type { ModelRunner, StepContext } from "./model-runner.ts";

/** Mean metrics over the rows; the metric totals are overwritten. Stops early if `signal` aborts. */
export async function evaluateRows(
  runner: ModelRunner,
  { dataset, rows }: Selection,
  batchSize: number,
  context: StepContext,
  signal?: AbortSignal,
): Promise<Logs> {
  await runner.bind(dataset, ["evaluate"]);
  await runner.resetMetrics();
  const sizer = new ChunkSizer();
  let position = 0;
  while (position < rows.length && !signal?.aborted) {
    const chunk = rows.subarray(position, position + sizer.steps * batchSize);
    const start = performance.now();
    await runner.run("evaluate", chunk, batchSize, context);
    sizer.record(Math.ceil(chunk.length / batchSize), performance.now() - start);
    position += chunk.length;
  }
  return runner.readMetrics();
}

/** An output for a number of rows; `data` is row-major of `shape`, rows first. */
export interface OutputTensor {
  readonly name: string;
  readonly dtype: ColumnPlan["dtype"];
  readonly shape: readonly number[];
  readonly data: TensorData;
}

/** All outputs for all rows, in order of the rows. */
export async function predictRows(
  runner: ModelRunner,
  { dataset, rows }: Selection,
  batchSize: number,
  context: StepContext,
): Promise<readonly OutputTensor[]> {
  await runner.bind(dataset, ["predict"]);
  const outputs = runner.plan.outputs.map(({ name, dtype, shape }) => {
    const width = elementCount(shape);
    const data = createArray(dtype, rows.length * width);
    return { name, dtype, shape: [rows.length, ...shape], data, width };
  });
  for (let position = 0; position < rows.length; position += batchSize) {
    const batch = rows.subarray(position, position + batchSize);
    await runner.run("predict", batch, batchSize, context);
    for (const { name, dtype, data, width } of outputs) {
      const result = await runner.readResult("predict", name);
      const bytes = batch.length * width * bytesPerElement(dtype);
      const from = new Uint8Array(result.buffer, result.byteOffset, bytes);
      new Uint8Array(data.buffer).set(from, position * width * bytesPerElement(dtype));
    }
  }
  return outputs.map(({ width: _, ...output }) => output);
}
