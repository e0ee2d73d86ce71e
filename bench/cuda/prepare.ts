/**
 * Compiles the models of jobs, every n-th of them, as several processes share the work. Prints a line for each.
 *
 *     node prepare.js JOBS.json FOLDER --target cuda --share 0/16
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Job } from "./job.ts";
import { type BenchTarget, prepareJob, type Variant } from "./program.ts";

/** An element of the file. */
export interface Preparation {
  readonly job: Job;
  readonly variant: Variant;
}

/** A line of the output. */
export interface Prepared {
  readonly id: string;
  readonly variant: Variant;
  readonly seconds: number;
  readonly error?: string;
}

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    target: { type: "string", default: "cuda" },
    share: { type: "string", default: "0/1" },
  },
});
const [list, folder] = positionals as [string, string];
const [first, step] = options.share.split("/").map(Number) as [number, number];
const preparations = JSON.parse(readFileSync(list, "utf8")) as Preparation[];

for (let i = first; i < preparations.length; i += step) {
  const { job, variant } = preparations[i]!;
  const start = performance.now();
  let error: string | undefined;
  try {
    await prepareJob(job, variant, options.target as BenchTarget, join(folder, job.id));
  } catch (thrown) {
    error = thrown instanceof Error ? thrown.message : String(thrown);
  }
  const seconds = (performance.now() - start) / 1000;
  const line: Prepared = {
    id: job.id,
    variant,
    seconds,
    ...(error === undefined ? {} : { error }),
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
