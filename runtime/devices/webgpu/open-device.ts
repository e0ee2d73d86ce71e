/** From a trainer to the device that runs its kernels. */

import type { TrainerDefinition } from "../../plan.ts";
import { DeviceError } from "../device.ts";
import type { OpenedGpu } from "./adapter.ts";
import { WebGpuDevice } from "./webgpu-device.ts";

/** @throws DeviceError if the trainer has other kernels than for WebGPU, or the adapter less than they need. */
export async function openWebGpuDevice(
  { plan, wgsl }: Pick<TrainerDefinition, "plan" | "wgsl">,
  opened: OpenedGpu,
  onProgress?: (compiled: number, kernels: number) => void,
): Promise<WebGpuDevice> {
  if (wgsl === undefined) {
    throw new DeviceError(`${plan.model} was built for ${plan.target}, not for WebGPU`);
  }
  return WebGpuDevice.create({ plan, program: wgsl, ...opened, onProgress });
}
