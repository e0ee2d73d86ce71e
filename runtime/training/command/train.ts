/** Trains on the model's own data and evaluates its test block: `nnc train`, and a trainer run by itself. */

import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { type Column, elementCount } from "../../data/column.ts";
import { DeviceError, DeviceLostError } from "../../devices/device.ts";
import type { ColumnSource, DataPlan } from "../../plan.ts";
import type { FileStorage } from "../../storage/file-storage.ts";
import { nodeStorage } from "../../storage/node-storage.ts";
import type { Logs } from "../callbacks/callback.ts";
import { TrainingError } from "../error.ts";
import type { FitOutcome } from "../fit.ts";
import { formatLogs } from "../report/format.ts";
import { formatCount, formatLarge } from "../report/quantities.ts";
import { Trainer } from "../trainer.ts";
import { type CommandEnvironment, chooseReporter } from "./environment.ts";
import { reopenWhenLost } from "./reopen-device.ts";

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
  /** Weights to start from, as far as the file has them; otherwise those that the train block names. */
  readonly weights?: string | undefined;
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
  const { definition } = environment;
  const data = requireData(definition.plan.data, definition.plan.model);
  const checkpoint = options.checkpoint ?? defaultCheckpoint(environment);
  for (const path of options.output === undefined ? [checkpoint] : [checkpoint, options.output]) {
    await nodeStorage.checkWritable(path);
  }
  const resume = options.resume === true ? checkpoint : options.resume;
  if (resume !== undefined && !existsSync(resume)) {
    throw new TrainingError(
      `there is no checkpoint ${resume} to resume from`,
      "train without --resume",
    );
  }
  // Read while the device is opened and values are drawn, and once; what fails is said when the data are wanted.
  const run = prepareRun(environment, data, checkpoint, options);
  run.catch(() => undefined);
  const saves = countWrites(nodeStorage, checkpoint);
  return reopenWhenLost(
    {
      open: () => environment.openDevice(options.threads ?? availableParallelism()),
      progress: saves.count,
      onLoss: ({ message }) => {
        const from = saves.count() > 0 ? `from ${checkpoint}` : "from where it began";
        environment.errors.write(`warning: ${message}; training goes on ${from}\n`);
      },
    },
    async (device) => {
      const trainer = await Trainer.create(definition, device, options.seed, saves.storage);
      // What this run saved holds the options, and what became of them.
      if (saves.count() > 0) await trainer.resume(checkpoint);
      else await begin(environment, trainer, resume, options);
      return train(environment, trainer, await run);
    },
  );
}

/** What a run is made of besides the device. */
interface Run {
  readonly options: TrainCommandOptions;
  readonly checkpoint: string;
  readonly columns: readonly Column[];
  readonly validation: readonly Column[] | undefined;
  /** Read when training is over. */
  readonly test: () => Promise<readonly Column[] | undefined>;
}

async function prepareRun(
  { definition: { plan }, dataFolder, readColumns }: CommandEnvironment,
  { blocks }: DataPlan,
  checkpoint: string,
  options: TrainCommandOptions,
): Promise<Run> {
  const read = async (sources: readonly ColumnSource[] | undefined) =>
    sources && (await readColumns(sources, dataFolder));
  return {
    options,
    checkpoint,
    columns: await readColumns(blocks.train, dataFolder),
    validation: await read(plan.training?.validation === "block" ? blocks.validation : undefined),
    test: () => read(blocks.test),
  };
}

/** Counts how often `path` was written. */
function countWrites(
  storage: FileStorage,
  path: string,
): { readonly storage: FileStorage; readonly count: () => number } {
  let count = 0;
  const write: FileStorage["write"] = async (name, bytes) => {
    await storage.write(name, bytes);
    if (name === path) count++;
  };
  return { storage: { ...storage, write }, count: () => count };
}

async function begin(
  environment: CommandEnvironment,
  trainer: Trainer,
  resume: string | undefined,
  options: TrainCommandOptions,
): Promise<void> {
  if (resume !== undefined) await resumeFrom(trainer, resume, options);
  else await loadWeights(environment, trainer, options);
  if (options.learningRate !== undefined) trainer.setHyper("learning_rate", options.learningRate);
}

/** What a new run starts from, besides initial values. */
async function loadWeights(
  { dataFolder, out }: CommandEnvironment,
  trainer: Trainer,
  { weights, json }: TrainCommandOptions,
): Promise<void> {
  const { training, tensors } = trainer.plan;
  const planned = training?.weights;
  const path = weights ?? (planned && resolve(dataFolder, planned.path));
  if (path === undefined) return;
  const found = await trainer.loadMatching(path, planned?.parts);
  const all = tensors.filter(({ role }) => role === "param" || role === "state").length;
  if (!json)
    out.write(`${formatCount(found.length)} of ${formatCount(all)} tensors from ${path}\n`);
}

/** Gives the exit code. */
async function train(
  environment: CommandEnvironment,
  trainer: Trainer,
  { options, checkpoint, columns, validation, test }: Run,
): Promise<number> {
  if (!options.json) environment.out.write(headline(trainer, columns[0]?.rows ?? 0));
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
    .catch((error: unknown) => {
      // Who wants to end does not want another device.
      const isUnwanted = error instanceof DeviceLostError && interrupt.reason() !== undefined;
      throw isUnwanted ? new DeviceError(error.message, { cause: error }) : error;
    })
    .finally(interrupt.stopListening);
  if (outcome.end === "interrupted") {
    reportInterruption(environment, outcome, checkpoint, options);
    return EXIT_CODES[interrupt.reason() ?? "SIGINT"];
  }
  if (options.output !== undefined) await trainer.save(options.output);
  const tested = await test();
  const metrics = tested === undefined ? null : await trainer.evaluate(tested, options.batchSize);
  report(environment, outcome, metrics, checkpoint, options);
  if (outcome.failure === undefined) return 0;
  environment.errors.write(`error: ${outcome.failure}\n`);
  return 1;
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
function headline(trainer: Trainer, rows: number): string {
  const parameters = trainer.plan.tensors
    .filter(({ role }) => role === "param")
    .reduce((total, { shape }) => total + elementCount(shape), 0);
  const counts = `${formatCount(parameters)} parameters, ${formatCount(rows)} rows`;
  const { epoch, position } = trainer.state;
  const from = epoch + position > 0 ? `, resumed in epoch ${epoch + 1}` : "";
  return `${trainer.plan.model}: ${counts}, ${trainer.runner.device.description}${from}\n`;
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
  const made = state.t === 1 ? "1 update" : `${formatCount(state.t)} updates`;
  out.write(`${made}, ${speed}, saved to ${checkpoint}\n`);
}
