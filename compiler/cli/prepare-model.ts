/** Compiles a model, its kernels included, for the commands that run it. */

import { existsSync } from "node:fs";
import type { CommandEnvironment } from "../../runtime/training/command/environment.ts";
import { type CompileRequest, compileModel } from "./compile-model.ts";
import { CommandError } from "./failure.ts";
import { compileKernels, modelEnvironment } from "./model-environment.ts";
import type { Streams } from "./streams.ts";

export async function prepareModel(
  request: CompileRequest,
  dataFolder: string | undefined,
  streams: Streams,
): Promise<CommandEnvironment> {
  if (dataFolder !== undefined && !existsSync(dataFolder)) {
    throw new CommandError(`there is no folder ${dataFolder}`, "check --data");
  }
  const { program } = compileModel(request, streams);
  const { path } = await compileKernels(program, request.march);
  return modelEnvironment(request.entry, program, path, streams, dataFolder);
}
