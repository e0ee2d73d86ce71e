/** From a trainer to the device that runs its kernels. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import type { TrainerDefinition } from "../../plan.ts";
import { DeviceError } from "../device.ts";
import { CudaDevice } from "./cuda-device.ts";
import { imagesBeside } from "./kernel-image.ts";

/**
 * The device for a trainer whose kernels and addon lie in `folder`.
 * @throws DeviceError if the trainer has other kernels than for CUDA, or there is no device for them.
 */
export async function openCudaDevice(
  { plan, cuda }: Pick<TrainerDefinition, "plan" | "cuda">,
  folder: string,
): Promise<CudaDevice> {
  if (cuda === undefined) {
    throw new DeviceError(`${plan.model} was built for ${plan.target}, not for CUDA`);
  }
  const images = imagesBeside(cuda, (name) => join(folder, name), existsSync);
  return CudaDevice.open({ plan, program: cuda, images, addon: join(folder, "nnc.node") });
}
