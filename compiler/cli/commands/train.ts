/** `nnc train`: compiles, then trains in this process, as the standalone trainer would. */

import { dirname } from "node:path";
import { trainCommand } from "../../../runtime/training/command/train.ts";
import { EarlyStart } from "../early-start.ts";
import type { CompileFlags, RunFlags } from "../options.ts";
import { prepareTraining } from "../prepare-model.ts";
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
  const { environment, finish } = await prepareTraining(
    { entry, ...options },
    options.data,
    streams,
    (definition) => early.begin(definition),
  );
  try {
    return await trainCommand(early.handOver(environment), options);
  } finally {
    // What went wrong is said first.
    setImmediate(finish);
  }
}
