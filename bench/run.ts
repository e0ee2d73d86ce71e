/**
 * `npm run bench`: training steps and inference on the CPU, nnc fused and unfused against the peers that are here. Peers
 * take turns, round by round, so that their ratios survive a noisy machine; figures are medians over the rounds, and
 * a peer is reported only if it computes what nnc computes.
 *
 *     npm run bench -- [--workload mlp_small,gpt] [--peers nnc,torch-best] [--threads 1,2] [--rounds 5] [--seconds 0.6]
 *                      [--inference] [--batches 1,8,64] [--no-start] [--json] [--no-save]
 *
 * `--inference` measures forward passes alone, in place of training steps. `--batches` measures nnc, and whom `--peers`
 * names, at several batch sizes, on one thread unless `--threads` says otherwise.
 */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { findPackageFiles } from "../compiler/cli/package-files.ts";
import { formatRow } from "./cpu/format-row.ts";
import { type JobKind, jobOf } from "./cpu/job.ts";
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
    workload: { type: "string" },
    peers: { type: "string" },
    threads: { type: "string" },
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "0.6" },
    inference: { type: "boolean", default: false },
    batches: { type: "string" },
    start: { type: "boolean", default: true },
    json: { type: "boolean", default: false },
    save: { type: "boolean", default: true },
  },
});

const { root } = findPackageFiles();
const say = (text: string) => process.stderr.write(`${text}\n`);
const list = (text: string | undefined) => text?.split(",");
const numbers = (text: string) => text.split(",").map(Number);

const kind: JobKind = options.inference ? "inference" : "step";
const rounds = Number(options.rounds);
const seconds = Number(options.seconds);
const threadCounts = numbers(options.threads ?? (options.batches === undefined ? "1,2" : "1"));

/** Seconds that a peer may take until it has made its first steps. */
const patience = 600;

function chosenWorkloads(): readonly CpuWorkload[] {
  const names = list(options.workload);
  const unknown = names?.find((wanted) => cpuWorkloads.every(({ name }) => name !== wanted));
  if (unknown !== undefined) {
    const known = cpuWorkloads.map(({ name }) => name).join(", ");
    throw new Error(`there is no workload ${unknown}; there are ${known}`);
  }
  return cpuWorkloads.filter(
    ({ name, layered }) => (names?.includes(name) ?? true) && (kind === "step" || layered !== null),
  );
}

/** nnc is always among them, and first: ratios are to it. */
function chosenPeers(): readonly Peer[] {
  const wanted = list(options.peers) ?? (options.batches === undefined ? undefined : ["nnc"]);
  return availablePeers(say).filter(
    ({ name }) => name === "nnc" || (wanted?.includes(name) ?? true),
  );
}

async function measure(
  workload: CpuWorkload,
  batch: number,
  threads: number,
  peers: readonly Peer[],
  meter: PeakMeter,
  folder: string,
): Promise<(Row | Omission)[]> {
  const job = jobOf(workload, kind, batch);
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
    const flops = kind === "step" ? workload.stepFlops(batch) : inferenceFlops(workload, batch);
    return rowsOf({ job, threads, flops, answers, turns });
  } finally {
    for (const process of processes) process.dispose();
  }
}

async function main(folder: string): Promise<void> {
  const workloads = chosenWorkloads();
  const peers = chosenPeers();
  const meter = new PeakMeter(folder);
  const peaks = threadCounts.map((threads) => [threads, meter.measure(threads)?.gflops ?? 0]);
  const head = describeRun(root, {
    rounds,
    seconds,
    peak_gflops: Object.fromEntries(peaks) as Record<string, number>,
    openblas: process.env[openBlasVariable] === undefined ? "system" : "openmp",
    compiler: spawnSync("cc", ["--version"], { encoding: "utf8" }).stdout?.split("\n")[0] ?? "",
  });
  const path = resultPath(root, head);
  const lines: ResultLine[] = [];
  const report = (line: ResultLine, text: string) => {
    lines.push(line);
    process.stdout.write(`${options.json ? JSON.stringify(line) : text}\n`);
  };
  const variants = peers.flatMap(({ variant }) => variant ?? []);
  for (const workload of workloads) {
    for (const batch of options.batches === undefined
      ? [workload.batch]
      : numbers(options.batches)) {
      const job = jobOf(workload, kind, batch);
      const prepared = join(folder, job.id);
      say(`${job.id}: compiling ${variants.join(" and ")}`);
      await prepareJob(job, workload, variants, prepared);
      for (const threads of threadCounts) {
        const rows = await measure(workload, batch, threads, peers, meter, prepared);
        for (const row of rows) report(row, formatRow(row));
      }
    }
  }
  if (options.start && kind === "step" && options.batches === undefined) {
    for (const start of measureStart(workloads, folder)) report(start, formatStart(start));
  }
  if (options.save) {
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
