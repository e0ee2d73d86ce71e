/** `nnc train`: compiles, then trains in this process, as the standalone trainer would. */

import { dirname } from "node:path";
import { trainCommand } from "../../../runtime/training/command/train.ts";
import { EarlyStart } from "../early-start.ts";
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
  const early = new EarlyStart(options.data ?? dirname(entry), options.seed);
  const environment = await prepareModel({ entry, ...options }, options.data, streams, (program) =>
    early.begin(program),
  );
  return trainCommand(early.handOver(environment), options);
}
