/** `nnc evaluate`: metrics of trained weights on a block of the model's data. */

import {
  type EvaluateCommandOptions,
  evaluateCommand,
} from "../../../runtime/training/command/evaluate.ts";
import type { CompileFlags, RunFlags } from "../options.ts";
import { prepareModel } from "../prepare-model.ts";
import type { Streams } from "../streams.ts";

export async function evaluate(
  entry: string,
  options: CompileFlags & RunFlags & EvaluateCommandOptions,
  streams: Streams,
): Promise<number> {
  const environment = await prepareModel({ entry, ...options }, options.data, streams);
  return evaluateCommand(environment, options);
}
