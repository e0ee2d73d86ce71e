/**
 * `npm run bench`: training steps and inference on the CPU, nnc fused and unfused against the peers that are here. Peers
 * take turns, round by round, so that their ratios survive a noisy machine; figures are medians over the rounds, and
 * a peer is reported only if it computes what nnc computes.
 *
 *     npm run bench -- [--only steps,inference,batches,start] [--workload mlp_small,gpt] [--peers nnc,torch-best]
 *                      [--threads 1,2] [--batches 1,8,32,128] [--rounds 5] [--seconds 0.6] [--json] [--no-save]
 *
 * `inference` is forward passes alone; `batches` training steps of nnc, and of whom `--peers` names, at the sizes of
 * `--batches`, on one thread unless `--threads` says otherwise; `start` whole processes from `nnc train` on.
 */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { findPackageFiles } from "../compiler/cli/package-files.ts";
import { formatRow } from "./cpu/format-row.ts";
import { type CpuJob, type JobKind, jobOf } from "./cpu/job.ts";
import { PeakMeter } from "./cpu/peak.ts";
import { availablePeers, openBlasVariable, type Peer } from "./cpu/peers.ts";
import { prepareJob } from "./cpu/prepare.ts";
import { appendResults, describeRun, type ResultLine, resultPath } from "./cpu/results.ts";
import { type Omission, type Row, rowsOf } from "./cpu/rows.ts";
import { type Contender, takeTurns } from "./cpu/turns.ts";
import { type CpuWorkload, cpuWorkloads, inferenceFlops } from "./cpu/workloads.ts";
import { type Answer, PeerProcess } from "./peer-process.ts";
import { formatStart, measureStart } from "./start.ts";

const { values: options } = parseArgs({
  allowNegative: true,
  options: {
    only: { type: "string", default: "steps,inference,batches,start" },
    workload: { type: "string" },
    peers: { type: "string" },
    threads: { type: "string" },
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "0.6" },
    batches: { type: "string", default: "1,8,32,128" },
    json: { type: "boolean", default: false },
    save: { type: "boolean", default: true },
  },
});

const { root } = findPackageFiles();
const say = (text: string) => process.stderr.write(`${text}\n`);
const list = (text: string | undefined) => text?.split(",");
const numbers = (text: string) => text.split(",").map(Number);

const rounds = Number(options.rounds);
const seconds = Number(options.seconds);

type Section = "steps" | "inference" | "batches" | "start";

function chosenSections(): ReadonlySet<Section> {
  const known: readonly Section[] = ["steps", "inference", "batches", "start"];
  const names = options.only.split(",");
  const unknown = names.find((name) => !known.some((section) => section === name));
  if (unknown !== undefined) {
    throw new Error(`--only takes ${known.join(", ")}, not ${unknown}`);
  }
  return new Set(known.filter((section) => names.includes(section)));
}

/** What is measured in turns. */
interface Comparison {
  readonly kind: JobKind;
  /** In place of the workload's own. */
  readonly batches: readonly number[] | null;
  /** Whether another comparison has the workload's own. */
  readonly leavesOwnBatch: boolean;
  readonly threads: readonly number[];
  readonly peers: readonly Peer[];
}

function comparisonsOf(sections: ReadonlySet<Section>, available: readonly Peer[]): Comparison[] {
  const threads = numbers(options.threads ?? "1,2");
  const peers = chosenPeers(available, list(options.peers));
  const comparisons: (readonly [Section, Comparison])[] = [
    ["steps", { kind: "step", batches: null, leavesOwnBatch: false, threads, peers }],
    ["inference", { kind: "inference", batches: null, leavesOwnBatch: false, threads, peers }],
    [
      "batches",
      {
        kind: "step",
        batches: numbers(options.batches),
        leavesOwnBatch: sections.has("steps"),
        threads: numbers(options.threads ?? "1"),
        peers: chosenPeers(available, list(options.peers) ?? ["nnc"]),
      },
    ],
  ];
  return comparisons.flatMap(([section, comparison]) =>
    sections.has(section) ? [comparison] : [],
  );
}

/** Seconds that a peer may take until it has made its first steps. */
const patience = 600;

