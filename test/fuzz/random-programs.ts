/** Batches of random programs by seed, so that a failure can be repeated alone. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import type { CpuDescription } from "../../compiler/targets/cpu/description.ts";
import { randomGraph } from "../graph/random-graph.ts";
import { checkPrograms } from "./check-programs.ts";

/** Gives the number of programs that passed: all of them, or it throws, saying how to repeat the failure. */
export async function checkRandomPrograms(
  seed: number,
  count: number,
  cpu: CpuDescription,
): Promise<number> {
  const cache = await mkdtemp(join(tmpdir(), "nnc-fuzz-"));
  // Made twice, as a graph's context changes when it is compiled.
  const sample = () => fc.sample(randomGraph({ maxSteps: 10 }), { numRuns: count, seed });
  const [unfused, fused] = [sample(), sample()];
  try {
    await checkPrograms({ unfused, fused }, cpu, cache);
    return count;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(
      `seed ${seed} (repeat with NNC_FUZZ_SEED=${seed} NNC_FUZZ_RUNS=${count} npm run fuzz): ${message}`,
      { cause: error },
    );
  } finally {
    await rm(cache, { recursive: true, force: true });
  }
}
