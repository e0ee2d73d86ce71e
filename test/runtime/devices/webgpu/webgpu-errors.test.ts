/** What the WebGPU device says when something is wrong: with the request, the program, the adapter, or the device. */

import { afterEach, describe, expect, test } from "vitest";
import { DeviceError, DeviceLostError } from "../../../../runtime/devices/device.ts";
import {
  WebGpuDevice,
  type WebGpuDeviceOptions,
} from "../../../../runtime/devices/webgpu/webgpu-device.ts";
import type { WgslKernel, WgslProgram } from "../../../../runtime/devices/webgpu/wgsl-program.ts";
import { testRefusals } from "../refusals.ts";
import { request } from "../request.ts";
import { dataColumns } from "../sum-data.ts";
import { hasGpu, needsGpu, openSoftwareGpu } from "./software-gpu.ts";
import { plan, program, weigh } from "./sum-model.ts";
import { openWatchedGpu, type WatchedGpu } from "./watched-gpu.ts";

const devices: WebGpuDevice[] = [];
afterEach(() => {
  for (const device of devices.splice(0)) device.dispose();
});

async function createDevice(changes: Partial<WebGpuDeviceOptions> = {}): Promise<WebGpuDevice> {
  const opened = await openSoftwareGpu();
  const device = await WebGpuDevice.create({ plan, program, ...opened, ...changes });
  devices.push(device);
  return device;
}

async function bindAll(device: WebGpuDevice): Promise<void> {
  for (const [slot, column] of dataColumns().entries()) await device.bindColumn(slot, column);
}

async function createBound(changes: Partial<WebGpuDeviceOptions> = {}): Promise<WebGpuDevice> {
  const device = await createDevice(changes);
  await bindAll(device);
  return device;
}

/** The program with the first kernel changed. */
function withKernel(changes: Partial<WgslKernel>): WgslProgram {
  return { ...program, kernels: program.kernels.with(0, { ...weigh, ...changes }) };
}

/** 30 steps take a while on any device. */
const longRun = request({
  rows: new Int32Array(120),
  batchSize: 4,
  scalars: new Float32Array(30),
});

describe.runIf(hasGpu)(`a WebGPU device ${needsGpu} refuses`, () => {
  testRefusals(() => createDevice(), bindAll);
});

describe.runIf(hasGpu)(`a program that does not fit ${needsGpu}`, () => {
  test("kernels that do not compile are named, with the compiler's words", async () => {
    const code = weigh.code.replace("let row", "let line");
    const device = await createBound({ program: withKernel({ code }) });
    const run = device.run(request());
    await expect(run).rejects.toThrow(DeviceError);
    await expect(run).rejects.toThrow(
      /^kernel weigh does not compile on webgpu, .*: line \d+: unresolved value 'row' in "weighted\[i\] = /,
    );
    await expect(device.compiled(["train"])).rejects.toThrow("kernel weigh");
    // The other graph is none the worse.
    const rows = new Int32Array(1);
    await device.run(request({ graph: "flip", rows, scalars: new Float32Array(0) }));
    expect(await device.read("mask")).toEqual(new Uint8Array([1, 1, 1, 1, 1, 1]));
  });

  test("kernels that use what is not there", async () => {
    const device = await createBound({ program: withKernel({ uses: ["toString"] }) });
    await expect(device.run(request())).rejects.toThrow("kernel weigh uses no function toString");
  });

  test("dispatches that are not allowed are named", async () => {
    const [first, second] = program.graphs.train!;
    const graphs = { ...program.graphs, train: [first!, { ...second!, workgroups: [70_000, 1] }] };
    const device = await createBound({ program: { ...program, graphs } as WgslProgram });
    await expect(device.run(request())).rejects.toThrow(
      /^the graph train cannot run on the graphics processor in kernel total: [\s\S]*70000/,
    );
  });

  test("bindings that are not allowed are named", async () => {
    const [first, second] = program.graphs.train!;
    const bindings = second!.bindings.with(0, {
      kind: "arena",
      arena: "temporaries",
      offset: 4,
      size: 16,
    });
    const graphs = { ...program.graphs, train: [first!, { ...second!, bindings }] };
    const device = await createBound({ program: { ...program, graphs } });
    for (let run = 0; run < 2; run++) {
      await expect(device.run(request())).rejects.toThrow(
        /^the graph train cannot run on the graphics processor in kernel total: /,
      );
    }
  });

  test("limits beyond the adapter's are told with both numbers", async () => {
    const limits = { maxBufferSize: 2 ** 50 };
    await expect(createDevice({ program: { ...program, limits } })).rejects.toThrow(
      /^Sum needs 1073741824 MiB in one buffer, but .* has \d+ MiB: build it with a smaller batch/,
    );
  });

  test("limits within the adapter's are asked for", async () => {
    const watched = await openWatchedGpu();
    const limits = { maxBufferSize: 300 * 2 ** 20, maxStorageBufferBindingSize: 200 * 2 ** 20 };
    await createDevice({ ...watched, program: { ...program, limits } });
    expect(watched.device!.limits.maxBufferSize).toBe(limits.maxBufferSize);
    expect(watched.device!.limits.maxStorageBufferBindingSize).toBe(
      limits.maxStorageBufferBindingSize,
    );
  });

  test("features that the adapter lacks", async ({ skip }) => {
    const { adapter } = await openSoftwareGpu();
    skip(adapter.features.has("shader-f16"), "the adapter has shader-f16");
    const create = createDevice({ program: withKernel({ requires: ["shader-f16"] }) });
    await expect(create).rejects.toThrow(/^the kernels of Sum need shader-f16, which .* does not/);
  });

  test("arenas that are too large", async () => {
    const arenas = { ...plan.arenas, temporaries: 2 ** 40 };
    await expect(createDevice({ plan: { ...plan, arenas } })).rejects.toThrow(
      "the graphics processor has no 1048576 MiB for the temporaries arena of Sum",
    );
  });
});

