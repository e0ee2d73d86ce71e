/** Loss scaling on targets that compute in f32, which overflows as well: its states as written by hand, step by step. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { emulatedCuda, hasEmulation, needsEmulation } from "../cuda/emulation.ts";
import { hasGpu, needsGpu } from "../runtime/devices/webgpu/software-gpu.ts";
import { temporaryFolder } from "./nnc.ts";
import { openTrainer, sliceRows } from "./open-trainer.ts";

const MODEL = `
model M {
  input x: f32[N, 1]
  output y = x |> Dense(1, use_bias = false)
}

data d {
  train {
    x: f32[1] = csv("rows.csv", column = "x")
    t: f32[1] = csv("rows.csv", column = "t")
  }
}

train M on d {
  loss       mse(t, y)
  optimizer  SGD(0.0625, momentum = 0.5)
  batch_size 1
  precision  f16
}
`;

/** 1e18 squared is a number in f32, but not 32768 times as much; 1e30 squared is none. */
const rows = [
  [2, 1],
  [1, 0.5],
  [1e18, 0],
  [1, 3],
  [1e30, 0],
  [0.5, 2],
] as const;

const f = Math.fround;

async function expectTrajectory(target: "cpu" | "wgsl" | "cuda", fusion = true): Promise<void> {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "rows.csv"), ["x,t", ...rows.map(String)].join("\n"));
  writeFileSync(join(folder, "model.nn"), MODEL);
  const { trainer, columns } = await openTrainer(join(folder, "model.nn"), { target, fusion });
  try {
    const read = async () => {
      const tensors = await trainer.runner.readTensors();
      return Object.fromEntries([...tensors].map(([name, data]) => [name, data[0]]));
    };
    let wanted = await read();
    expect(wanted).toMatchObject({ "loss_scale/dynamic_scale": 32768 });
    for (const [i, [x, t]] of rows.entries()) {
      const { loss } = await trainer.trainOnBatch(sliceRows(columns, i, i + 1));
      const [w, m] = [wanted["M/dense/kernel"]!, wanted["sgd/M/dense/kernel/m"]!];
      const scale = wanted["loss_scale/dynamic_scale"]!;
      const difference = f(f(w * f(x)) - t);
      const gradient = f(f(f(scale * 2) * difference) * f(x));
      const updates = Number.isFinite(gradient);
      const moved = updates ? 0.5 * m - 0.0625 * (gradient / scale) : m;
      wanted = {
        ...wanted,
        "M/dense/kernel": updates ? w + moved : w,
        "sgd/M/dense/kernel/m": moved,
        "loss_scale/dynamic_scale": updates ? scale : scale / 2,
        "loss_scale/step_counter": updates ? wanted["loss_scale/step_counter"]! + 1 : 0,
      };
      const actual = await read();
      for (const name of Object.keys(wanted).filter((path) => !path.startsWith("metrics/"))) {
        expect(Math.abs(actual[name]! - wanted[name]!)).toBeLessThanOrEqual(
          1e-5 * Math.abs(wanted[name]!),
        );
      }
      if (x < 1e10) expect(Math.abs(loss! - difference ** 2)).toBeLessThan(1e-5);
      wanted = actual;
    }
    expect(wanted["loss_scale/dynamic_scale"]).toBe(8192);
    expect(wanted["loss_scale/step_counter"]).toBe(1);
  } finally {
    trainer.dispose();
  }
}

describe("an update that overflows is skipped, and the scale halved", () => {
  test("on the CPU", () => expectTrajectory("cpu"));
  test("on the CPU, unfused", () => expectTrajectory("cpu", false));
  test.runIf(hasEmulation)(`on emulated CUDA ${needsEmulation}`, async () => {
    const { environment } = await emulatedCuda();
    Object.assign(process.env, environment);
    await expectTrajectory("cuda");
  });
  test.runIf(hasGpu)(`on WebGPU ${needsGpu}`, () => expectTrajectory("wgsl"));
});
