/** Metrics of a trained model on one block of its data: `nnc evaluate`. */

import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { nodeStorage } from "../../storage/node-storage.ts";
import { TrainingError } from "../error.ts";
import { formatLogs } from "../report/format.ts";
import { Trainer } from "../trainer.ts";
import type { CommandEnvironment } from "./environment.ts";
import { defaultCheckpoint, requireData } from "./train.ts";

export interface EvaluateCommandOptions {
  /** Weights or a checkpoint; the checkpoint that training writes by default. */
  readonly weights?: string | undefined;
  readonly block?: "train" | "validation" | "test" | undefined;
  readonly batchSize?: number | undefined;
  readonly threads?: number | undefined;
  readonly json?: boolean | undefined;
}

export async function evaluateCommand(
  environment: CommandEnvironment,
  options: EvaluateCommandOptions,
): Promise<number> {
  const { definition, dataFolder, readColumns, out } = environment;
  const data = requireData(definition.plan.data, definition.plan.model);
  const block = options.block ?? (data.blocks.test === undefined ? "train" : "test");
  const sources = data.blocks[block];
  if (sources === undefined) {
    const known = Object.keys(data.blocks).join(", ");
    throw new TrainingError(`the data ${data.name} has no ${block} block`, `it has ${known}`);
  }
  await withTrainedModel(environment, options, async (trainer) => {
    const metrics = await trainer.evaluate(
      await readColumns(sources, dataFolder),
      options.batchSize,
    );
    const line = options.json
      ? JSON.stringify({ block, ...metrics })
      : `${block}  ${formatLogs(metrics)}`;
    out.write(`${line}\n`);
  });
  return 0;
}

/** The model with trained weights, for as long as `use` takes. */
export async function withTrainedModel(
  environment: CommandEnvironment,
  options: Pick<EvaluateCommandOptions, "weights" | "threads">,
  use: (trainer: Trainer) => Promise<void>,
): Promise<void> {
  const weights = options.weights ?? defaultCheckpoint(environment);
  if (!existsSync(weights)) {
    throw new TrainingError(
      `there are no weights ${weights}`,
      "train first, or name a file with --weights",
    );
  }
  const device = await environment.openDevice(options.threads ?? availableParallelism());
  try {
    const trainer = await Trainer.create(environment.definition, device, undefined, nodeStorage);
    await trainer.load(weights);
    await use(trainer);
  } finally {
    device.dispose();
  }
}
