/**
 * A peer in JavaScript, from bench/peers/cpu, in a process of its own.
 *
 *     node script-worker.js jax-js|tfjs|onnxruntime --threads 1
 */

import { parseArgs } from "node:util";
import { shapedLayers } from "../inputs.ts";
import { repeatFor } from "../repeat-for.ts";
import { type OpenJob, serveJobs } from "../serve-jobs.ts";
import type { CpuJob } from "./job.ts";
import { layeredInputs } from "./layered-inputs.ts";
import { onnxFile } from "./onnx-model.ts";
import { cpuWorkloads } from "./workloads.ts";

/** What a module of bench/peers/cpu opens. */
interface Running {
  readonly run: (count: number) => void | Promise<void>;
  /** Of the last training step, once it is done. */
  readonly loss: () => Promise<number>;
  /** Of the last forward pass. */
  readonly outputs: () => Promise<Float32Array>;
}

interface PeerModule {
  readonly open: (settings: object) => Promise<Running>;
}

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { threads: { type: "string", default: "1" } },
});

/** Seconds that the first 20 steps may take; a peer that needs longer is compared by its first loss. */
const longestStart = 20;

const url = new URL(`../../../bench/peers/cpu/${positionals[0]}.mjs`, import.meta.url);

async function openJob(job: CpuJob, folder: string): Promise<OpenJob> {
  const chain = cpuWorkloads.find(({ name }) => name === job.workload)?.layered;
  if (!chain) throw new Error(`${job.workload} is no chain of layers`);
  const workload = { ...chain, batch: job.batch };
  const inputs = layeredInputs(folder, workload);
  const { open } = (await import(url.href)) as PeerModule;
  const dispose = () => {};
  if (job.kind === "inference") {
    const [height, width, channels] = workload.input;
    const sample = channels === undefined ? workload.input : [channels, height, width];
    const session = await open({
      folder,
      file: onnxFile,
      x: inputs.x,
      shape: [job.batch, ...sample],
      threads: Number(options.threads),
    });
    await session.run(20);
    const outputs = [...(await session.outputs()).subarray(0, job.outputs)];
    const time = repeatFor(async (count) => session.run(count));
    return { answer: { outputs }, time, dispose };
  }
  const training = await open({ workload, layers: shapedLayers(workload), inputs });
  await training.run(1);
  const first = await training.loss();
  // One by one: what a library queues stays in memory until it is read.
  const run = async (count: number) => {
    for (let i = 0; i < count; i++) {
      await training.run(1);
      await training.loss();
    }
  };
  const start = performance.now();
  let steps = 1;
  for (; steps < 20 && performance.now() - start < 1000 * longestStart; steps++) await run(1);
  const answer = steps < 20 ? { first } : { first, twentieth: await training.loss() };
  return { answer, time: repeatFor(run), dispose };
}

await serveJobs(openJob);
// Peers leave pools of threads behind.
process.exit();
