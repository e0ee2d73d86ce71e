/**
 * `npm run bench:webgpu`: training steps on WebGPU, nnc fused and unfused against TensorFlow.js and jax-js, all in Node on
 * the same Dawn and the same adapter. Peers take turns, round by round, each in a new process; figures are medians
 * over the rounds, ratios medians of the ratios within a round. Nothing is reported of a workload on which the losses
 * of the peers do not agree.
 *
 *     npm run bench:webgpu -- [--rounds 3] [--seconds 1] [--workload mlp_small,cnn_small] [--peer nnc,tfjs]
 *                             [--kernels] [--no-sizes] [--json] [--no-save] [--dawn enable-dawn-features=…]
 */

import { spawn } from "node:child_process";
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { describeWgsl } from "../../compiler/targets/wgsl/description.ts";
import { compileBenchModel } from "../compile-model.ts";
import { flopsPerStep, type Workload, workloads } from "../inputs.ts";
import { lossDisagreement } from "../loss-check.ts";
import { median } from "../statistics.ts";
import { measureSizes } from "./bundle-sizes.ts";
import type { TimedDispatch } from "./dispatch-clock.ts";
import { formatKernels } from "./kernel-table.ts";
import type { AheadOfTime } from "./nnc.ts";
import type { Measurement } from "./peer.ts";
import { hasPeers, installPeers } from "./peer-package.ts";
import { type AdapterReport, resultFile } from "./result-file.ts";

interface Peer {
  readonly name: string;
  /** Of the worker. */
  readonly module: string;
  readonly fusion: boolean;
}

const ownPeers: readonly Peer[] = [
  { name: "nnc", module: "nnc", fusion: true },
  { name: "nnc-unfused", module: "nnc", fusion: false },
];
const otherPeers: readonly Peer[] = ["jax-js", "tfjs"].map((name) => ({
  name,
  module: name,
  fusion: true,
}));

interface Row {
  readonly workload: string;
  readonly peer: string;
  readonly first_step_s: number;
  readonly ms_per_step: number;
  /** Of the processor's cores: with an adapter in software the steadier figure where other work is going on. */
  readonly processor_ms_per_step: number;
  /** Smallest and largest of the rounds. */
  readonly ms_range: readonly [number, number];
  /** Time of this peer over nnc's: above 1, nnc is faster. */
  readonly ratio_to_nnc: number;
  /**
   * Processor time of a step on a device that computes nothing: what the peer itself takes to prepare and submit it. No
   * adapter, fast as it may be, makes more steps in a second than this allows.
   */
  readonly host_ms_per_step: number;
  readonly gflops: number;
  readonly share_of_peak: number;
  readonly first_loss: number;
  readonly loss: number;
}

/** Too much for an adapter in software. */
const bigWorkloads = new Set(["mlp_big", "cnn_big"]);

const { values: options } = parseArgs({
  allowNegative: true,
  options: {
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "1" },
    workload: { type: "string" },
    peer: { type: "string" },
    kernels: { type: "boolean", default: false },
    sizes: { type: "boolean", default: true },
    dawn: { type: "string", multiple: true, default: [] },
    json: { type: "boolean", default: false },
    save: { type: "boolean", default: true },
  },
});

const worker = join(dirname(fileURLToPath(import.meta.url)), "worker.js");

/** The same for all peers. */
const dawnOptions = options.dawn.flatMap((option) => ["--dawn", option]);

/** What the worker prints, run in a process of its own. Drivers are not to remember kernels from earlier rounds. */
async function runWorker<T>(...args: string[]): Promise<T> {
  const caches = { __GL_SHADER_DISK_CACHE: "0", MESA_SHADER_CACHE_DISABLE: "true" };
  const child = spawn(process.execPath, [worker, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...caches },
  });
  let out = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  const status = await new Promise((resolve) => child.on("close", resolve));
  if (status !== 0) throw new Error(`${args.join(" ")} failed:\n${errors}`);
  return JSON.parse(out.trim().split("\n").at(-1)!) as T;
}

/** Arguments of the worker for a peer; nnc compiles here, ahead of time. */
function prepare(peer: Peer, workload: Workload, folder: string): string[] {
  const args = [peer.module, workload.name, "--seconds", options.seconds];
  if (peer.module !== "nnc") return args;
  const { plan, functions, kernels, code } = compileBenchModel(workload.model, {
    fusion: peer.fusion,
    target: describeWgsl(),
  });
  if (code.target !== "wgsl") throw new Error(`${workload.name} was compiled for ${code.target}`);
  const file = join(folder, `${workload.name}-${peer.name}.json`);
  const program: AheadOfTime = { plan, functions, kernels, wgsl: code.program };
  writeFileSync(file, JSON.stringify(program));
  return [...args, "--program", file];
}

