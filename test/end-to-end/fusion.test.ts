/**
 * Fused and unfused kernels train alike. Fusion rounds otherwise only where it adds up a reduction in another order;
 * the difference may grow with each step. The bound after 20 steps: the losses agree to 1e-5 of their size, and the
 * weights of each tensor to 1e-5 of their norm. Where no reduction has more than one term, they are the same bits.
 */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { examples, temporaryFolder } from "./nnc.ts";
import { distance, trainSteps } from "./train-steps.ts";

const BOUND = 1e-5;

const train = (model: string, fusion: boolean) => trainSteps(model, { fusion });

test.each(["digits.nn", "digits-512.nn", "functional.nn", "custom.nn"])("%s", async (example) => {
  const fused = await train(join(examples, example), true);
  const unfused = await train(join(examples, example), false);
  for (const [step, loss] of unfused.losses.entries()) {
    const error = Math.abs(fused.losses[step]! - loss);
    expect(error, `loss of step ${step}`).toBeLessThanOrEqual(BOUND * Math.abs(loss));
  }
  expect(distance(fused, unfused)).toBeLessThanOrEqual(BOUND);
});

test("the same bits where no reduction can be regrouped", async () => {
  const folder = temporaryFolder();
  const model = join(folder, "curves.nn");
  writeFileSync(
    model,
    `
layer Curve()(x: f32[N, C]) -> f32[N, C] {
  param scale: f32[C] = random_normal
  param shift: f32[C] = zeros
  y = x * scale + shift
  return tanh(y) + 0.1 * sigmoid(y) * y
}

model Curves {
  input x: f32[N, 37]
  output y = x |> Curve |> Curve
}

data points {
  train {
    x = jsonl("points.jsonl")
    target: f32[37] = jsonl("points.jsonl", key = "x")
  }
}

train Curves on points {
  loss       mse(sin(3 * target), y)
  optimizer  AdamW(learning_rate = 0.01, clipvalue = 0.5)
  batch_size 1
}
`,
  );
  const rows = Array.from({ length: 50 }, (_, row) => ({
    x: Array.from({ length: 37 }, (_, i) => Math.sin(row * 37 + i * i)),
  }));
  writeFileSync(
    join(folder, "points.jsonl"),
    rows.map((row) => `${JSON.stringify(row)}\n`).join(""),
  );
  const fused = await train(model, true);
  const unfused = await train(model, false);
  expect(fused.weights).toEqual(unfused.weights);
  expect(fused.weights.flat().every(Number.isFinite)).toBe(true);
});
