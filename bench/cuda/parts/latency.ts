/** How long it takes until the first training step is done, in a process that starts with nothing but files. */

import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type PeerCommand, PeerProcess } from "../../peer-process.ts";
import type { Budget } from "../budget.ts";
import type { StepJob } from "../job.ts";
import { bundleFolder, jaxPeer, nncWorker, torchPeer } from "../peers.ts";
import { failureOf, runCommand } from "../run-command.ts";
import type { RunContext } from "./context.ts";
import { preparationsOf } from "./prepare.ts";

export async function runLatency(job: StepJob, budget: Budget, context: RunContext): Promise<void> {
  const { report, machine, folder, target } = context;
  const measure = async (peer: string, command: PeerCommand, before = 0) => {
    if (budget.isSpent) {
      report.skip("latency", peer, "the time is spent");
      return;
    }
    const process = new PeerProcess(command);
    const request = { command: "open", job, folder: join(folder, job.id) } as const;
    const { error, first_step_at } = await process.request(request, budget.remaining);
    process.dispose();
    if (first_step_at === undefined) {
      report.fail("latency", peer, error ?? "made no step");
      return;
    }
    const seconds = first_step_at - process.startedAt + before;
    report.add("latency", { job: job.id, peer, first_step_s: seconds });
    report.say(`latency: ${job.id}: ${peer} ${seconds.toFixed(2)} s`);
  };
  /** Caches of compilers, empty. */
  const fresh = (command: PeerCommand): PeerCommand => {
    const cache = mkdtempSync(join(folder, "cache-"));
    const caches = {
      TORCHINDUCTOR_CACHE_DIR: cache,
      TRITON_CACHE_DIR: cache,
      CUDA_CACHE_PATH: cache,
    };
    return { ...command, environment: { ...command.environment, ...caches } };
  };
  await measure("nnc, built before", nncWorker("fused"));
  const compiled = await compileAnew(job, budget, context);
  if (typeof compiled === "string") report.fail("latency", "nnc, from the model", compiled);
  else await measure("nnc, from the model", nncWorker("fused"), compiled);
  if (machine.torch !== null) {
    await measure("torch", torchPeer(context, "eager"));
    if (target === "cuda") await measure("torch-compile", fresh(torchPeer(context, "compile")));
  }
  if (machine.jax !== null) await measure("jax", fresh(jaxPeer(context)));
}

/** Seconds of compiling, `nvcc` included, into an empty cache; or what went wrong. */
async function compileAnew(
  job: StepJob,
  budget: Budget,
  { folder, target }: RunContext,
): Promise<number | string> {
  const start = performance.now();
  const cache = mkdtempSync(join(folder, "cache-"));
  const list = join(cache, "jobs.json");
  writeFileSync(list, JSON.stringify(preparationsOf([job], "fused")));
  const result = await runCommand(
    process.execPath,
    [join(bundleFolder, "prepare.js"), list, cache, "--target", target],
    { seconds: budget.remaining, environment: { XDG_CACHE_HOME: cache } },
  );
  const seconds = (performance.now() - start) / 1000;
  return result.status === 0 && !result.out.includes('"error"') ? seconds : failureOf(result);
}
