/**
 * What a trainer for WebGPU has in Node besides: the command line, files, and the package that brings WebGPU. Bundled
 * into the `node.js` beside it, which `web.ts` imports where the trainer is run as a program or opens a device.
 */

import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { readColumns } from "./data/read-columns.ts";
import { openGpu } from "./devices/webgpu/node-gpu.ts";
import { openWebGpuDevice } from "./devices/webgpu/open-device.ts";
import type { TrainerDefinition } from "./plan.ts";
import { type CommandEnvironment, processEnvironment } from "./training/command/environment.ts";
import { endWithOutput } from "./training/command/output.ts";
import { runStandalone } from "./training/command/standalone.ts";

export { openGpu } from "./devices/webgpu/node-gpu.ts";
export { nodeStorage } from "./storage/node-storage.ts";

/** `name` names the files of a run; `dataFolder`, relative to the trainer, is where the model's data were at build time. */
export type TrainerAbout = Pick<CommandEnvironment, "name" | "dataFolder">;

/** Runs a trainer's command line and sets the exit code of the process. */
export async function runTrainer(
  definition: TrainerDefinition,
  url: string,
  { name, dataFolder }: TrainerAbout,
): Promise<void> {
  endWithOutput();
  const environment: CommandEnvironment = {
    ...processEnvironment(),
    definition,
    name,
    dataFolder: resolve(dirname(fileURLToPath(url)), dataFolder),
    openDevice: async () => openWebGpuDevice(definition, await openGpu()),
    readColumns,
  };
  process.exitCode = await runStandalone(environment, process.argv.slice(2));
}
