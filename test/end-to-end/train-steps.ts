/** The first steps of a model's training: their losses, and the weights that they lead to. */

import { weightTensors } from "../../runtime/training/checkpoint.ts";
import { type OpenOptions, openTrainer, sliceRows } from "./open-trainer.ts";

export interface Trajectory {
  readonly losses: readonly number[];
  /** All of them, one tensor after the other. */
  readonly weights: readonly number[];
}

export const STEPS = 20;

/** Batch after batch of the train block, the last one partial. */
export async function trainSteps(model: string, options: OpenOptions): Promise<Trajectory> {
  const { trainer, columns } = await openTrainer(model, options);
  try {
    const { batchMax } = trainer.plan;
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
      weights: weightTensors(trainer.plan).flatMap(({ name }) => [...weights.get(name)!]),
    };
  } finally {
    trainer.dispose();
  }
}

/** How far the weights lie apart, all together, as a share of their norm. */
export function distance({ weights: a }: Trajectory, { weights: b }: Trajectory): number {
  return norm(a.map((weight, i) => weight - b[i]!)) / norm(b);
}

function norm(values: readonly number[]): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
}
