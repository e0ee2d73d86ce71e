/** `nnc predict`: outputs of trained weights for the rows of a file. */

import { predictCommand } from "../../../runtime/training/command/predict.ts";
import type { CompileFlags, RunFlags } from "../options.ts";
import { prepareModel } from "../prepare-model.ts";
import type { Streams } from "../streams.ts";

interface PredictFlags extends CompileFlags, RunFlags {
  readonly weights?: string;
  readonly input?: readonly string[];
  readonly output?: string;
}

export async function predict(
  entry: string,
  options: PredictFlags,
  streams: Streams,
): Promise<number> {
  const environment = await prepareModel({ entry, ...options }, options.data, streams);
  const { weights, threads, input = [], output } = options;
  return predictCommand(environment, { weights, threads, inputs: input, output });
}
