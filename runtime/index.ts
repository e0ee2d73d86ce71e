/** What a trainer for the CPU or for CUDA imports: bundled into the `runtime.js` beside it. */

import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { readColumns } from "./data/read-columns.ts";
import { CpuDevice } from "./devices/cpu/cpu-device.ts";
import { openCudaDevice } from "./devices/cuda/open-device.ts";
import type { Device } from "./devices/device.ts";
import type { TrainerDefinition } from "./plan.ts";
import { nodeStorage } from "./storage/node-storage.ts";
import { type CommandEnvironment, processEnvironment } from "./training/command/environment.ts";
import { endWithOutput } from "./training/command/output.ts";
import { runStandalone } from "./training/command/standalone.ts";
import { Model } from "./training/model.ts";
import { checkCreation, type OptionNames } from "./training/model-options.ts";

export { DataError } from "./data/data-error.ts";
export type { CudaProgram } from "./devices/cuda/cuda-program.ts";
export { DeviceError } from "./devices/device.ts";
export type { CallbackSpec, StepCounters, TrainerDefinition, TrainerPlan } from "./plan.ts";
export type { Callback, Logs, TrainingControl } from "./training/callbacks/callback.ts";
export { LambdaCallback, type LambdaFunctions } from "./training/callbacks/lambda-callback.ts";
export type { ColumnInput, NestedNumbers } from "./training/column-input.ts";
export { isMain } from "./training/command/standalone.ts";
export { TrainingError } from "./training/error.ts";
export type { History } from "./training/history.ts";
export type { Tensor } from "./training/model.ts";
export { Model } from "./training/model.ts";
export type { BatchOptions, FitOptions, LoadOptions } from "./training/model-options.ts";
export type { FitProgress } from "./training/report/progress-reporter.ts";
export { type EpochReport, type Reporter, silentReporter } from "./training/report/reporter.ts";
export type { RunState } from "./training/run-state.ts";
export {
  formatDeviation,
  type SelfTestDeviation,
  type SelfTestResult,
} from "./training/self-test.ts";

export interface CreateOptions {
  /** The one that the trainer was built for: its kernels are for no other. */
  readonly device?: "auto" | "cpu" | "cuda";
  /** Of initial weights, shuffling and dropout. */
  readonly seed?: number;
  /** All cores by default. */
  readonly threads?: number;
}

const createOptionNames: OptionNames<CreateOptions> = { device: true, seed: true, threads: true };

/** A model whose kernels and addon lie in the folder of the module of `url`. */
export async function openModel<Inputs, Data extends Inputs, Outputs, Metrics>(
  definition: TrainerDefinition,
  url: string,
  options: CreateOptions,
): Promise<Model<Inputs, Data, Outputs, Metrics>> {
  checkCreation(definition.plan.target, createOptionNames, options);
  const { seed, threads } = options;
  const device = await deviceOpener(definition, url)(threads ?? availableParallelism());
  try {
    return await Model.create(definition, device, seed, nodeStorage);
  } catch (error) {
    device.dispose();
    throw error;
  }
}

/**
 * Runs a trainer's command line and sets the exit code of the process.
 * @param about `name` names the files of a run; `dataFolder` is where the model's data were at build time.
 */
export async function runTrainer(
  definition: TrainerDefinition,
  url: string,
  about: Pick<CommandEnvironment, "name" | "dataFolder">,
): Promise<void> {
  endWithOutput();
  const environment: CommandEnvironment = {
    ...processEnvironment(),
    ...about,
    definition,
    openDevice: deviceOpener(definition, url),
    readColumns,
  };
  process.exitCode = await runStandalone(environment, process.argv.slice(2));
}

function deviceOpener(
  definition: TrainerDefinition,
  url: string,
): (threads: number) => Promise<Device> {
  const folder = dirname(fileURLToPath(url));
  const { plan } = definition;
  if (plan.target === "cuda") return () => openCudaDevice(definition, folder);
  const library = join(folder, "kernels.so");
  return async (threads) =>
    new CpuDevice({ plan, library, threads, addon: join(folder, "nnc.node") });
}
