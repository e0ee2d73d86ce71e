/**
 * The CUDA benchmarks, all in one run: `bench/gpu.sh` calls this. Peers compile while results are checked; what is timed is
 * timed when nothing else goes on. Every part has its share of the time, and one that fails stops no other: the exit
 * code says 1 then.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findPackageFiles } from "../../compiler/cli/package-files.ts";
import { messageOf } from "../../runtime/data/data-error.ts";
import { Budget } from "./budget.ts";
import type { Job, StepJob } from "./job.ts";
import { describeMachine } from "./machine.ts";
import { Openings } from "./openings.ts";
import { type Part, type RunOptions, readOptions, usage, usualSeconds } from "./options.ts";
import { runChecks } from "./parts/checks.ts";
import type { RunContext } from "./parts/context.ts";
import { runLatency } from "./parts/latency.ts";
import { preparationKey, preparationsOf, prepareAll } from "./parts/prepare.ts";
import { runProducts } from "./parts/products.ts";
import { runSanitizer } from "./parts/sanitizer.ts";
import { runAutotune, runSteps } from "./parts/steps.ts";
import { runTraffic } from "./parts/traffic.ts";
import { stepPeers } from "./peers.ts";
import { Report, resultFileName } from "./report.ts";
import { formatRows } from "./tables.ts";
import { productJobs, stepJobs, trafficJobs } from "./workloads.ts";

/**
 * Seconds of each part at most in a run of usual length; checks and the sanitizer go on at the same time. Peers get ready
 * until the steps begin.
 */
const usualShares = {
  prepare: 60,
  checks: 90,
  sanitizer: 90,
  ready: 40,
  steps: 80,
  traffic: 20,
  products: 80,
  latency: 60,
} as const;

/** A run that is given more time gives it to all of its parts. */
function sharesOf(seconds: number): { readonly [P in keyof typeof usualShares]: number } {
  const factor = seconds / usualSeconds;
  const scaled = Object.entries(usualShares).map(([name, share]) => [name, factor * share]);
  return Object.fromEntries(scaled) as { readonly [P in keyof typeof usualShares]: number };
}

async function run(options: RunOptions, root: string): Promise<number> {
  const { quick, target, python, conformance, only } = options;
  const budget = new Budget(options.seconds);
  const shares = sharesOf(options.seconds);
  const machine = await describeMachine(root, target, python);
  const stamp = { gpu: machine.gpu, date: machine.date, commit: machine.commit };
  const path = options.out === undefined ? undefined : join(options.out, resultFileName(stamp));
  const report = new Report(stamp, path, (text) => process.stderr.write(text));
  report.add("machine", { ...machine, quick, target });
  report.say(JSON.stringify(machine, null, 1));

  const folder = mkdtempSync(join(tmpdir(), "nnc-gpu-"));
  const settings = { root, target, python };
  const context: RunContext = { ...settings, quick, folder, conformance, machine, report };
  /** A part that is wanted; what it throws fails it and nothing else. */
  const part = async (name: Part, task: (budget: Budget) => Promise<void>): Promise<void> => {
    if (!only.has(name)) return;
    report.say(`${name}: ${Math.round(budget.remaining)} s left`);
    await task(budget.part(shares[name])).catch((error: unknown) => {
      report.fail(name, "all of it", messageOf(error));
    });
  };

  const steps = only.has("steps") || only.has("latency") ? stepJobs(quick) : [];
  const small = only.has("sanitizer") ? stepJobs(true).map(asSmall) : [];
  const products = only.has("products") ? productJobs(quick) : [];
  const traffic = trafficJobs(quick);
  const groups = only.has("traffic") ? traffic.groups : [];
  const peers = stepPeers(settings, machine);
  const openings = new Openings(
    folder,
    budget.part(shares.prepare + shares.prepare + shares.checks + shares.ready),
    Math.max(1, machine.cores >> 1),
  );
  try {
    const stepPreparations = steps.flatMap((job) =>
      preparationsOf([job], "fused", ...(job.precision === "f32" ? (["unfused"] as const) : [])),
    );
    const ready = await prepareAll("steps", stepPreparations, budget.part(shares.prepare), context);
    if (only.has("steps")) {
      for (const job of steps) {
        for (const peer of peers.filter(({ takes }) => takes(job))) {
          if (ready.has(preparationKey(job.id, peer.needs))) openings.open(peer, job);
        }
      }
    }
    const others: Job[] = [...groups, ...products, ...small];
    const prepared = await prepareAll(
      "others",
      preparationsOf(others, "fused"),
      budget.part(shares.prepare),
      context,
    );
    const isReady = ({ id }: Job) => prepared.has(preparationKey(id, "fused"));
    await Promise.all([
      part("checks", (share) => runChecks(share, context)),
      part("sanitizer", (share) => runSanitizer(small.filter(isReady), share, context)),
    ]);
    await openings.settled();
    await part("steps", (share) => runSteps(steps, peers, openings, share, context));
    openings.dispose();
    await part("traffic", (share) =>
      runTraffic({ copy: traffic.copy, groups: groups.filter(isReady) }, share, context),
    );
    await part("products", (share) => runProducts(products.filter(isReady), share, context));
    const latency = steps.find(({ network }) => network === "cnn");
    if (latency !== undefined) {
      await part("latency", (share) => runLatency(latency, share, context));
    }
    if (target === "cuda" && machine.torch !== null && !quick) {
      await part("steps", () => runAutotune(steps, budget, context));
    }
  } finally {
    openings.dispose();
    rmSync(folder, { recursive: true, force: true });
  }
  process.stdout.write(formatRows(report.rows));
  if (path !== undefined) report.say(`written to ${path}`);
  return report.failed.length === 0 ? 0 : 1;
}

/** Beside the one of full size. */
function asSmall(job: StepJob): StepJob {
  return { ...job, id: `small_${job.id}` };
}

async function main(): Promise<number> {
  const { root } = findPackageFiles();
  let options: RunOptions | null;
  try {
    options = readOptions(process.argv.slice(2), join(root, "bench", "results"));
  } catch (error) {
    process.stderr.write(`error: ${messageOf(error)}\n${usage}`);
    return 2;
  }
  if (options !== null) return run(options, root);
  process.stdout.write(usage);
  return 0;
}

// Peers that do not end must not keep it.
process.exit(await main());
