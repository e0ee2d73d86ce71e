/** The peers of the benchmarks: how each is started, and what it needs to be there at all. */

import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Workload } from "./inputs.ts";

export interface Peer {
  readonly name: string;
  readonly command: (workload: Workload, folder: string) => readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** What a peer prints. */
export interface Measurement {
  readonly seconds: number;
  readonly first: number;
  readonly twentieth: number;
  readonly plannedBytes?: number;
  readonly residentBytes?: number;
}

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "..", "..");
const python = "/usr/bin/python3";

function worker(name: string, ...flags: string[]): Peer {
  return {
    name,
    command: (workload) => [process.execPath, join(here, "worker.js"), workload.name, ...flags],
  };
}

function torch(name: string, environment: Readonly<Record<string, string>>): Peer {
  const script = join(root, "bench", "peers", "torch_step.py");
  return {
    name,
    command: ({ optimizer }, folder) => [python, script, folder, "--optimizer", optimizer],
    environment,
  };
}

/** OpenBLAS of Debian 12 takes newer processors for Haswell; this gives it its AVX-512 kernels. */
const wideKernels = { OPENBLAS_CORETYPE: "SkylakeX" };

/** glibc gives big tensors back to the system after every step, and the page faults cost up to 40 % of it. */
const keptMemory = {
  MALLOC_MMAP_THRESHOLD_: "4000000000",
  MALLOC_TRIM_THRESHOLD_: "8000000000",
};

const ownPeers: readonly Peer[] = [worker("nnc"), worker("nnc-unfused", "--no-fusion")];

const torchPeers: readonly Peer[] = [
  torch("torch-default", {}),
  torch("torch-tuned", wideKernels),
  torch("torch-best", { ...wideKernels, ...keptMemory }),
];

export function hasTorch(): boolean {
  return spawnSync(python, ["-c", "import torch"]).status === 0;
}

export function availablePeers(): readonly Peer[] {
  return hasTorch() ? [...ownPeers, ...torchPeers] : ownPeers;
}

/** Runs a peer once, in a process of its own. */
export function measurePeer(
  peer: Peer,
  workload: Workload,
  folder: string,
  threads: number,
  seconds: number,
): Measurement {
  const [program, ...args] = peer.command(workload, folder);
  const result = spawnSync(
    program!,
    [...args, "--threads", String(threads), "--seconds", String(seconds)],
    { encoding: "utf8", env: { ...process.env, ...peer.environment } },
  );
  if (result.status !== 0) throw new Error(`${peer.name} failed:\n${result.stderr}`);
  return JSON.parse(result.stdout.trim().split("\n").at(-1)!) as Measurement;
}
