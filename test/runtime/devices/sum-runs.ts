/** What every device makes of the model that `sum-data.ts` describes. */

import { expect, test } from "vitest";
import type { Device } from "../../../runtime/devices/device.ts";
import { request } from "./request.ts";
import { expectedTotal } from "./sum-data.ts";

/** The device has the columns of `dataColumns`. */
export function testSums(createDevice: () => Promise<Device>): void {
  test("tensors are written, updated by steps and read", async () => {
    const device = await createDevice();
    expect(await device.read("total")).toEqual(new Float32Array([0]));
    await device.write("total", new Float32Array([0.5]));
    await device.write("mask", new Uint8Array([1, 0, 1, 0, 1, 1]));
    await device.run(request());
    expect(await device.read("total")).toEqual(new Float32Array([0.5 + expectedTotal(request())]));
    expect(await device.read("mask")).toEqual(new Uint8Array([1, 0, 1, 0, 1, 1]));
    // The last step has one row; beyond it are those of the step before.
    expect(await device.readResult("train", 0)).toEqual(new Float32Array([400, 30, 0, 0]));
    expect(await device.readResult("train", 2)).toEqual(new Uint8Array([1, 0, 0, 0]));
  });

  test("a run of no rows does nothing", async () => {
    const device = await createDevice();
    await device.run(request({ rows: new Int32Array(0), scalars: new Float32Array(0) }));
    expect(await device.read("total")).toEqual(new Float32Array([0]));
  });
}
