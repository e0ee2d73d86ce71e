/**
 * Narrower precisions on emulated CUDA: self-tests agree with the interpreter, which rounds alike, and training goes the
 * way of f32 as far as rounding lets it: losses of 20 steps came to within 5e-4 of f32's in bf16, 1.3e-4 in tf32 and 1e-4
 * in f16.
 */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { Precision } from "../../compiler/semantics/precision.ts";
import { emulatedCuda, hasEmulation, needsEmulation } from "../cuda/emulation.ts";
import { examples, temporaryFolder } from "./nnc.ts";
import { openTrainer } from "./open-trainer.ts";
import { trainSteps } from "./train-steps.ts";

/** Derivatives of some 256,000 at the outputs with the first scale: f16 ends at 65504. */
const OVERFLOWING = `
model M {
  input x: f32[N, 16]
  output y = x |> Dense(80, relu) |> Dense(16)
}

data d {
  train {
    x: f32[16] = csv("rows.csv", columns = 0..16)
    t: f32[16] = csv("rows.csv", columns = 16..32)
  }
}

train M on d {
  loss       mse(t, y)
  optimizer  SGD(1e-5)
  batch_size 16
  precision  f16
}
`;

const model = join(examples, "custom.nn");
const dataFolder = examples;

const bounds: { readonly [P in Exclude<Precision, "f32">]: number } = {
  tf32: 0.001,
  bf16: 0.005,
  f16: 0.001,
};
const precisions = ["tf32", "bf16", "f16"] as const;

describe.runIf(hasEmulation)(`precisions on emulated CUDA ${needsEmulation}`, () => {
  beforeAll(async () => {
    const { environment } = await emulatedCuda();
    Object.assign(process.env, environment);
  });

  test.each(precisions)("self-tests in %s pass", async (precision) => {
    for (const example of ["custom.nn", "functional.nn"]) {
      const { trainer } = await openTrainer(join(examples, example), {
        target: "cuda",
        precision,
        dataFolder,
      });
      try {
        const { compared, deviations } = await trainer.selfTest();
        expect(deviations, example).toEqual([]);
        expect(compared).toBeGreaterThan(100);
      } finally {
        trainer.dispose();
      }
    }
  });

  test.each(precisions)("training in %s goes the way of f32", async (precision) => {
    const plain = await trainSteps(model, { target: "cpu", dataFolder });
    const { losses } = await trainSteps(model, { target: "cuda", precision, dataFolder });
    const errors = losses.map((loss, i) => Math.abs(loss / plain.losses[i]! - 1));
    expect(Math.max(...errors)).toBeLessThan(bounds[precision]);
    // Nothing would be tested if nothing were rounded.
    expect(Math.max(...errors)).toBeGreaterThan(1e-6);
  });

  test("what overflows f16 is not learned from, and the scale sinks until nothing does", async () => {
    const folder = temporaryFolder();
    const row = Array.from({ length: 32 }, (_, i) => (i < 16 ? ((i % 5) - 2) / 2 : 1000));
    const lines = [row.map((_, i) => `c${i}`), ...Array.from({ length: 16 }, () => row)];
    writeFileSync(join(folder, "rows.csv"), lines.map(String).join("\n"));
    writeFileSync(join(folder, "model.nn"), OVERFLOWING);
    const { trainer, columns } = await openTrainer(join(folder, "model.nn"), { target: "cuda" });
    try {
      const read = async () => {
        const tensors = await trainer.runner.readTensors();
        const scale = tensors.get("loss_scale/dynamic_scale")![0]!;
        return { scale, weights: String(tensors.get("M/dense/kernel")) };
      };
      let before = await read();
      const losses: number[] = [];
      const scales: number[] = [];
      for (let step = 0; step < 10; step++) {
        losses.push((await trainer.trainOnBatch(columns)).loss!);
        const after = await read();
        const isSkipped = after.scale < before.scale;
        expect(after.scale).toBe(isSkipped ? before.scale / 2 : before.scale);
        expect(after.weights === before.weights).toBe(isSkipped);
        scales.push(after.scale);
        before = after;
      }
      expect(scales.slice(0, 2)).toEqual([16384, 8192]);
      expect(scales.at(-1)).toBe(scales.at(-4));
      expect(losses.at(-1)).toBeLessThan(losses[0]!);
    } finally {
      trainer.dispose();
    }
  });
});
