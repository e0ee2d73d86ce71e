/** What the environment says of CUDA: where its libraries are, and which device to take. */

import { DeviceError } from "../device.ts";
import type { CudaChoice, CudaDeviceInfo, NvrtcChoice } from "./native-cuda.ts";

/**
 * `NNC_LIBCUDA` is the path of the driver's library, `NNC_CUDA_DEVICE` the number of the device among those that the
 * driver shows, 0 by default.
 * @throws DeviceError if that is no number.
 */
export function cudaChoice(environment: NodeJS.ProcessEnv): CudaChoice {
  const { NNC_LIBCUDA: library = "", NNC_CUDA_DEVICE: device = "" } = environment;
  if (!/^\d{0,4}$/.test(device)) {
    throw new DeviceError(
      `NNC_CUDA_DEVICE is ${device}: give the number of a device, from 0, or choose with CUDA_VISIBLE_DEVICES`,
    );
  }
  return { library, ordinal: Number(device) };
}

/** `NNC_LIBNVRTC` is the path of NVRTC's library; else it is looked for where CUDA lies. */
export function nvrtcChoice(
  environment: NodeJS.ProcessEnv,
  { driverVersion }: Pick<CudaDeviceInfo, "driverVersion">,
): NvrtcChoice {
  const { NNC_LIBNVRTC: library = "", CUDA_HOME, CUDA_PATH } = environment;
  const folders = [CUDA_HOME, CUDA_PATH, "/usr/local/cuda"];
  const given = folders.flatMap((folder) => (folder ? [folder] : []));
  return { library, folders: given, driverVersion };
}
