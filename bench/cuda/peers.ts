/** The peers of the CUDA benchmarks, and how each is started. */

import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { PeerCommand } from "../peer-process.ts";
import type { StepJob } from "./job.ts";
import type { Machine } from "./machine.ts";
import type { BenchTarget, Variant } from "./program.ts";

export interface Peer {
  readonly name: string;
  readonly command: PeerCommand;
  /** One process takes all jobs. Those that compile for long get a process for each, so that they do so side by side. */
  readonly isShared: boolean;
  readonly takes: (job: StepJob) => boolean;
  /** What must have been prepared of a job: inputs are written with the fused program. */
  readonly needs: Variant;
}

export interface PeerSettings {
  readonly root: string;
  readonly target: BenchTarget;
  readonly python: string;
}

/** Modules of the bundle lie side by side. */
export const bundleFolder = dirname(fileURLToPath(import.meta.url));

export function nncWorker(variant: Variant): PeerCommand {
  return {
    program: process.execPath,
    args: [join(bundleFolder, "worker.js"), "--variant", variant],
  };
}

export function torchPeer(
  { root, target, python }: PeerSettings,
  mode: "eager" | "graph" | "compile" | "autotune",
): PeerCommand {
  const script = join(root, "bench", "peers", "cuda", "torch_peer.py");
  // Several compile at once.
  const environment = { TORCHINDUCTOR_COMPILE_THREADS: "4", PYTHONDONTWRITEBYTECODE: "1" };
  return { program: python, args: [script, "--mode", mode, "--device", target], environment };
}

export function jaxPeer({ root, target, python }: PeerSettings): PeerCommand {
  const script = join(root, "bench", "peers", "cuda", "jax_peer.py");
  const environment = { PYTHONDONTWRITEBYTECODE: "1", JAX_PLATFORMS: target };
  return { program: python, args: [script], environment };
}

/** nnc first: ratios are to it. Unfused it computes the same, so f32 says enough. */
export function stepPeers(
  settings: PeerSettings,
  { torch, jax }: Pick<Machine, "torch" | "jax">,
): Peer[] {
  const all = (_job: StepJob) => true;
  const needs = "fused" as const;
  const shared = (name: string, command: PeerCommand): Peer => ({
    name,
    command,
    isShared: true,
    takes: all,
    needs,
  });
  const each = (name: string, command: PeerCommand): Peer => ({
    ...shared(name, command),
    isShared: false,
  });
  // Neither can be had on the CPU: CUDA graphs, and torch.compile without a compiler of its version.
  const graphs =
    settings.target === "cuda"
      ? [
          shared("torch-graph", torchPeer(settings, "graph")),
          each("torch-compile", torchPeer(settings, "compile")),
        ]
      : [];
  return [
    shared("nnc", nncWorker("fused")),
    {
      ...shared("nnc-unfused", nncWorker("unfused")),
      takes: ({ precision }) => precision === "f32",
      needs: "unfused",
    },
    ...(torch === null ? [] : [shared("torch", torchPeer(settings, "eager")), ...graphs]),
    ...(jax === null ? [] : [each("jax", jaxPeer(settings))]),
  ];
}
