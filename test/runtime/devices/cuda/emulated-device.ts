/** The CUDA device on the emulated driver, with the model of `sum-model.ts`. */

import { afterEach } from "vitest";
import {
  CudaDevice,
  type CudaDeviceOptions,
} from "../../../../runtime/devices/cuda/cuda-device.ts";
import { emulatedCuda } from "../../../cuda/emulation.ts";
import { bindAll, dataColumns } from "../sum-data.ts";
import { plan, program, source } from "./sum-model.ts";

const devices: CudaDevice[] = [];

/** Frees the devices of a test after it, and undoes its settings. */
export function cleanUp(): void {
  const environment = { ...process.env };
  afterEach(() => {
    for (const device of devices.splice(0)) device.dispose();
    for (const name of Object.keys(process.env)) {
      if (name.startsWith("NNC_")) delete process.env[name];
    }
    Object.assign(process.env, environment);
  });
}

/** Without its columns. */
export async function openDevice(changes: Partial<CudaDeviceOptions> = {}): Promise<CudaDevice> {
  const { compile, environment } = await emulatedCuda();
  const device = await CudaDevice.open({
    plan,
    program,
    images: [{ kind: "binary", bytes: await compile(source) }],
    environment: { ...process.env, ...environment },
    ...changes,
  });
  devices.push(device);
  return device;
}

/** With columns of so many rows. */
export async function createDevice(
  changes: Partial<CudaDeviceOptions> = {},
  rows = 5,
): Promise<CudaDevice> {
  const device = await openDevice(changes);
  await bindAll(device, dataColumns(rows));
  return device;
}
