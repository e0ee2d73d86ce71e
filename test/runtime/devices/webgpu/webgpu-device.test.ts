/** The WebGPU device on a program written by hand: what it computes, and what it does to the graphics processor. */

import { afterEach, describe, expect, test } from "vitest";
import {
  WebGpuDevice,
  type WebGpuDeviceOptions,
} from "../../../../runtime/devices/webgpu/webgpu-device.ts";
import type { TrainerPlan } from "../../../../runtime/plan.ts";
import { request } from "../request.ts";
import { bindAll, dataColumns, expectedTotal, longRequest, placements } from "../sum-data.ts";
import { testSums } from "../sum-runs.ts";
import { hasGpu, needsGpu, openSoftwareGpu } from "./software-gpu.ts";
import { plan, program, weigh } from "./sum-model.ts";
import { openWatchedGpu } from "./watched-gpu.ts";

const devices: WebGpuDevice[] = [];
afterEach(() => {
  for (const device of devices.splice(0)) device.dispose();
});

async function createDevice(
  changes: Partial<WebGpuDeviceOptions> = {},
  rows = 5,
): Promise<WebGpuDevice> {
  const opened = await openSoftwareGpu();
  const device = await WebGpuDevice.create({ plan, program, ...opened, ...changes });
  devices.push(device);
  await bindAll(device, dataColumns(rows));
  return device;
}

