/** Which of a program's variants a device runs. */

import { DeviceError } from "../device.ts";
import type { CudaArchitecture, CudaProgram } from "./cuda-program.ts";
import type { CudaDeviceInfo } from "./native-cuda.ts";

/** What tells devices apart. */
export type KnownDevice = Pick<CudaDeviceInfo, "name" | "capability">;

/** Of the oldest devices that kernels are compiled for. */
export const oldestCapability = 80;

const runsOn: { readonly [A in CudaArchitecture]: (capability: number) => boolean } = {
  sm_80: (capability) => capability >= oldestCapability,
  sm_90a: (capability) => capability === 90,
};

/**
 * The position of the first variant that is for the device.
 * @throws DeviceError if there is none.
 */
export function chooseVariant(
  { variants }: CudaProgram,
  { name, capability }: KnownDevice,
  model: string,
): number {
  const found = variants.findIndex(({ architecture }) => runsOn[architecture](capability));
  if (found >= 0) return found;
  const wanted = variants.map(({ architecture }) => needs[architecture]).join(", or ");
  throw new DeviceError(
    `the kernels of ${model} are for devices of compute capability ${wanted}; ${name} has ` +
      `${Math.floor(capability / 10)}.${capability % 10}: take another device, or another target`,
  );
}

const needs: { readonly [A in CudaArchitecture]: string } = {
  sm_80: "8.0 or higher",
  sm_90a: "9.0",
};
