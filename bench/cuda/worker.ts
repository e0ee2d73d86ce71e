/**
 * nnc as a peer of the CUDA benchmarks: takes the commands that the peers in Python do
 * (bench/peers/cuda/server.py lists them).
 *
 *     node worker.js --variant fused|unfused
 */

import { parseArgs } from "node:util";
import { serveJobs } from "../serve-jobs.ts";
import type { Job } from "./job.ts";
import { openJob } from "./open-job.ts";
import type { Variant } from "./program.ts";

const { values: options } = parseArgs({
  options: { variant: { type: "string", default: "fused" } },
});

await serveJobs((job: Job, folder) => openJob(job, folder, options.variant as Variant));
