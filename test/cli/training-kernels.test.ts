/** Training begins with kernels of its own, and those of other graphs come later; the bits are the same. */

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { prepareModel, prepareTraining } from "../../compiler/cli/prepare-model.ts";
import type { Device } from "../../runtime/devices/device.ts";
import type { CommandEnvironment } from "../../runtime/training/command/environment.ts";

const folder = mkdtempSync(join(tmpdir(), "training-kernels-"));
const entry = join(folder, "line.nn");

const text = `
model Line {
  input x: f32[N, 4]
  output y = x |> Dense(3, tanh) |> Dense(1)
}

data rows {
  train {
    x: f32[4] = csv("rows.csv", columns = 0..4)
    z: f32    = csv("rows.csv", column = 4)
  }
}

train Line on rows {
  loss       mean_squared_error(reshape(z, [shape(z)[0], 1]), y)
  optimizer  SGD(0.1)
  epochs     1
  batch_size 4
}
`;

beforeAll(() => {
  vi.stubEnv("XDG_CACHE_HOME", folder);
  writeFileSync(entry, text);
});

afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const streams = { out: { write: () => {} }, errors: { write: () => {} }, color: false };

const x = Float32Array.from({ length: 16 }, (_, i) => Math.sin(i));
const columns = [
  { name: "x", dtype: "f32", shape: [4], rows: 4, data: x },
  { name: "z", dtype: "f32", shape: [], rows: 4, data: x.slice(4, 8) },
] as const;

async function openTrained(environment: CommandEnvironment): Promise<Device> {
  const { definition } = environment;
  const device = await environment.openDevice(1);
  for (const [name, values] of Object.entries(definition.initialize(3))) {
    await device.write(name, values);
  }
  for (const [slot, { name }] of definition.plan.columns.entries()) {
    await device.bindColumn(slot, columns.find((column) => column.name === name)!);
  }
  await run(device, environment, "train");
  return device;
}

async function run(device: Device, { definition }: CommandEnvironment, name: string) {
  const graph = definition.plan.graphs[name]!;
  const scalars = new Float32Array(graph.scalars).fill(0.1);
  await device.run({
    graph: name,
    rows: Int32Array.of(3, 1, 0, 2),
    batchSize: 4,
    scalars,
    seed: 1,
    firstBatch: 0,
  });
  return device.readResult(name, 0);
}

const libraries = () => readdirSync(join(folder, "nnc")).filter((name) => name.endsWith(".so"));

it("trains before the kernels of other graphs are there, which it then gets", async () => {
  const whileCompiling = vi.fn();
  const prepare = () => prepareTraining({ entry }, folder, streams, whileCompiling);
  const { environment: first } = await prepare();
  expect(whileCompiling).toHaveBeenCalledOnce();
  expect(libraries()).toHaveLength(1);
  const device = await openTrained(first);
  expect(libraries()).toHaveLength(1);
  const predicted = await run(device, first, "predict");
  device.dispose();
  expect(libraries()).toHaveLength(2);

  // Both are in the cache now.
  const { environment: kept } = await prepare();
  expect(whileCompiling).toHaveBeenCalledOnce();
  const again = await openTrained(kept);
  expect(await run(again, kept, "predict")).toEqual(predicted);
  again.dispose();
  const parts = () =>
    readdirSync(join(folder, "nnc")).filter((name) => name.startsWith("unfinished"));
  await vi.waitFor(() => expect(parts()).toEqual([]), { timeout: 10_000 });
});

it("compiles the others without a step, too, if asked", async () => {
  writeFileSync(entry, text.replace("Dense(3, tanh)", "Dense(5, tanh)"));
  const before = libraries().length;
  const { finish } = await prepareTraining({ entry }, folder, streams, () => {});
  expect(libraries()).toHaveLength(before + 1);
  finish();
  await vi.waitFor(() => expect(libraries()).toHaveLength(before + 2), { timeout: 10_000 });
});

it("compiles all graphs at once where nothing is trained", async () => {
  writeFileSync(entry, text.replace("Dense(3, tanh)", "Dense(2, tanh)"));
  const before = libraries().length;
  const environment = await prepareModel({ entry }, folder, streams);
  expect(libraries()).toHaveLength(before + 1);
  const device = await openTrained(environment);
  expect(await run(device, environment, "predict")).toHaveLength(4);
  device.dispose();
});
