/** Devices of a target that can do more than all of them do: programs are scheduled for them besides. */

import type { TargetDescription } from "../optimize/target-description.ts";
import type { CpuDescription } from "./cpu/description.ts";
import { type CudaDescription, describeCuda } from "./cuda/description.ts";
import type { WgslDescription } from "./wgsl/description.ts";

/** Any of the targets. */
export type Target = CpuDescription | WgslDescription | CudaDescription;

/** Null where all devices run the same kernels. */
export function alternativeOf(target: Target): TargetDescription | null {
  switch (target.name) {
    case "cpu":
      return null;
    case "wgsl":
      return { ...target, workgroup: { ...target.workgroup!, subgroups: true } };
    case "cuda":
      // Without matrix units nothing would differ.
      return target.precision === "f32"
        ? null
        : describeCuda({ precision: target.precision, architecture: "sm_90a" });
  }
}
