/**
 * `npm run bench`: a training step of dense nets, nnc fused and unfused against PyTorch where Debian's
 * python3-torch is installed. Peers take turns, round by round, so that their ratios survive a noisy machine; every
 * figure is a median over the rounds, and a row counts only if its losses agree with nnc's.
 *
 *     npm run bench -- [--json] [--rounds 5] [--seconds 1] [--threads 1,2] [--workload mlp_small]
 */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import {
  flopsPerStep,
  isDense,
  makeInputs,
  type Workload,
  workloads,
  writeInputs,
} from "./inputs.ts";
import { availablePeers, type Measurement, measurePeer, type Peer } from "./peers.ts";
import { measureStart } from "./start.ts";
import { median } from "./statistics.ts";

/** Kernels order sums differently, and PyTorch's RMSprop has its epsilon outside the root. */
const lossTolerance = 1e-3;

interface Row {
  readonly workload: string;
  readonly peer: string;
  readonly target: "cpu";
  readonly threads: number;
  readonly steps_per_s: number;
  /** Time of this peer over nnc's: above 1, nnc is faster. */
  readonly ratio_to_nnc: number;
  readonly loss: number;
  readonly share_of_peak: number | null;
  readonly planned_bytes: number | null;
  readonly resident_bytes: number | null;
}

const { values: options } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "1" },
    threads: { type: "string", default: "1,2" },
    workload: { type: "string" },
  },
});

/** GFLOP/s of multiply-adds, or null without a C compiler. */
class PeakMeter {
  readonly #program: string | null;

  constructor(folder: string) {
    const source = join(dirname(fileURLToPath(import.meta.url)), "../../bench/peers/peak_fma.c");
    const program = join(folder, "peak");
    const flags = ["-O2", "-march=native", "-ffp-contract=off", "-fno-math-errno", "-pthread"];
    const { status } = spawnSync("cc", [...flags, source, "-o", program]);
    this.#program = status === 0 ? program : null;
  }

  measure(threads: number): number | null {
    if (this.#program === null) return null;
    return Number(spawnSync(this.#program, [String(threads)], { encoding: "utf8" }).stdout);
  }
}

function measureWorkload(
  workload: Workload,
  threads: number,
  peers: readonly Peer[],
  folder: string,
  peak: PeakMeter,
): Row[] {
  const inputs = join(folder, workload.name);
  writeInputs(inputs, workload, makeInputs(workload));
  const measured = new Map<Peer, Measurement[]>(peers.map((peer) => [peer, []]));
  const peaks: number[] = [];
  for (let round = 0; round < Number(options.rounds); round++) {
    const gflops = peak.measure(threads);
    if (gflops !== null) peaks.push(gflops);
    for (const peer of peers) {
      measured
        .get(peer)!
        .push(measurePeer(peer, workload, inputs, threads, Number(options.seconds)));
    }
  }
  const own = measured.get(peers[0]!)!;
  const reference = own[0]!;
  return peers.map((peer): Row => {
    const rounds = measured.get(peer)!;
    const { first, twentieth, plannedBytes = null, residentBytes = null } = rounds[0]!;
    for (const [mine, its] of [
      [reference.first, first],
      [reference.twentieth, twentieth],
    ] as const) {
      if (!(Math.abs(mine - its) <= lossTolerance * Math.abs(mine))) {
        throw new Error(`${peer.name} computes another loss than nnc: ${its}, not ${mine}`);
      }
    }
    const seconds = median(rounds.map((round) => round.seconds));
    // Ratios within a round: neighbours in time see the same machine.
    const ratio = median(rounds.map((round, i) => round.seconds / own[i]!.seconds));
    const gflops = flopsPerStep(workload) / seconds / 1e9;
    return {
      workload: workload.name,
      peer: peer.name,
      target: "cpu",
      threads,
      steps_per_s: 1 / seconds,
      ratio_to_nnc: ratio,
      loss: twentieth,
      share_of_peak: peaks.length === 0 ? null : gflops / median(peaks),
      planned_bytes: plannedBytes,
      resident_bytes: residentBytes,
    };
  });
}

function printRow(row: Row): void {
  if (options.json) {
    process.stdout.write(`${JSON.stringify(row)}\n`);
    return;
  }
  const share =
    row.share_of_peak === null ? "" : `${(100 * row.share_of_peak).toFixed(0)} %`.padStart(5);
  process.stdout.write(
    `${row.workload.padEnd(10)} ${row.peer.padEnd(14)} ${row.threads} ` +
      `${row.steps_per_s.toFixed(0).padStart(7)} steps/s ${row.ratio_to_nnc.toFixed(2).padStart(6)}x ` +
      `${share} of peak  loss ${row.loss.toFixed(5)}\n`,
  );
}

const folder = mkdtempSync(join(tmpdir(), "nnc-bench-"));
try {
  const peers = availablePeers();
  if (!peers.some(({ name }) => name.startsWith("torch"))) {
    process.stderr.write(
      "PyTorch is not there (Debian: apt-get install python3-torch): nnc alone\n",
    );
  }
  const peak = new PeakMeter(folder);
  const chosen = workloads
    .filter(isDense)
    .filter(({ name }) => options.workload === undefined || name === options.workload);
  for (const threads of options.threads.split(",").map(Number)) {
    for (const workload of chosen) {
      for (const row of measureWorkload(workload, threads, peers, folder, peak)) printRow(row);
    }
  }
  for (const start of measureStart(chosen, folder)) {
    process.stdout.write(
      options.json
        ? `${JSON.stringify(start)}\n`
        : `${start.workload.padEnd(10)} first step after ${start.cold_seconds.toFixed(2)} s cold, ` +
            `${start.warm_seconds.toFixed(2)} s warm; trainer ${start.trainer_bytes} bytes, ` +
            `${start.trainer_gzip_bytes} gzipped\n${start.passes}`,
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