async function measureWorkload(
  workload: Workload,
  peers: readonly Peer[],
  folder: string,
): Promise<Row[]> {
  const measured = new Map<Peer, Measurement[]>(peers.map((peer) => [peer, []]));
  const prepared = new Map(peers.map((peer) => [peer, prepare(peer, workload, folder)]));
  const hosted = new Map<Peer, number[]>(peers.map((peer) => [peer, []]));
  const peaks: number[] = [];
  for (let round = 0; round < Number(options.rounds); round++) {
    peaks.push((await runWorker<{ gflops: number }>("peak", ...dawnOptions)).gflops);
    for (const peer of peers) {
      const args = prepared.get(peer)!;
      measured.get(peer)!.push(await runWorker<Measurement>(...args, ...dawnOptions));
      const idle = await runWorker<Measurement>(...args, "--dawn", "backend=null");
      hosted.get(peer)!.push(idle.processorSeconds);
    }
  }
  const [reference] = peers;
  const own = measured.get(reference!)!;
  return peers.map((peer): Row => {
    const rounds = measured.get(peer)!;
    for (const round of rounds) {
      const disagreement = lossDisagreement(own[0]!, round);
      if (disagreement !== undefined) {
        throw new Error(
          `${peer.name} on ${workload.name} computes something else: ${disagreement}`,
        );
      }
    }
    const times = rounds.map(({ seconds }) => seconds);
    const gflops = flopsPerStep(workload) / median(times) / 1e9;
    return {
      workload: workload.name,
      peer: peer.name,
      first_step_s: median(rounds.map(({ firstStepSeconds }) => firstStepSeconds)),
      ms_per_step: 1e3 * median(times),
      processor_ms_per_step: 1e3 * median(rounds.map(({ processorSeconds }) => processorSeconds)),
      ms_range: [1e3 * Math.min(...times), 1e3 * Math.max(...times)],
      // Ratios within a round: neighbours in time see the same machine.
      ratio_to_nnc: median(times.map((time, i) => time / own[i]!.seconds)),
      host_ms_per_step: 1e3 * median(hosted.get(peer)!),
      gflops,
      share_of_peak: gflops / median(peaks),
      first_loss: rounds[0]!.first,
      loss: rounds[0]!.twentieth,
    };
  });
}

function formatRow(row: Row): string {
  const [least, most] = row.ms_range.map(digits);
  return [
    `${row.workload.padEnd(9)} ${row.peer.padEnd(11)} first step ${row.first_step_s.toFixed(2)} s`,
    `${digits(row.ms_per_step)} ms a step (${least} to ${most}), ${row.ratio_to_nnc.toFixed(2)}x`,
    `processor ${digits(row.processor_ms_per_step)} ms, of it the peer's own ${digits(row.host_ms_per_step)} ms`,
    `${digits(100 * row.share_of_peak)} % of peak`,
    `loss ${row.loss.toFixed(5)}`,
  ].join("; ");
}

/** Three significant digits, without an exponent. */
function digits(value: number): string {
  return String(Number(value.toPrecision(3)));
}

const lines: object[] = [];
function report(value: object, text: string): void {
  lines.push(value);
  process.stdout.write(options.json ? `${JSON.stringify(value)}\n` : `${text}\n`);
}

const folder = mkdtempSync(join(tmpdir(), "nnc-bench-"));
try {
  const adapter = await runWorker<AdapterReport>("adapter");
  const { gflops } = await runWorker<{ gflops: number }>("peak", ...dawnOptions);
  const { rounds, seconds, dawn } = options;
  const { path, head } = resultFile(adapter, { peak_gflops: gflops, rounds, seconds, dawn });
  const kind = adapter.software ? "software" : adapter.description;
  process.stderr.write(`${adapter.name} (${kind}), ${gflops.toPrecision(3)} GFLOP/s at most\n`);
  if (!hasPeers()) process.stderr.write(`The peers are not there: ${installPeers}\n`);
  const peers = (hasPeers() ? [...ownPeers, ...otherPeers] : ownPeers).filter(
    ({ name }) => options.peer?.split(",").includes(name) ?? true,
  );
  const chosen = workloads.filter(
    ({ name }) =>
      options.workload?.split(",").includes(name) ?? !(adapter.software && bigWorkloads.has(name)),
  );
  for (const workload of chosen) {
    if (options.kernels) {
      for (const peer of peers) {
        const args = [...prepare(peer, workload, folder), "--kernels", ...dawnOptions];
        const timed = await runWorker<{ steps: number; dispatches: TimedDispatch[] }>(...args);
        process.stdout.write(`${formatKernels(peer.name, workload, timed)}\n`);
      }
    } else {
      for (const row of await measureWorkload(workload, peers, folder)) report(row, formatRow(row));
    }
  }
  if (options.kernels) options.save = false;
  else if (options.sizes) {
    for (const size of await measureSizes(folder)) {
      report(
        size,
        `${size.of.padEnd(12)} ${size.minified_bytes} bytes minified, ${size.gzip_bytes} gzipped`,
      );
    }
  }
  if (options.save) {
    appendFileSync(path, [head, ...lines].map((line) => `${JSON.stringify(line)}\n`).join(""));
    process.stderr.write(`written to ${path}\n`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
