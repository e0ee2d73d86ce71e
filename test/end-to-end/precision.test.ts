/**
 * Narrower precisions on emulated CUDA: self-tests agree with the interpreter, which rounds alike, and training goes the
 * way of f32 as far as rounding lets it: losses of 20 steps came to within 5e-4 of f32's in bf16, 1.3e-4 in tf32 and 1e-4
 * in f16.
 */

import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { Precision } from "../../compiler/semantics/precision.ts";
import { emulatedCuda, hasEmulation, needsEmulation } from "../cuda/emulation.ts";
import { examples } from "./nnc.ts";
import { openTrainer } from "./open-trainer.ts";
import { trainSteps } from "./train-steps.ts";

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
});
