/** Which target a command is for: the one that was asked for, or the best that this machine has. */

import type { TextSink } from "../../runtime/training/report/line-reporter.ts";
import { CommandError } from "./failure.ts";

const targetNames = ["cpu", "wgsl", "cuda"] as const;
export type TargetName = (typeof targetNames)[number];

/**
 * `auto` takes CUDA where a driver has a device for it, else WebGPU where there is a graphics processor, never a software
 * adapter, and says so to `errors`; the CPU otherwise.
 */
export async function resolveTarget(flag = "auto", errors?: TextSink): Promise<TargetName> {
  const named = targetNames.find((name) => name === flag);
  if (named !== undefined) return named;
  if (flag !== "auto") {
    throw new CommandError(
      `unknown target ${flag}`,
      "--target takes cpu, wgsl, which is WebGPU, cuda, or auto, which is the best of them here",
    );
  }
  const { findCudaDevice } = await import("../../runtime/devices/cuda/find-cuda.ts");
  const device = await findCudaDevice();
  if ("name" in device) {
    errors?.write(`target: cuda, as there is ${device.name}\n`);
    return "cuda";
  }
  const { findHardwareAdapter } = await import("../../runtime/devices/webgpu/node-gpu.ts");
  const adapter = await findHardwareAdapter();
  // The CPU needs no explanation: every machine has one.
  if (adapter === undefined) return "cpu";
  errors?.write(`target: wgsl, as there is ${adapter.name}\n`);
  return "wgsl";
}
