/** What every device refuses in the same words. Its model has the graph `train`, the column x and the tensor total. */

import { expect, test } from "vitest";
import type { Column } from "../../../runtime/data/column.ts";
import type { Device, RunRequest } from "../../../runtime/devices/device.ts";
import { request } from "./request.ts";

const x: Column = {
  name: "x",
  dtype: "f32",
  shape: [],
  rows: 5,
  data: new Float32Array([1, 2, 3, 4, 5]),
};

const requests: readonly (readonly [
  what: string,
  changes: Partial<RunRequest>,
  message: string,
])[] = [
  ["an unknown graph", { graph: "evaluate" }, "the model was built without the graph evaluate"],
  ["an inherited name", { graph: "toString" }, "without the graph toString"],
  ["a batch too large", { batchSize: 5 }, "batch size 5 is not from 1 to 4"],
  ["an empty batch", { batchSize: 0 }, "batch size 0 is not from 1 to 4"],
  [
    "too few scalars",
    { scalars: new Float32Array(2) },
    "takes 1 scalars for each of 3 steps, not 2",
  ],
  ["a negative seed", { seed: -1 }, "must be unsigned 32-bit integers"],
  ["a fractional batch counter", { firstBatch: 0.5 }, "must be unsigned 32-bit integers"],
  [
    "a row beyond the data",
    { rows: new Int32Array([0, 5, 0, 0, 0]) },
    "row 5 is not among the 5 rows",
  ],
  ["a negative row", { rows: new Int32Array([0, -1, 0, 0, 0]) }, "row -1 is not among the 5 rows"],
];

/**
 * @param create A new device.
 * @param bind Binds 5 rows to every column of the model.
 */
export function testRefusals<Any extends Device>(
  create: () => Promise<Any>,
  bind: (device: Any) => Promise<void>,
): void {
  async function createBound(): Promise<Any> {
    const device = await create();
    await bind(device);
    return device;
  }

  test.each(requests)("%s", async (_, changes, message) => {
    const device = await createBound();
    await expect(device.run(request(changes))).rejects.toThrow(message);
    await device.run(request());
    device.dispose();
  });

  test("a run without its column", async () => {
    const device = await create();
    await expect(device.run(request())).rejects.toThrow("column x is not bound");
    device.dispose();
  });

  test("a second run before the first has ended", async () => {
    const device = await createBound();
    const first = device.run(request());
    await expect(device.run(request())).rejects.toThrow("a run is in flight");
    await first;
    await device.run(request());
    device.dispose();
  });

  test("columns and tensors of another type, shape or size", async () => {
    const device = await createBound();
    const bytes = { ...x, dtype: "u8" as const, data: new Uint8Array(5) };
    await expect(device.bindColumn(0, bytes)).rejects.toThrow("column x is f32[], not u8[]");
    await expect(device.bindColumn(0, { ...x, shape: [5] })).rejects.toThrow("not f32[5]");
    await expect(device.bindColumn(0, { ...x, rows: 6 })).rejects.toThrow("not the data of 6 rows");
    await expect(device.bindColumn(9, x)).rejects.toThrow("no column slot 9");
    await expect(device.write("total", new Float32Array(2))).rejects.toThrow(
      "not a Float32Array of 2",
    );
    await expect(device.write("total", new Int32Array(1))).rejects.toThrow("not a Int32Array of 1");
    await expect(device.read("nothing")).rejects.toThrow("the model has no tensor nothing");
    await expect(device.readResult("train", 3)).rejects.toThrow("has no result 3");
    device.dispose();
  });

  test("everything once it was disposed of", async () => {
    const device = await createBound();
    device.dispose();
    device.dispose();
    await expect(device.run(request())).rejects.toThrow("disposed of");
    await expect(device.read("total")).rejects.toThrow("disposed of");
    await expect(device.readResult("train", 0)).rejects.toThrow("disposed of");
    await expect(device.write("total", new Float32Array(1))).rejects.toThrow("disposed of");
    await expect(device.bindColumn(0, x)).rejects.toThrow("disposed of");
  });
}
