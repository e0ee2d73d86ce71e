/** Whether this machine has a device for CUDA. Without a driver that is known at once. */

import { messageOf } from "../../data/data-error.ts";
import { loadNativeAddon } from "../cpu/native-addon.ts";
import { cudaChoice } from "./environment.ts";
import { type KnownDevice, oldestCapability } from "./variant.ts";

export type FoundCuda = KnownDevice | { readonly reason: string };

/** The device that a trainer would take, or why there is none. */
export async function findCudaDevice(
  environment: NodeJS.ProcessEnv = process.env,
): Promise<FoundCuda> {
  try {
    const { name, capability } = await loadNativeAddon().findCudaDevice(cudaChoice(environment));
    if (capability >= oldestCapability) return { name, capability };
    return { reason: `${name} is older than compute capability ${oldestCapability / 10}.0` };
  } catch (error) {
    return { reason: messageOf(error) };
  }
}
