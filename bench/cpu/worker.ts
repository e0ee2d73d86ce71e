/**
 * nnc as a peer of its own benchmark: prepared jobs on the CPU, in a process of its own as every peer has.
 *
 *     node worker.js --variant fused|unfused --threads 1
 */

import { parseArgs } from "node:util";
import { serveJobs } from "../serve-jobs.ts";
import type { CpuJob } from "./job.ts";
import { openJob } from "./open-job.ts";
import type { Variant } from "./prepare.ts";

const { values: options } = parseArgs({
  options: {
    variant: { type: "string", default: "fused" },
    threads: { type: "string", default: "1" },
  },
});

const [variant, threads] = [options.variant as Variant, Number(options.threads)];
await serveJobs((job: CpuJob, folder) => openJob(job, folder, { variant, threads }));