describe.runIf(hasGpu)(`a WebGPU device ${needsGpu}`, () => {
  testSums(createDevice);

  test("says of which kind it is", async () => {
    expect((await createDevice()).kind).toBe("webgpu");
  });

  test("steps know their rows, seed, batch, infinity and NaN", async () => {
    const device = await createDevice();
    await device.run(request({ seed: 2 ** 32 - 2, firstBatch: 2 ** 32 - 1 }));
    const bits = 0x7f80_0000 ^ 0x7fc0_0000;
    expect(await device.readResult("train", 1)).toEqual(new Int32Array([1, -2, 1, bits]));
  });

  test("bytes of tensors take words on the device", async () => {
    const device = await createDevice();
    await device.write("mask", new Uint8Array([1, 0, 0, 1, 0, 1]));
    const rows = new Int32Array(1);
    await device.run(request({ graph: "flip", rows, scalars: new Float32Array(0) }));
    expect(await device.read("mask")).toEqual(new Uint8Array([0, 1, 1, 0, 1, 0]));
  });

  test.each(placements)("many steps in flight, columns %s", async (_, residentBytes) => {
    const device = await createDevice({ residentBytes }, 100);
    // More than there are slots for steps at a time.
    for (const steps of [600, 1, 9]) {
      await device.write("total", new Float32Array([0]));
      const run = longRequest(steps, 100);
      await device.run(run);
      expect(await device.read("total")).toEqual(new Float32Array([expectedTotal(run)]));
    }
  });

  test.each(placements)(
    "batches so large that few go ahead, columns %s",
    async (_, residentBytes) => {
      const device = await createDevice(
        { plan: { ...plan, batchMax: 200_000 }, residentBytes },
        100,
      );
      const run = longRequest(47, 100);
      await device.run(run);
      expect(await device.read("total")).toEqual(new Float32Array([expectedTotal(run)]));
    },
  );

  test.each(placements)(
    "nothing is made after the first run, columns %s",
    async (_, residentBytes) => {
      const watched = await openWatchedGpu();
      const device = await createDevice({ ...watched, residentBytes }, 100);
      const everything = async (steps: number) => {
        await device.write("total", new Float32Array([0]));
        await device.run(longRequest(steps, 100));
        await Promise.all([device.read("total"), device.read("mask")]);
        await device.readResult("train", 0);
      };
      await device.compiled(["train", "flip"]);
      await everything(20);
      watched.created.length = 0;
      await everything(600);
      await everything(1);
      expect(watched.created).toEqual([]);
    },
  );

  test("columns that are bound in turn are uploaded once", async () => {
    const watched = await openWatchedGpu();
    const device = await createDevice(watched, 5);
    const first = dataColumns(5);
    const second = dataColumns(7);
    await bindAll(device, first);
    await bindAll(device, second);
    watched.created.length = 0;
    watched.written.length = 0;
    for (const columns of [first, second, first]) {
      await bindAll(device, columns);
      await device.run(request({ rows: new Int32Array([4]), scalars: new Float32Array([1]) }));
    }
    expect(watched.written.filter((label) => label.startsWith("column"))).toEqual([]);
    expect(watched.created.filter((name) => name === "createBuffer")).toEqual([]);
    await bindAll(device, second);
    const run = request({ rows: new Int32Array([6]), scalars: new Float32Array([1]) });
    await device.write("total", new Float32Array([0]));
    await device.run(run);
    expect(await device.read("total")).toEqual(new Float32Array([expectedTotal(run)]));
  });

  test("new columns every time take the places of old ones", async () => {
    const watched = await openWatchedGpu();
    const device = await createDevice(watched);
    // What the caller put into the same array since counts as well.
    const [x, bytes] = dataColumns();
    const run = request({ rows: new Int32Array([0]), scalars: new Float32Array([1]) });
    for (let call = 1; call <= 20; call++) {
      x.data[0] = call;
      await bindAll(device, [{ ...x }, { ...bytes }]);
      await device.run(run);
      expect(await device.readResult("train", 0)).toEqual(new Float32Array([call, 0, 0, 0]));
      if (call === 10) watched.created.length = 0;
    }
    expect(watched.created).toEqual([]);
  });

  test("what is read at the same time comes in one trip", async () => {
    const device = await createDevice();
    await device.run(request());
    const [total, mask, weighted] = await Promise.all([
      device.read("total"),
      device.read("mask"),
      device.readResult("train", 0),
    ]);
    expect(total).toEqual(new Float32Array([expectedTotal(request())]));
    expect(mask).toEqual(new Uint8Array(6));
    expect(weighted).toEqual(new Float32Array([400, 30, 0, 0]));
    await device.run(request());
    expect(total).toEqual(new Float32Array([expectedTotal(request())]));
  });

  test("a tensor larger than one trip is written and read whole", async () => {
    const elements = 17 * 2 ** 20 + 3;
    const large: TrainerPlan = {
      ...plan,
      arenas: { ...plan.arenas, persistent: 4 * elements + 256 },
      tensors: [{ name: "large", role: "state", dtype: "i32", shape: [elements], offset: 256 }],
    };
    const device = await createDevice({ plan: large });
    const data = Int32Array.from({ length: elements }, (_, i) => i * 3);
    await device.write("large", data);
    expect(
      Buffer.compare(
        Buffer.from(((await device.read("large")) as Int32Array).buffer),
        Buffer.from(data.buffer),
      ),
    ).toBe(0);
  });

  test("kernels are compiled in the order of use, and told of", async () => {
    const told: string[] = [];
    const onProgress = (compiled: number, all: number) => told.push(`${compiled} of ${all}`);
    const device = await createDevice({ onProgress });
    await device.compiled(["flip", "train"]);
    expect(told).toEqual(["1 of 3", "2 of 3", "3 of 3"]);
  });

  test("a kernel's variant for subgroups is used where there are subgroups", async ({ skip }) => {
    const { adapter } = await openSoftwareGpu();
    skip(!adapter.features.has("subgroups"), "the adapter has no subgroups");
    const code = weigh.code
      .replace("if (i32(i) >= step.n) { return; }", "")
      .replace("step.scalars[0].x * x[row]", "subgroupMax(f32(i)) + x[row] * 0.0");
    const kernels = program.kernels.with(0, {
      ...weigh,
      withSubgroups: { uses: weigh.uses, code },
    });
    const device = await createDevice({ program: { ...program, kernels } });
    await device.run(request());
    expect(await device.readResult("train", 0)).toEqual(new Float32Array([3, 3, 3, 3]));
  });
});
