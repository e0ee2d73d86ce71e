/** A fault after which the process can do nothing with the device any more; in a file, and so a process, of its own. */

import { describe, expect, test } from "vitest";
import { DeviceLostError } from "../../../../runtime/devices/device.ts";
import { hasEmulation, needsEmulation } from "../../../cuda/emulation.ts";
import { cleanUp, createDevice, openDevice } from "./emulated-device.ts";
import { oneStep } from "./sum-model.ts";

cleanUp();

describe.runIf(hasEmulation)(`a fault that stays with the process ${needsEmulation}`, () => {
  test("names the kernels of the graph, and what to do", async () => {
    process.env.NNC_EMULATION_STICKY = "1";
    const device = await createDevice({}, 100);
    const run = device.run({ ...oneStep("poke"), rows: new Int32Array([3, 60]), batchSize: 2 });
    await expect(run).rejects.toThrow(DeviceLostError);
    await expect(device.read("total")).rejects.toThrow(
      /ILLEGAL_ADDRESS.*; the kernel cannot be found, as the device cannot be used again in this process \(.*\); the graph poke has flip, poke$/,
    );
    await expect(openDevice()).rejects.toThrow(
      /^Sum cannot be set up: NVIDIA emulation 0 cannot be used \(CUDA_ERROR_ILLEGAL_ADDRESS.*\): start the program again/,
    );
  });
});
