/** `nnc train`: compiles, then trains in this process, as the standalone trainer would. */

import { trainCommand } from "../../../runtime/training/command/train.ts";
import type { CompileFlags, RunFlags } from "../options.ts";
import { prepareModel } from "../prepare-model.ts";
import type { Streams } from "../streams.ts";

interface TrainFlags extends CompileFlags, RunFlags {
  readonly epochs?: number;
  readonly learningRate?: number;
  readonly seed?: number;
  readonly weights?: string;
  readonly resume?: string | true;
  readonly checkpoint?: string;
  readonly checkpointSeconds?: number;
  readonly output?: string;
  readonly json?: boolean;
  readonly force?: boolean;
}

export async function train(entry: string, options: TrainFlags, streams: Streams): Promise<number> {
  const environment = await prepareModel({ entry, ...options }, options.data, streams);
  return trainCommand(environment, options);
}
