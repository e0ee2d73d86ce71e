/** The first steps of a model's training: their losses, and the weights that they lead to. */

import type { Column } from "../../runtime/data/column.ts";
import { weightTensors } from "../../runtime/training/checkpoint.ts";
import type { Trainer } from "../../runtime/training/trainer.ts";
import { type OpenOptions, openTrainer, sliceRows } from "./open-trainer.ts";

export interface Trajectory {
  readonly losses: readonly number[];
  /** The elements of each tensor. */
  readonly weights: readonly (readonly number[])[];
}

const STEPS = 20;

/** From the initial weights. */
export async function trainSteps(model: string, options: OpenOptions): Promise<Trajectory> {
  const { trainer, columns } = await openTrainer(model, options);
  try {
    await readStatistics(trainer, columns);
    return await followSteps(trainer, columns);
  } finally {
    trainer.dispose();
  }
}

/** Statistics of the data, which layers such as Normalization read. */
export async function readStatistics(trainer: Trainer, columns: readonly Column[]): Promise<void> {
  await trainer.fit(columns, { epochs: 0, validation: null, callbacks: [] });
}

/** From where the trainer stands, batch after batch, over the rows as often as it takes; the last one is partial. */
export async function followSteps(
  trainer: Trainer,
  columns: readonly Column[],
  steps = STEPS,
): Promise<Trajectory> {
  const { batchMax } = trainer.plan;
  const span = Math.max(1, columns[0]!.rows - batchMax);
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const rows = step === steps - 1 ? Math.ceil(batchMax / 3) : batchMax;
    const from = (step * batchMax) % span;
    const { loss } = await trainer.trainOnBatch(sliceRows(columns, from, from + rows));
    losses.push(loss!);
  }
  const weights = await trainer.runner.readWeights();
  return {
    losses,
    weights: weightTensors(trainer.plan).map(({ name }) => [...weights.get(name)!]),
  };
}

/** How far the weights lie apart: for the tensor that is worst off, as a share of its norm. */
export function distance(a: Trajectory, b: Trajectory): number {
  return Math.max(...distances(a, b));
}

/** The same for each tensor. */
export function distances({ weights: a }: Trajectory, { weights: b }: Trajectory): number[] {
  return b.map((tensor, i) => {
    const difference = norm(tensor.map((weight, k) => weight - a[i]![k]!));
    return difference === 0 ? 0 : difference / norm(tensor);
  });
}

function norm(values: readonly number[]): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
}
