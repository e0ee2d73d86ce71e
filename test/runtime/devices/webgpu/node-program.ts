/** A program of its own for `node-gpu.test.ts`: opens a graphics processor, runs some steps and ends, as it is told. */

import { findHardwareAdapter, openGpu } from "../../../../runtime/devices/webgpu/node-gpu.ts";
import { WebGpuDevice } from "../../../../runtime/devices/webgpu/webgpu-device.ts";
import { request } from "../request.ts";
import { dataColumns } from "../sum-data.ts";
import { plan, program } from "./sum-model.ts";

async function runSteps(mode: string): Promise<void> {
  const device = await WebGpuDevice.create({ plan, program, ...(await openGpu()) });
  for (const [slot, column] of dataColumns().entries()) await device.bindColumn(slot, column);
  await device.run(request());
  console.log(`total ${(await device.read("total"))[0]}`);
  const isWithinRun = mode.endsWith("within a run");
  if (isWithinRun) device.run(request()).catch(() => {});
  if (mode.startsWith("dispose")) device.dispose();
}

const mode = process.argv[2] ?? "";
switch (mode) {
  case "find":
    console.log(await findHardwareAdapter());
    break;
  case "open":
    await openGpu().then(
      () => console.log("opened"),
      (error: Error) => console.log(`${error.name}: ${error.message}`),
    );
    break;
  default:
    await runSteps(mode);
    if (mode === "collect") {
      for (let round = 0; round < 5; round++) {
        globalThis.gc?.();
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
}
