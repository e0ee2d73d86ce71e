/** Which target a command is for: the one that was asked for, or the best that this machine has. */

import { CommandError } from "./failure.ts";

export const targetNames = ["cpu", "wgsl"] as const;
export type TargetName = (typeof targetNames)[number];

/** `auto` takes WebGPU where there is a graphics processor, never a software adapter, and the CPU otherwise. */
export async function resolveTarget(flag = "auto"): Promise<TargetName> {
  const named = targetNames.find((name) => name === flag);
  if (named !== undefined) return named;
  if (flag !== "auto") {
    throw new CommandError(
      `unknown target ${flag}`,
      `--target takes ${targetNames.join(", ")} or auto, which is the best of them here`,
    );
  }
  const { findHardwareAdapter } = await import("../../runtime/devices/webgpu/node-gpu.ts");
  return (await findHardwareAdapter()) === undefined ? "cpu" : "wgsl";
}
