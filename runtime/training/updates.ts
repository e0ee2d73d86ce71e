/**
 * Training steps over rows. Usually a batch is one update; a model may have several, each a forward pass with the
 * weights as the ones before left them, and each made so many times on the same batch.
 */

import type { TrainerPlan, UpdatePlan } from "../plan.ts";
import type { ModelRunner } from "./model-runner.ts";
import type { RunState } from "./run-state.ts";

const usual: readonly UpdatePlan[] = [{ graph: "train", steps: 1 }];

/** In the order in which they are made for each batch. */
function updatesOf(plan: Pick<TrainerPlan, "training">): readonly UpdatePlan[] {
  return plan.training?.updates ?? usual;
}

/** The graphs of all updates. */
export function trainingGraphs(plan: Pick<TrainerPlan, "training">): readonly string[] {
  return updatesOf(plan).map(({ graph }) => graph);
}

type Counted = Pick<RunState, "batch" | "t" | "updates">;

/** Counters after so many more batches; before them with a negative number. */
export function countedBatches(
  plan: Pick<TrainerPlan, "training">,
  { batch, t, updates }: Counted,
  batches: number,
): Counted {
  const counted = { ...updates };
  let total = t;
  for (const { graph, steps } of updatesOf(plan)) {
    counted[graph] = (updates[graph] ?? 0) + steps * batches;
    total += steps * batches;
  }
  return { batch: batch + batches, t: total, updates: counted };
}

/** Trains on the rows, a batch after the other; gives the counters after them. */
export async function trainRows(
  runner: ModelRunner,
  rows: Int32Array,
  batchSize: number,
  state: Counted & Pick<RunState, "seed" | "hypers">,
): Promise<Counted> {
  const { seed, hypers } = state;
  const all = updatesOf(runner.plan);
  const [only] = all;
  if (all.length === 1 && only!.steps === 1) {
    const made = state.updates[only!.graph] ?? 0;
    await runner.run(only!.graph, rows, batchSize, {
      seed,
      hypers,
      batch: state.batch,
      t: made + 1,
    });
    return countedBatches(runner.plan, state, Math.ceil(rows.length / batchSize));
  }
  let counted: Counted = state;
  for (let position = 0; position < rows.length; position += batchSize) {
    const batchRows = rows.subarray(position, position + batchSize);
    for (const { graph, steps } of all) {
      for (let step = 0; step < steps; step++) {
        const made = (counted.updates[graph] ?? 0) + step;
        const context = { seed, hypers, batch: counted.batch, t: made + 1, draw: made };
        await runner.run(graph, batchRows, batchSize, context);
      }
    }
    counted = countedBatches(runner.plan, counted, 1);
  }
  return counted;
}
