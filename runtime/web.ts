/**
 * What a trainer for WebGPU imports: bundled into the `runtime.js` beside it, which runs in pages, in workers and in
 * Node alike and names none of Node's modules. What only Node has (its command line, its files, the npm package that
 * brings WebGPU) is in `node.js`, loaded from the trainer's folder where it is needed.
 *
 * `trainer.js` exports the class of the model, which has the methods of `Model` with the model's own types, and
 * `definition`, whose `plan` says everything that a page shows of a model before it opens a device:
 *
 *     import { definition, Digits } from "./trainer.js";
 *     const model = await Digits.create({ onProgress: (compiled, kernels) => … });
 *     const pause = new AbortController();
 *     await model.fit(data, { signal: pause.signal, onProgress: ({ batch, batches, logs }) => … });
 *     await model.fit(data, { resume: true });  // goes on where it was paused
 *     const bytes = await model.checkpoint();    // and model.restore(bytes), here or on the CPU
 */

export { DataError } from "./data/data-error.ts";
export { DeviceError } from "./devices/device.ts";

import { openWebGpuDevice } from "./devices/webgpu/open-device.ts";
import type { TrainerDefinition } from "./plan.ts";
import { findSurroundings, importNode, isMain } from "./surroundings.ts";
import { Model } from "./training/model.ts";
import { checkCreation } from "./training/model-options.ts";
import { type WebGpuOptions, webGpuOptionNames } from "./web-options.ts";

export type {
  CallbackSpec,
  ColumnPlan,
  ColumnSource,
  DataPlan,
  LayerSummary,
  StepCounters,
  TrainerDefinition,
  TrainerPlan,
} from "./plan.ts";
export type { FileStorage } from "./storage/file-storage.ts";
export { originStorage } from "./storage/origin-storage.ts";
export type { Callback, Logs, TrainingControl } from "./training/callbacks/callback.ts";
export { LambdaCallback, type LambdaFunctions } from "./training/callbacks/lambda-callback.ts";
export type { ColumnInput, NestedNumbers } from "./training/column-input.ts";
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
export type { WebGpuOptions } from "./web-options.ts";

/**
 * A model on the graphics processor of this machine. `url` is that of its trainer.
 * @throws DeviceError if there is no WebGPU; the message says what to do.
 */
export async function openModel<Inputs, Data extends Inputs, Outputs, Metrics>(
  definition: TrainerDefinition,
  url: string,
  options: WebGpuOptions,
): Promise<Model<Inputs, Data, Outputs, Metrics>> {
  checkCreation("webgpu", webGpuOptionNames, options);
  const { seed, powerPreference, onProgress, storage } = options;
  const found = await findSurroundings(url);
  const opened = await found.openGpu(powerPreference === undefined ? {} : { powerPreference });
  const device = await openWebGpuDevice(definition, opened, onProgress);
  try {
    return await Model.create(definition, device, seed, storage ?? found.storage);
  } catch (error) {
    device.dispose();
    throw error;
  }
}

/**
 * Runs the command line of the trainer whose URL is given if that is the program that Node was started with. `name`
 * names the files of a run; `dataFolder`, relative to the trainer, is where the model's data were at build time.
 */
export async function runIfMain(
  definition: TrainerDefinition,
  url: string,
  about: { readonly name: string; readonly dataFolder: string },
): Promise<void> {
  if (!(await isMain(url))) return;
  const { runTrainer } = await importNode(url);
  await runTrainer(definition, url, about);
}
