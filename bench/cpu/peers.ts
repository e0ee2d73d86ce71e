/** The peers of `npm run bench`: how each is started, what it can run, and what it needs to be there at all. */

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { PeerCommand } from "../peer-process.ts";
import type { CpuJob } from "./job.ts";
import type { Variant } from "./prepare.ts";

export interface Peer {
  readonly name: string;
  readonly command: (threads: number) => PeerCommand;
  readonly takes: (job: CpuJob, threads: number) => boolean;
  /** Which program of nnc's it runs, if it is nnc. */
  readonly variant?: Variant;
}

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "..", "..", "..");
const python = "/usr/bin/python3";
const scripts = join(root, "bench", "peers", "cpu");

function worker(name: string, variant: Variant): Peer {
  return {
    name,
    variant,
    takes: () => true,
    command: (threads) => ({
      program: process.execPath,
      args: [join(here, "worker.js"), "--variant", variant, "--threads", String(threads)],
    }),
  };
}

export const ownPeers: readonly Peer[] = [worker("nnc", "fused"), worker("nnc-unfused", "unfused")];

function torch(
  name: string,
  environment: Readonly<Record<string, string>>,
  channelsLast = false,
): Peer {
  return {
    name,
    takes: () => true,
    command: (threads) => ({
      program: python,
      args: [
        join(scripts, "torch_peer.py"),
        "--threads",
        String(threads),
        ...(channelsLast ? ["--channels-last"] : []),
      ],
      environment: {
        PYTHONDONTWRITEBYTECODE: "1",
        OMP_NUM_THREADS: String(threads),
        OPENBLAS_NUM_THREADS: String(threads),
        ...environment,
      },
    }),
  };
}

/** The folder of an OpenBLAS built with OpenMP, whose `libblas.so.3` is to be used in place of the system's. */
export const openBlasVariable = "NNC_BENCH_OPENBLAS";

/**
 * OpenBLAS of Debian 12 takes newer processors for Haswell; this gives it its AVX-512 kernels. Its own threads and
 * PyTorch's spin against each other unless both are OpenMP's.
 */
function tunedBlas(): Readonly<Record<string, string>> {
  const openMp = process.env[openBlasVariable];
  return {
    ...(hasAvx512() ? { OPENBLAS_CORETYPE: "SkylakeX" } : {}),
    ...(openMp ? { LD_LIBRARY_PATH: openMp } : {}),
  };
}

function hasAvx512(): boolean {
  return existsSync("/proc/cpuinfo") && readFileSync("/proc/cpuinfo", "utf8").includes("avx512f");
}

/** glibc gives big tensors back to the system after every step, and the page faults cost up to 40 % of it. */
const keptMemory = {
  MALLOC_MMAP_THRESHOLD_: "4000000000",
  MALLOC_TRIM_THRESHOLD_: "8000000000",
};

function torchPeers(): readonly Peer[] {
  const tuned = tunedBlas();
  return [
    torch("torch-default", {}),
    torch("torch-tuned", tuned),
    torch("torch-best", { ...tuned, ...keptMemory }, true),
  ];
}

/** A folder with a checkout of tinygrad, which is in no package of Debian's. */
const tinygradVariable = "NNC_BENCH_TINYGRAD";

/** What tinygrad compiles with; its kernels need one of the newer ones. */
const clang = "clang-19";

/** Recurrences are left out: tinygrad would unroll all of their steps into one graph. */
function tinygrad(checkout: string): Peer {
  return {
    name: "tinygrad",
    takes: ({ kind, network }) => kind === "step" && network !== "words",
    command: (threads) => ({
      program: python,
      args: [join(scripts, "tinygrad_peer.py")],
      environment: {
        PYTHONDONTWRITEBYTECODE: "1",
        PYTHONPATH: checkout,
        DEV: "CPU",
        CC: clang,
        CPU_COUNT: String(threads),
        NUM_CPU_THREADS: String(threads),
      },
    }),
  };
}

/** Peers in JavaScript compute on one thread in Node; onnxruntime, which is native, on several. */
function script(name: string, takes: Peer["takes"]): Peer {
  return {
    name,
    takes,
    command: (threads) => ({
      program: process.execPath,
      args: [join(here, "script-worker.js"), name, "--threads", String(threads)],
    }),
  };
}

const dense = new Set(["mlp_small", "mlp_big"]);

/** jax-js is not written for the others, and TensorFlow.js' wasm has no gradients of convolutions. */
const scriptPeers: readonly Peer[] = [
  script("jax-js", ({ kind, workload }, threads) => {
    return kind === "step" && threads === 1 && (dense.has(workload) || workload === "cnn");
  }),
  script("tfjs", ({ kind, workload }, threads) => {
    return kind === "step" && threads === 1 && dense.has(workload);
  }),
  script("onnxruntime", ({ kind }) => kind === "inference"),
];

export const installPeers = "npm ci --ignore-scripts --prefix bench/peers/cpu";

/** All that are here; `say` is told what is not. */
export function availablePeers(say: (text: string) => void): readonly Peer[] {
  const peers = [...ownPeers];
  if (spawnSync(python, ["-c", "import torch"]).status === 0) {
    peers.push(...torchPeers());
    if (process.env[openBlasVariable] === undefined) {
      say(
        `${openBlasVariable} names no folder with an OpenBLAS of OpenMP: PyTorch is slower with two threads`,
      );
    }
  } else {
    say("PyTorch is not there (Debian: apt-get install python3-torch), and left out");
  }
  const checkout = process.env[tinygradVariable];
  if (checkout !== undefined && spawnSync(clang, ["--version"]).status === 0) {
    peers.push(tinygrad(checkout));
  } else {
    say(`tinygrad is not there (${tinygradVariable} names a checkout; ${clang}), and left out`);
  }
  if (existsSync(join(scripts, "node_modules"))) peers.push(...scriptPeers);
  else say(`jax-js, TensorFlow.js and onnxruntime are not there (${installPeers}), and left out`);
  return peers;
}
