/** A model with more inputs than a kernel of WebGPU may bind: as the CPU trains it, wherever its columns are. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { prepareModel } from "../../../../compiler/cli/prepare-model.ts";
import type { Column } from "../../../../runtime/data/column.ts";
import type { Device } from "../../../../runtime/devices/device.ts";
import { WebGpuDevice } from "../../../../runtime/devices/webgpu/webgpu-device.ts";
import { Trainer } from "../../../../runtime/training/trainer.ts";
import { hasGpu, needsGpu, openSoftwareGpu } from "./software-gpu.ts";

const inputs = Array.from({ length: 12 }, (_, i) => `x${i}`);
const types = inputs.map((_, i) => (i % 4 === 3 ? "u8" : "f32"));
const ROWS = 21;

const source = `
model Many {
${inputs.map((name, i) => `  input ${name}: ${types[i]}[N, 1]`).join("\n")}
  joined = concat([${inputs.join(", ")}])
  output y = joined |> Dense(5, relu) |> Dense(1)
}

data rows {
  train {
${inputs.map((name, i) => `    ${name}: ${types[i]}[1] = csv("rows.csv", column = ${i})`).join("\n")}
    target: f32 = csv("rows.csv", column = 12)
  }
}

train Many on rows {
  loss       mse(target, y)
  optimizer  SGD(learning_rate = 0.01)
  epochs     2
  batch_size 8
}
`;

function columns(): readonly Column[] {
  const each = inputs.map((name, i): Column => {
    const numbers = Array.from({ length: ROWS }, (_, row) => ((row * 37 + i * 11) % 29) / 16);
    return types[i] === "u8"
      ? { name, dtype: "u8", shape: [1], rows: ROWS, data: Uint8Array.from(numbers, (v) => 2 * v) }
      : { name, dtype: "f32", shape: [1], rows: ROWS, data: Float32Array.from(numbers) };
  });
  const data = Float32Array.from({ length: ROWS }, (_, row) => ((row * 5) % 7) / 4);
  return [...each, { name: "target", dtype: "f32", shape: [], rows: ROWS, data }];
}

describe.runIf(hasGpu)(`twelve inputs ${needsGpu}`, () => {
  const folder = mkdtempSync(join(tmpdir(), "many-columns-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const entry = join(folder, "many.nn");
  writeFileSync(entry, source);
  const nowhere = { write: () => undefined };
  const streams = { out: nowhere, errors: nowhere, color: false };

  async function train(device: Device, trainer: Trainer) {
    try {
      const { state } = await trainer.fit(columns());
      const first = columns().slice(0, inputs.length);
      const row = first.map((column) => ({ ...column, rows: 1, data: column.data.slice(0, 1) }));
      const [predicted] = await trainer.predict(row as readonly Column[], 1);
      return [...state.history.history.loss!, ...predicted!.data];
    } finally {
      device.dispose();
    }
  }

  test("train and predict as on the CPU, resident and handed over in batches", async () => {
    const cpu = await prepareModel({ entry, target: "cpu" }, undefined, streams);
    const { definition } = await prepareModel({ entry, target: "wgsl" }, undefined, streams);
    const onCpu = await cpu.openDevice(1);
    const expected = await train(onCpu, await Trainer.create(cpu.definition, onCpu));
    expect(expected[1]).toBeLessThan(expected[0]!);
    const runs: number[][] = [];
    for (const residentBytes of [undefined, 0]) {
      const device = await WebGpuDevice.create({
        plan: definition.plan,
        program: definition.wgsl!,
        ...(await openSoftwareGpu()),
        residentBytes,
      });
      runs.push(await train(device, await Trainer.create(definition, device)));
    }
    expect(runs[1]).toEqual(runs[0]);
    for (const [i, value] of runs[0]!.entries()) expect(value).toBeCloseTo(expected[i]!, 5);
  });
});
