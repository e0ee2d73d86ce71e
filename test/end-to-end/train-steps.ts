/** The first steps of a model's training: their losses, and the weights that they lead to. */

import { weightTensors } from "../../runtime/training/checkpoint.ts";
import { type OpenOptions, openTrainer, sliceRows } from "./open-trainer.ts";

export interface Trajectory {
  readonly losses: readonly number[];
  /** The elements of each tensor. */
  readonly weights: readonly (readonly number[])[];
}

export const STEPS = 20;

/** Batch after batch of the train block, the last one partial. */
export async function trainSteps(model: string, options: OpenOptions): Promise<Trajectory> {
  const { trainer, columns } = await openTrainer(model, options);
  try {
    const { batchMax } = trainer.plan;
    // Statistics of the data, which layers such as Normalization read.
    await trainer.fit(columns, { epochs: 0, validation: null, callbacks: [] });
    const losses: number[] = [];
    for (let step = 0; step < STEPS; step++) {
      const rows = step === STEPS - 1 ? Math.ceil(batchMax / 3) : batchMax;
      const from = (step * batchMax) % (columns[0]!.rows - batchMax);
      const { loss } = await trainer.trainOnBatch(sliceRows(columns, from, from + rows));
      losses.push(loss!);
    }
    const weights = await trainer.runner.readWeights();
    return {
      losses,
      weights: weightTensors(trainer.plan).map(({ name }) => [...weights.get(name)!]),
    };
  } finally {
    trainer.dispose();
  }
}

/** How far the weights lie apart: for the tensor that is worst off, as a share of its norm. */
export function distance({ weights: a }: Trajectory, { weights: b }: Trajectory): number {
  const shares = b.map((tensor, i) => {
    const difference = norm(tensor.map((weight, k) => weight - a[i]![k]!));
    return difference === 0 ? 0 : difference / norm(tensor);
  });
  return Math.max(...shares);
}

function norm(values: readonly number[]): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
}
