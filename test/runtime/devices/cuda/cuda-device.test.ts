/** The CUDA device on a program written by hand, through the addon, on the emulated driver: what it computes. */

import { describe, expect, test } from "vitest";
import type { TrainerPlan } from "../../../../runtime/plan.ts";
import { hasEmulation, needsEmulation } from "../../../cuda/emulation.ts";
import { testRefusals } from "../refusals.ts";
import { request } from "../request.ts";
import { bindAll, dataColumns, expectedTotal, longRequest, placements } from "../sum-data.ts";
import { testSums } from "../sum-runs.ts";
import { cleanUp, createDevice, openDevice } from "./emulated-device.ts";
import { oneStep, plan, squares } from "./sum-model.ts";

cleanUp();

describe.runIf(hasEmulation)(`a CUDA device ${needsEmulation}`, () => {
  testSums(createDevice);

  test("says which device it is", async () => {
    const device = await openDevice();
    expect(device.kind).toBe("cuda");
    expect(device.description).toBe("cuda, NVIDIA emulation 0");
  });

  test("steps know their rows, seed and batch", async () => {
    const device = await createDevice();
    await device.run(request({ seed: 2 ** 32 - 2, firstBatch: 2 ** 32 - 1 }));
    expect(await device.readResult("train", 1)).toEqual(new Int32Array([1, -2, 1, 0]));
  });

  test("a graph without columns and scalars", async () => {
    const device = await openDevice();
    await device.write("mask", new Uint8Array([1, 0, 0, 1, 0, 1]));
    await device.run(oneStep("flip"));
    expect(await device.read("mask")).toEqual(new Uint8Array([0, 1, 1, 0, 1, 0]));
  });

  test("kernels that run at the same time come after what they read, and before what reads them", async () => {
    const device = await openDevice();
    await device.run(oneStep("squares"));
    const sum = (squares * (squares + 1) * (2 * squares + 1)) / 6;
    expect(await device.read("total")).toEqual(new Float32Array([sum]));
  });

  test("a loop launches its kernels again, with the number of the iteration", async () => {
    const device = await openDevice();
    await device.run(oneStep("loop"));
    const digits = [0, 0, 1, 2, 1, 0, 1, 2];
    const number = digits.reduce((sum, digit) => 4 * sum + digit);
    expect(await device.read("total")).toEqual(new Float32Array([number]));
  });

  test("a persistent kernel has as many blocks as there are places, and all its shared memory", async () => {
    const device = await openDevice();
    await device.run(oneStep("share"));
    expect(await device.readResult("share", 0)).toEqual(new Int32Array([3, 3, 3, 3]));
  });

  test("tensor maps end with the rows of the batch", async () => {
    const device = await openDevice();
    await device.write(
      "table",
      Float32Array.from({ length: 32 }, (_, i) => i + 1),
    );
    for (const rows of [4, 3, 1]) {
      await device.run({ ...oneStep("box"), rows: new Int32Array(rows), batchSize: 4 });
      const copied = Float32Array.from({ length: 32 }, (_, i) => rows + (i < 8 * rows ? i + 1 : 0));
      expect(await device.readResult("box", 0)).toEqual(copied);
    }
  });

  test.each(placements)("many steps, columns %s", async (_, residentBytes) => {
    const device = await createDevice({ residentBytes }, 100);
    for (const steps of [600, 1, 9]) {
      await device.write("total", new Float32Array([0]));
      const run = longRequest(steps, 100);
      await device.run(run);
      expect(await device.read("total")).toEqual(new Float32Array([expectedTotal(run)]));
      const { length } = run.rows;
      const told = new Int32Array([length % 3 || 3, run.seed, run.firstBatch + steps - 1, 0]);
      expect(await device.readResult("train", 1)).toEqual(told);
    }
  });

  test.each([
    ["resident", Infinity],
    ["streamed", 0],
  ])("more steps than are told of at once, columns %s", async (_, residentBytes) => {
    const device = await createDevice({ residentBytes });
    const rows = Int32Array.from({ length: 45_000 }, (_, i) => (i * 37) % 5);
    const run = request({ rows, batchSize: 1, scalars: new Float32Array(45_000) });
    await device.run(run);
    expect(await device.read("total")).toEqual(new Float32Array([expectedTotal(run)]));
  });

  test("batches as large as all records of steps together", async () => {
    const large: TrainerPlan = { ...plan, batchMax: 300_000 };
    const device = await createDevice({ plan: large });
    await device.run({ ...oneStep("flip"), rows: new Int32Array(700_000), batchSize: 300_000 });
    expect(await device.read("mask")).toEqual(new Uint8Array([1, 1, 1, 1, 1, 1]));
  });

  test("columns that are bound in turn keep their data on the device", async () => {
    const device = await openDevice();
    const first = dataColumns(5);
    const second = dataColumns(7);
    await bindAll(device, first);
    await bindAll(device, second);
    // Nothing is uploaded again: the device has what it was given.
    first[0].data.fill(0);
    second[0].data.fill(0);
    for (const [columns, row] of [
      [first, 4],
      [second, 6],
      [first, 3],
    ] as const) {
      await bindAll(device, columns);
      const rows = new Int32Array([row]);
      await device.run(request({ rows, scalars: new Float32Array([1]) }));
      const weighted = (await device.readResult("train", 0))[0];
      expect(weighted).toBe(row + 1);
    }
  });

  test("new columns every time take the places of old ones", async () => {
    const device = await openDevice();
    // What the caller put into the same array since counts as well.
    const [x, bytes] = dataColumns();
    const run = request({ rows: new Int32Array([0]), scalars: new Float32Array([1]) });
    for (let call = 1; call <= 20; call++) {
      x.data[0] = call;
      await bindAll(device, [{ ...x }, { ...bytes }]);
      await device.run(run);
      expect(await device.readResult("train", 0)).toEqual(new Float32Array([call, 0, 0, 0]));
    }
  });

  test("columns for which there is no room are handed over in batches", async () => {
    process.env.NNC_EMULATION_MEMORY = String(2 * 2 ** 20);
    const device = await createDevice({}, 300_000);
    const run = longRequest(60, 300_000);
    await device.run(run);
    const total = (await device.read("total"))[0]!;
    expect(total / expectedTotal(run)).toBeCloseTo(1, 5);
  });

  test("what is read at the same time comes in order", async () => {
    const device = await createDevice();
    const run = device.run(request());
    const [total, weighted] = await Promise.all([
      device.read("total"),
      device.readResult("train", 0),
    ]);
    await run;
    expect(total).toEqual(new Float32Array([expectedTotal(request())]));
    expect(weighted).toEqual(new Float32Array([400, 30, 0, 0]));
  });

  test("a tensor larger than a piece of an upload is written and read whole", async () => {
    const elements = 5 * 2 ** 20 + 3;
    const large: TrainerPlan = {
      ...plan,
      arenas: { ...plan.arenas, persistent: 4 * elements + 256 },
      tensors: [{ name: "large", role: "state", dtype: "i32", shape: [elements], offset: 256 }],
    };
    const device = await openDevice({ plan: large });
    const data = Int32Array.from({ length: elements }, (_, i) => i * 3);
    await device.write("large", data);
    const read = (await device.read("large")) as Int32Array;
    expect(Buffer.compare(Buffer.from(read.buffer), Buffer.from(data.buffer))).toBe(0);
  });

  test("launches of a graph are timed one by one, those that are wanted", async () => {
    const device = await createDevice();
    const all = await device.timeLaunches(request(), 0);
    expect(all.map(({ kernel }) => kernel)).toEqual(["weigh", "total"]);
    expect(all.every(({ seconds }) => seconds >= 0)).toBe(true);
    // As often as it ran: the total of the first step's rows again and again.
    const total = Number((await device.read("total"))[0]);
    const some = await device.timeLaunches(request(), 0, (kernel) => kernel === "weigh");
    expect(some).toHaveLength(1);
    expect(await device.read("total")).toEqual(new Float32Array([total]));
    await device.write("total", new Float32Array([0]));
    await device.run(request());
    expect(await device.read("total")).toEqual(new Float32Array([expectedTotal(request())]));
  });

  test("two models have the device at the same time", async () => {
    const [one, other] = await Promise.all([createDevice(), createDevice()]);
    await Promise.all([one.run(request()), other.run(longRequest(50, 5))]);
    expect(await one.read("total")).toEqual(new Float32Array([expectedTotal(request())]));
    const expected = expectedTotal(longRequest(50, 5));
    expect(await other.read("total")).toEqual(new Float32Array([expected]));
  });
});

describe.runIf(hasEmulation)(`a CUDA device refuses ${needsEmulation}`, () => {
  testRefusals(openDevice, (device) => bindAll(device, dataColumns()));
});
