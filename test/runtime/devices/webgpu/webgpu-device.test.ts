/** The WebGPU device on a hand-written program. */

import { afterEach, describe, expect, test } from "vitest";
import {
  WebGpuDevice,
  type WebGpuDeviceOptions,
} from "../../../../runtime/devices/webgpu/webgpu-device.ts";
import { hasGpu, needsGpu, openSoftwareGpu } from "./software-gpu.ts";
import { dataColumns, expectedTotal, plan, program, request } from "./sum-model.ts";

const devices: WebGpuDevice[] = [];
afterEach(() => {
  for (const device of devices.splice(0)) device.dispose();
});

async function createDevice(changes: Partial<WebGpuDeviceOptions> = {}): Promise<WebGpuDevice> {
  const device = await WebGpuDevice.create({
    plan,
    program,
    ...(await openSoftwareGpu()),
    ...changes,
  });
  devices.push(device);
  for (const [slot, column] of dataColumns().entries()) await device.bindColumn(slot, column);
  return device;
}

describe.runIf(hasGpu)(`a WebGPU device ${needsGpu}`, () => {
  test("runs steps", async () => {
    const device = await createDevice();
    console.log(device.description);
    await device.write("total", new Float32Array([0.5]));
    await device.run(request());
    expect(await device.read("total")).toEqual(new Float32Array([0.5 + expectedTotal(request())]));
    expect(await device.readResult("train", 0)).toEqual(new Float32Array([400, 30, 0, 0]));
  });
});
