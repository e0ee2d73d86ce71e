/**
 * What is measured, as data that every peer understands: nnc's worker, those in JavaScript, PyTorch and
 * tinygrad (bench/peers/cpu).
 */

import type { CpuWorkload } from "./workloads.ts";

export interface CpuJob extends Pick<CpuWorkload, "model" | "network" | "optimizer" | "loss"> {
  readonly id: string;
  readonly workload: string;
  /** Training steps, or forward passes without a gradient. */
  readonly kind: "step" | "inference";
  readonly batch: number;
  /** Of inference: how many of its outputs are compared, from the first on. */
  readonly outputs: number;
}

export type JobKind = CpuJob["kind"];

export function jobOf(workload: CpuWorkload, kind: JobKind, batch: number): CpuJob {
  const { name, model, network, optimizer, loss } = workload;
  const id = `${name}_${kind}_${batch}`;
  return { id, workload: name, model, network, optimizer, loss, kind, batch, outputs: 10 };
}
