/** Training steps of nnc on any device, many in one run, as all benchmarks make them: on one batch again and again. */

import type { Device, RunRequest } from "../runtime/devices/device.ts";
import type { TrainerDefinition } from "../runtime/plan.ts";

export interface Stepper {
  /** The next steps, which are not made by asking for them. */
  readonly request: (steps: number) => RunRequest;
  readonly run: (steps: number) => Promise<void>;
  /** Of the last step. */
  readonly loss: () => Promise<number>;
}

/** `batch` rows are those that the device's columns have. */
export function makeStepper(definition: TrainerDefinition, device: Device, batch: number): Stepper {
  const { plan } = definition;
  const { scalars: perStep, results } = plan.graphs.train!;
  const lossIndex = results.findIndex(({ name }) => name === "loss");
  let t = 0;
  const request = (steps: number): RunRequest => {
    const rows = repeatedRows(steps, batch);
    const scalars = new Float32Array(steps * perStep);
    for (let i = 0; i < steps; i++) {
      const counters = { t: t + i + 1, batch: t + i };
      scalars.set(definition.stepScalars("train", plan.hypers, counters), i * perStep);
    }
    return { graph: "train", rows, batchSize: batch, scalars, seed: 0, firstBatch: t };
  };
  return {
    request,
    run: async (steps) => {
      await device.run(request(steps));
      t += steps;
    },
    loss: async () => Number((await device.readResult("train", lossIndex))[0]),
  };
}

/** The rows of a batch again and again. By copies, as the time that this takes is measured with the steps. */
export function repeatedRows(steps: number, batch: number): Int32Array<ArrayBuffer> {
  const rows = new Int32Array(steps * batch);
  for (let row = 0; row < batch; row++) rows[row] = row;
  for (let filled = batch; filled < rows.length; filled *= 2) {
    rows.copyWithin(filled, 0, Math.min(filled, rows.length - filled));
  }
  return rows;
}
