/** Batches of random programs by seed, so that a failure can be repeated alone. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { printGraph } from "../../compiler/graph/print.ts";
import { randomGraph } from "../graph/random-graph.ts";
import { thisCpu } from "../targets/run-kernels.ts";
import { checkPrograms, type RandomProgram } from "./check-programs.ts";
import { optimizers, trainingProgram } from "./training-program.ts";

/** Gives the number of programs that passed: all of them, or it throws, saying which seed to repeat. */
export async function checkRandomPrograms(
  make: (seed: number, count: number) => readonly RandomProgram[],
  seed: number,
  count: number,
): Promise<number> {
  const cache = await mkdtemp(join(tmpdir(), "nnc-fuzz-"));
  try {
    await checkPrograms(() => make(seed, count), thisCpu(), cache);
    return count;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(`NNC_FUZZ_SEED=${seed} NNC_FUZZ_RUNS=${count}: ${message}`, { cause: error });
  } finally {
    await rm(cache, { recursive: true, force: true });
  }
}

/** Random graphs under optimizers of their own: every kind of index map and reducer, in small sizes. */
export function randomGraphs(seed: number, count: number): readonly RandomProgram[] {
  const sample = fc.sample(randomGraph({ maxSteps: 10 }), { numRuns: count, seed });
  return sample.map((random, i) => {
    const program = trainingProgram(random, optimizers[i % optimizers.length]!);
    return { program, n: random.n, text: printGraph(program.training!.train) };
  });
}
