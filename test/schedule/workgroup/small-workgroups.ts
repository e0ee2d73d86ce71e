/**
 * A device of small workgroups: rows of a few dozen points already take loops, trees over all of its threads,
 * workgroups of several rows and global memory, so that tests of them are quick.
 */

import type { TargetDescription } from "../../../compiler/optimize/target-description.ts";
import { describeWgsl } from "../../../compiler/targets/wgsl/description.ts";

export function smallWorkgroups(subgroups = false): TargetDescription {
  const target = describeWgsl({ subgroups });
  const workgroup = { ...target.workgroup!, threads: 8, sharedBytes: 512, concurrency: 2 };
  return { ...target, workgroup };
}
