/** Batches of random programs by seed, so that a failure can be repeated alone. */

import fc from "fast-check";
import { printGraph } from "../../compiler/graph/print.ts";
import { randomGraph } from "../graph/random-graph.ts";
import { checkPrograms, type RandomProgram } from "./check-programs.ts";
import type { ProgramRunner } from "./program-library.ts";
import { optimizers, trainingProgram } from "./training-program.ts";

/**
 * Gives the number of programs that passed: all of them, or it throws, saying which seed to repeat with how many runs;
 * of these `make` gets one in `oneIn`.
 */
export async function checkRandomPrograms(
  make: (seed: number, count: number) => readonly RandomProgram[],
  runner: ProgramRunner,
  seed: number,
  count: number,
  oneIn = 1,
): Promise<number> {
  try {
    await checkPrograms(() => make(seed, count), runner);
    return count;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const again = `NNC_FUZZ_SEED=${seed} NNC_FUZZ_RUNS=${count * oneIn}`;
    throw new Error(`${again}: ${message}`, { cause: error });
  } finally {
    await runner.dispose();
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
