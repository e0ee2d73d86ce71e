/**
 * Training on WebGPU takes the way that it takes on the CPU. Both compute the same float32 operations but round some of
 * them otherwise: sums run in trees of a workgroup's threads instead of vector lanes, quotients may be off by 2.5 units
 * in the last place, and a × b + c may round once or twice. A step brings differences of some 1e-8 and passes earlier
 * ones on; 20 steps of the examples came to 3e-7 on SwiftShader. The bound leaves other adapters and seeds room: losses
 * agree to 1e-5 of their size, and the weights of each tensor to 1e-5 of their norm.
 */

import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { hasGpu, needsGpu } from "../runtime/devices/webgpu/software-gpu.ts";
import { hasShared, needsShared, sharedPath } from "../shared-folder.ts";
import { examples, temporaryFolder } from "./nnc.ts";
import { distance, trainSteps } from "./train-steps.ts";

const BOUND = 1e-5;

async function expectParity(example: string, dataFolder = examples): Promise<void> {
  const model = join(examples, example);
  const cpu = await trainSteps(model, { target: "cpu", dataFolder });
  const wgsl = await trainSteps(model, { target: "wgsl", dataFolder });
  for (const [step, loss] of cpu.losses.entries()) {
    const error = Math.abs(wgsl.losses[step]! - loss);
    expect(error, `loss of step ${step}`).toBeLessThanOrEqual(BOUND * Math.abs(loss));
  }
  expect(distance(wgsl, cpu)).toBeLessThanOrEqual(BOUND);
}

describe.runIf(hasGpu)(`20 steps on WebGPU and on the CPU ${needsGpu}`, () => {
  test.each(["digits.nn", "digits-512.nn", "functional.nn", "custom.nn", "branches.nn", "lstm.nn"])(
    "%s",
    async (example) => expectParity(example),
  );

  const boston = "data/boston-housing";
  test.runIf(hasShared(boston))(`housing.nn ${needsShared(boston)}`, async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "data"));
    symlinkSync(sharedPath(boston), join(folder, boston));
    await expectParity("housing.nn", folder);
  });
});
