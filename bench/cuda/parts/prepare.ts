/** Compiles the models of jobs, on all cores. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Budget } from "../budget.ts";
import type { Job } from "../job.ts";
import { bundleFolder } from "../peers.ts";
import type { Preparation, Prepared } from "../prepare.ts";
import type { Variant } from "../program.ts";
import { failureOf, runCommand } from "../run-command.ts";
import type { RunContext } from "./context.ts";

/** Tells which were prepared; the others are reported. */
export async function prepareAll(
  name: string,
  preparations: readonly Preparation[],
  budget: Budget,
  { folder, target, machine, report }: RunContext,
): Promise<ReadonlySet<string>> {
  const start = performance.now();
  const list = join(folder, `${name}.json`);
  writeFileSync(list, JSON.stringify(preparations));
  const processes = Math.max(1, Math.min(machine.cores, preparations.length));
  const seconds = budget.remaining;
  const results = await Promise.all(
    Array.from({ length: processes }, (_, i) =>
      runCommand(
        process.execPath,
        [
          join(bundleFolder, "prepare.js"),
          ...[list, folder, "--target", target, "--share", `${i}/${processes}`],
        ],
        { seconds },
      ),
    ),
  );
  const done = new Map(
    results
      .flatMap(({ out }) => out.split("\n").filter((line) => line.endsWith("}")))
      .map((line) => JSON.parse(line) as Prepared)
      .map((prepared) => [preparationKey(prepared.id, prepared.variant), prepared]),
  );
  const failed = results.find(({ status }) => status !== 0);
  const ready = new Set<string>();
  for (const { job, variant } of preparations) {
    const key = preparationKey(job.id, variant);
    const prepared = done.get(key);
    const error = prepared === undefined ? failureOf(failed ?? results[0]!) : prepared.error;
    if (error === undefined) ready.add(key);
    else report.fail("prepare", key, error);
  }
  const took = (performance.now() - start) / 1000;
  report.add("prepare", {
    of: name,
    prepared: ready.size,
    models: preparations.length,
    took_s: took,
  });
  report.say(`${ready.size} of ${preparations.length} ${name} compiled in ${took.toFixed(1)} s`);
  return ready;
}

export function preparationKey(id: string, variant: Variant): string {
  return `${id}/${variant}`;
}

export function preparationsOf(jobs: readonly Job[], ...variants: Variant[]): Preparation[] {
  return jobs.flatMap((job) => variants.map((variant) => ({ job, variant })));
}
