/** The WebGPU device on a compiled model: where its columns are and what the device can do change no bit. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { prepareModel } from "../../../../compiler/cli/prepare-model.ts";
import type { Column } from "../../../../runtime/data/column.ts";
import {
  WebGpuDevice,
  type WebGpuDeviceOptions,
} from "../../../../runtime/devices/webgpu/webgpu-device.ts";
import type { TrainerDefinition } from "../../../../runtime/plan.ts";
import { Trainer } from "../../../../runtime/training/trainer.ts";
import { hasGpu, needsGpu, openSoftwareGpu } from "./software-gpu.ts";
import { openWatchedGpu } from "./watched-gpu.ts";

const source = `
model Small {
  input pixels: u8[N, 5]
  h = pixels / 255 |> Dense(6, relu) |> Dropout(0.25)
  output class = h |> Dense(3, softmax)
}

data rows {
  train {
    pixels: u8[5] = csv("rows.csv", columns = [0, 1, 2, 3, 4])
    label: u8     = csv("rows.csv", column = 5)
  }
}

train Small on rows {
  loss       sparse_categorical_crossentropy(label, class)
  optimizer  Adam(learning_rate = 0.01)
  metrics    accuracy(label, class)
  epochs     3
  batch_size 8
}
`;

const ROWS = 43;

function columns(): readonly Column[] {
  const pixels = Uint8Array.from({ length: 5 * ROWS }, (_, i) => (i * 89) % 256);
  const label = Uint8Array.from({ length: ROWS }, (_, row) => row % 3);
  return [
    { name: "pixels", dtype: "u8", shape: [5], rows: ROWS, data: pixels },
    { name: "label", dtype: "u8", shape: [], rows: ROWS, data: label },
  ];
}

describe.runIf(hasGpu)(`a compiled model ${needsGpu}`, () => {
  const folder = mkdtempSync(join(tmpdir(), "compiled-model-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  let definition: TrainerDefinition;
  let resident: Awaited<ReturnType<typeof train>>;

  beforeAll(async () => {
    const entry = join(folder, "small.nn");
    writeFileSync(entry, source);
    const nowhere = { write: () => undefined };
    const streams = { out: nowhere, errors: nowhere, color: false };
    ({ definition } = await prepareModel({ entry, target: "wgsl" }, undefined, streams));
    resident = await train();
  });

  async function train(changes: Partial<WebGpuDeviceOptions> = {}) {
    const { plan, wgsl } = definition;
    const opened = await openSoftwareGpu();
    const device = await WebGpuDevice.create({ plan, program: wgsl!, ...opened, ...changes });
    try {
      const trainer = await Trainer.create(definition, device);
      const { state } = await trainer.fit(columns());
      const [predicted] = await trainer.predict(columns().slice(0, 1), 8);
      const weights = new Map(await trainer.runner.readTensors());
      return { history: state.history.history, predicted: predicted!.data, weights };
    } finally {
      device.dispose();
    }
  }

  test("trains", () => {
    expect(resident.history.loss).toHaveLength(3);
    expect(resident.history.loss!.every((loss) => loss > 0 && loss < 2)).toBe(true);
  });

  test("trains to the same bits with columns handed over in batches, all or the larger ones", async () => {
    expect(await train({ residentBytes: 0 })).toEqual(resident);
    expect(await train({ residentBytes: ROWS + 1 })).toEqual(resident);
  });

  test("trains to the same bits with subgroups and without", async () => {
    const kernels = definition.wgsl!.kernels.map(({ withSubgroups: _, ...kernel }) => kernel);
    expect(await train({ program: { ...definition.wgsl!, kernels } })).toEqual(resident);
  });

  test("makes nothing on the device in later epochs", async () => {
    const watched = await openWatchedGpu();
    const { plan, wgsl } = definition;
    const device = await WebGpuDevice.create({ plan, program: wgsl!, ...watched });
    const trainer = await Trainer.create(definition, device);
    const counts: number[] = [];
    const counting = {
      name: "Counting",
      onEpochEnd: async () => void counts.push(watched.created.length),
    };
    await device.compiled(Object.keys(plan.graphs));
    await trainer.fit(columns(), { epochs: 4, callbacks: [counting] });
    expect(new Set(counts).size).toBe(1);
    device.dispose();
  });
});