describe.runIf(hasGpu)(`a device that goes away ${needsGpu}`, () => {
  async function createWatched(): Promise<readonly [WebGpuDevice, WatchedGpu]> {
    const watched = await openWatchedGpu();
    return [await createBound(watched), watched];
  }

  test("rejects a run in flight and all calls after it", async () => {
    const [device, { device: gpuDevice }] = await createWatched();
    await device.run(request());
    const run = device.run(longRun);
    gpuDevice!.destroy();
    await expect(run).rejects.toThrow(DeviceLostError);
    await expect(run).rejects.toThrow(/^the graphics processor was lost: .*destroyed/);
    expect(await device.lost).toMatch(/destroyed/);
    await expect(device.run(request())).rejects.toThrow(DeviceLostError);
    await expect(device.read("total")).rejects.toThrow(DeviceLostError);
    await expect(device.readResult("train", 0)).rejects.toThrow(DeviceLostError);
    await expect(device.write("total", new Float32Array(1))).rejects.toThrow(DeviceLostError);
    await expect(device.bindColumn(0, dataColumns()[0])).rejects.toThrow(DeviceLostError);
    device.dispose();
    await expect(device.run(request())).rejects.toThrow(DeviceLostError);
  });

  test("rejects what waits for the device", async () => {
    const [device, { device: gpuDevice }] = await createWatched();
    const reads = [device.read("total"), device.readResult("train", 1), device.compiled(["train"])];
    gpuDevice!.destroy();
    for (const read of reads.slice(0, 2)) await expect(read).rejects.toThrow(DeviceLostError);
    await Promise.allSettled(reads);
  });

  test("can be replaced", async () => {
    const [lost, { device: gpuDevice }] = await createWatched();
    gpuDevice!.destroy();
    await lost.lost;
    const device = await createBound();
    await device.run(request());
    expect(await device.readResult("train", 0)).toEqual(new Float32Array([400, 30, 0, 0]));
  });

  test("rejects a run in flight when it is disposed of", async () => {
    const [device] = await createWatched();
    await device.run(request());
    const run = device.run(longRun);
    const read = device.read("total");
    device.dispose();
    await expect(run).rejects.toThrow("disposed of");
    await expect(run).rejects.not.toThrow(DeviceLostError);
    await expect(read).rejects.toThrow("disposed of");
  });
});

test.runIf(hasGpu)(`errors that no call made are thrown by the next one ${needsGpu}`, async () => {
  const watched = await openWatchedGpu();
  const device = await createBound(watched);
  watched.device!.createBuffer({ size: 4, usage: 0x1 | 0x80 });
  await new Promise((resolve) => setTimeout(resolve, 50));
  await expect(device.run(request())).rejects.toThrow(/^the graphics processor reports: /);
  await device.run(request());
});
