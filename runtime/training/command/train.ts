/** Trains on the model's own data and evaluates its test block: `nnc train`, and a trainer run by itself. */

import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { elementCount } from "../../data/column.ts";
import type { DataPlan } from "../../plan.ts";
import { nodeStorage } from "../../storage/node-storage.ts";
import type { Logs } from "../callbacks/callback.ts";
import { TrainingError } from "../error.ts";
import type { FitOutcome } from "../fit.ts";
import { formatLogs } from "../report/format.ts";
import { formatCount, formatLarge } from "../report/quantities.ts";
import { Trainer } from "../trainer.ts";
import { type CommandEnvironment, chooseReporter } from "./environment.ts";

/** What overrides the train block, and where things lie. */
export interface TrainCommandOptions {
  readonly epochs?: number | undefined;
  readonly batchSize?: number | undefined;
  readonly learningRate?: number | undefined;
  readonly seed?: number | undefined;
  readonly threads?: number | undefined;
  /** Goes on from this checkpoint; true: from where this run would save its own. */
  readonly resume?: string | true | undefined;
  readonly checkpoint?: string | undefined;
  readonly checkpointSeconds?: number | undefined;
  /** Where to write the weights in the end. */
  readonly output?: string | undefined;
  readonly json?: boolean | undefined;
  /** Trains even on a device that fails the self-test. */
  readonly force?: boolean | undefined;
}

/** Exit codes as shells know them: 128 and the number of the signal. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

/** Gives the exit code. Mistakes of the user are thrown, as `TrainingError`, `DataError` or `DeviceError`. */
export async function trainCommand(
  environment: CommandEnvironment,
  options: TrainCommandOptions,
): Promise<number> {
  const { definition, dataFolder, readColumns, out } = environment;
  const { plan } = definition;
  const data = requireData(plan.data, plan.model);
  const checkpoint = options.checkpoint ?? defaultCheckpoint(environment);
  const resume = options.resume === true ? checkpoint : options.resume;
  if (resume !== undefined && !existsSync(resume)) {
    throw new TrainingError(
      `there is no checkpoint ${resume} to resume from`,
      "train without --resume",
    );
  }
  const device = await environment.openDevice(options.threads ?? availableParallelism());
  try {
    const trainer = await Trainer.create(definition, device, options.seed, nodeStorage);
    if (resume !== undefined) await resumeFrom(trainer, resume, options);
    if (options.learningRate !== undefined) trainer.setHyper("learning_rate", options.learningRate);
    const columns = await readColumns(data.blocks.train, dataFolder);
    const validation =
      plan.training?.validation === "block" && data.blocks.validation !== undefined
        ? await readColumns(data.blocks.validation, dataFolder)
        : undefined;
    if (!options.json) out.write(headline(trainer, columns[0]?.rows ?? 0, device.description));

    const interrupt = listenForInterrupts(environment);
    const outcome = await trainer
      .fit(columns, {
        epochs: options.epochs,
        batchSize: options.batchSize,
        validation,
        reporter: await chooseReporter(environment, options.json === true),
        checkpoint,
        checkpointSeconds: options.checkpointSeconds,
        signal: interrupt.signal,
        force: options.force,
      })
      .finally(interrupt.stopListening);
    if (outcome.end === "interrupted") {
      reportInterruption(environment, outcome, checkpoint, options);
      return EXIT_CODES[interrupt.reason() ?? "SIGINT"];
    }
    if (options.output !== undefined) await trainer.save(options.output);
    const test =
      data.blocks.test === undefined
        ? null
        : await trainer.evaluate(
            await readColumns(data.blocks.test, dataFolder),
            options.batchSize,
          );
    report(environment, outcome, test, checkpoint, options);
    if (outcome.failure === undefined) return 0;
    environment.errors.write(`error: ${outcome.failure}\n`);
    return 1;
  } finally {
    device.dispose();
  }
}

export function defaultCheckpoint({ name }: Pick<CommandEnvironment, "name">): string {
  return `${name}.checkpoint.safetensors`;
}

export function requireData(data: DataPlan | null, model: string): DataPlan {
  if (data === null) {
    throw new TrainingError(
      `model ${model} has no data to train on`,
      "write a data block and `train … on …`, or use the trainer as a module",
    );
  }
  return data;
}

async function resumeFrom(
  trainer: Trainer,
  path: string,
  { seed }: TrainCommandOptions,
): Promise<void> {
  await trainer.resume(path);
  if (seed !== undefined && seed !== trainer.state.seed) {
    throw new TrainingError(
      `the run in ${path} has the seed ${trainer.state.seed}, not ${seed}`,
      "a run cannot change its seed: leave --seed out",
    );
  }
}

/** `Digits: 25,450 parameters, 60,000 rows, cpu, 2 threads`. */
function headline(trainer: Trainer, rows: number, device: string): string {
  const parameters = trainer.plan.tensors
    .filter(({ role }) => role === "param")
    .reduce((total, { shape }) => total + elementCount(shape), 0);
  const counts = `${formatCount(parameters)} parameters, ${formatCount(rows)} rows`;
  const { epoch, position } = trainer.state;
  const from = epoch + position > 0 ? `, resumed in epoch ${epoch + 1}` : "";
  return `${trainer.plan.model}: ${counts}, ${device}${from}\n`;
}

/** The first signal lets the steps in flight end and saves; the second ends the process at once. */
function listenForInterrupts(environment: CommandEnvironment): {
  readonly signal: AbortSignal;
  readonly reason: () => keyof typeof EXIT_CODES | undefined;
  readonly stopListening: () => void;
} {
  const controller = new AbortController();
  let reason: keyof typeof EXIT_CODES | undefined;
  const stopListening = environment.onInterrupt((signal) => {
    if (reason !== undefined) process.exit(EXIT_CODES[signal]);
    reason = signal;
    controller.abort();
  });
  return { signal: controller.signal, reason: () => reason, stopListening };
}

function reportInterruption(
  { out, errors }: CommandEnvironment,
  { state }: FitOutcome,
  checkpoint: string,
  { json }: TrainCommandOptions,
): void {
  if (json) {
    const epochs = state.history.epoch.length;
    out.write(
      `${JSON.stringify({ event: "interrupted", epochs, updates: state.t, checkpoint })}\n`,
    );
  } else {
    errors.write(
      `interrupted in epoch ${state.epoch + 1}; saved to ${checkpoint}, go on with --resume\n`,
    );
  }
}

function report(
  { out }: CommandEnvironment,
  { state, samples, updates, trainingSeconds }: FitOutcome,
  test: Logs | null,
  checkpoint: string,
  { json, output }: TrainCommandOptions,
): void {
  const rate = samples === 0 ? null : samples / trainingSeconds;
  if (json) {
    const result = {
      epochs: state.history.epoch.length,
      updates: state.t,
      samples_per_second: rate,
      steps_per_second: updates === 0 ? null : updates / trainingSeconds,
      history: state.history.history,
      test,
      checkpoint,
      ...(output === undefined ? {} : { weights: output }),
    };
    out.write(`${JSON.stringify(result)}\n`);
    return;
  }
  if (test !== null) out.write(`Test  ${formatLogs(test)}\n`);
  const speed = rate === null ? "nothing was left to train" : `${formatLarge(rate)} samples/s`;
  out.write(`${formatCount(state.t)} updates, ${speed}, saved to ${checkpoint}\n`);
}