function chosenWorkloads(): readonly CpuWorkload[] {
  const names = list(options.workload);
  const unknown = names?.find((wanted) => cpuWorkloads.every(({ name }) => name !== wanted));
  if (unknown !== undefined) {
    const known = cpuWorkloads.map(({ name }) => name).join(", ");
    throw new Error(`there is no workload ${unknown}; there are ${known}`);
  }
  return cpuWorkloads.filter(({ name }) => names?.includes(name) ?? true);
}

/** nnc is always among them, and first: ratios are to it. */
function chosenPeers(
  available: readonly Peer[],
  wanted: readonly string[] | undefined,
): readonly Peer[] {
  return available.filter(({ name }) => name === "nnc" || (wanted?.includes(name) ?? true));
}

interface Contest {
  readonly workload: CpuWorkload;
  readonly job: CpuJob;
  readonly threads: number;
  readonly peers: readonly Peer[];
}

async function measure(
  { workload, job, threads, peers }: Contest,
  meter: PeakMeter,
  folder: string,
): Promise<(Row | Omission)[]> {
  const taking = peers.filter(({ takes }) => takes(job, threads));
  const processes = taking.map(({ command }) => new PeerProcess(command(threads)));
  try {
    const answers = new Map<string, Answer>();
    const contenders: Contender[] = [];
    for (const [i, { name }] of taking.entries()) {
      const process = processes[i]!;
      const answer = await process.request({ command: "open", job, folder }, patience);
      answers.set(name, answer);
      if (answer.error === undefined) contenders.push({ name, process });
    }
    const turns = await takeTurns(contenders, { id: job.id, threads, rounds, seconds, meter });
    if (turns.dropped > 0) {
      say(`${turns.dropped} rounds dropped: ${threads} threads had fewer cores`);
    }
    const { kind, batch } = job;
    const flops = kind === "step" ? workload.stepFlops(batch) : inferenceFlops(workload, batch);
    return rowsOf({ job, threads, flops, answers, turns });
  } finally {
    for (const process of processes) process.dispose();
  }
}

type Report = (line: ResultLine, text: string) => void;

/** Every workload that the comparison has, at every batch size and number of threads. */
async function compare(
  { kind, batches, leavesOwnBatch, threads, peers }: Comparison,
  workloads: readonly CpuWorkload[],
  meter: PeakMeter,
  folder: string,
  report: Report,
): Promise<void> {
  const variants = peers.flatMap(({ variant }) => variant ?? []);
  for (const workload of workloads) {
    if (kind === "inference" && workload.layered === null) continue;
    for (const batch of batches ?? [workload.batch]) {
      if (leavesOwnBatch && batch === workload.batch) continue;
      const job = jobOf(workload, kind, batch);
      const prepared = join(folder, job.id);
      say(`${job.id}: compiling ${variants.join(" and ")}`);
      await prepareJob(job, workload, variants, prepared);
      for (const count of threads) {
        const rows = await measure({ workload, job, threads: count, peers }, meter, prepared);
        for (const row of rows) report(row, formatRow(row));
      }
    }
  }
}

async function main(folder: string): Promise<void> {
  const sections = chosenSections();
  const workloads = chosenWorkloads();
  const comparisons = comparisonsOf(sections, availablePeers(say));
  const meter = new PeakMeter(folder);
  const counts = new Set(comparisons.flatMap(({ threads }) => threads));
  const peaks = [...counts].map((threads) => [threads, meter.measure(threads)?.gflops ?? 0]);
  const head = describeRun(root, {
    rounds,
    seconds,
    peak_gflops: Object.fromEntries(peaks) as Record<string, number>,
    openblas: process.env[openBlasVariable] === undefined ? "system" : "openmp",
    compiler: spawnSync("cc", ["--version"], { encoding: "utf8" }).stdout?.split("\n")[0] ?? "",
  });
  const lines: ResultLine[] = [];
  const report: Report = (line, text) => {
    lines.push(line);
    process.stdout.write(`${options.json ? JSON.stringify(line) : text}\n`);
  };
  for (const comparison of comparisons) {
    await compare(comparison, workloads, meter, folder, report);
  }
  if (sections.has("start")) {
    for (const workload of workloads) {
      const start = await measureStart(workload, folder);
      report(start, formatStart(start));
    }
  }
  if (options.save) {
    const path = resultPath(root, head);
    appendResults(path, [head, ...lines]);
    say(`written to ${path}`);
  }
}

const folder = mkdtempSync(join(tmpdir(), "nnc-bench-"));
try {
  await main(folder);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
