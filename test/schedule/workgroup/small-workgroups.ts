/**
 * Devices of small workgroups: rows of a few dozen points already take loops, trees over all threads, workgroups of
 * several rows and global memory, so that tests of them are quick.
 */

import type { TargetDescription } from "../../../compiler/optimize/target-description.ts";
import { describeCuda } from "../../../compiler/targets/cuda/description.ts";
import { describeWgsl } from "../../../compiler/targets/wgsl/description.ts";

export interface SmallWorkgroups {
  readonly subgroups?: boolean;
  /** Contractions take 64 at least. */
  readonly threads?: number;
  readonly sharedBytes?: number;
}

export function smallWorkgroups({
  subgroups = false,
  threads = 8,
  sharedBytes = 512,
}: SmallWorkgroups = {}): TargetDescription {
  const target = describeWgsl({ subgroups });
  return {
    ...target,
    workgroup: { ...target.workgroup!, threads, sharedBytes, concurrency: 2 },
  };
}

/** Threads of a subgroup of `wideWorkgroups`. */
export const wideSubgroup = 4;

/** The same with accesses of four elements, copies that go on while threads compute, and subgroups of four threads. */
export function wideWorkgroups({
  threads = 8,
  sharedBytes = 512,
}: Omit<SmallWorkgroups, "subgroups"> = {}): TargetDescription {
  const target = describeCuda();
  const limits = { threads, sharedBytes, concurrency: 2, subgroupThreads: wideSubgroup };
  return { ...target, workgroup: { ...target.workgroup!, ...limits } };
}
