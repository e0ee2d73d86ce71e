/** Dozens of random programs through every pass, as WGSL; `npm run fuzz` runs thousands. */

import { describe, expect, test } from "vitest";
import { hasGpu, needsGpu } from "../runtime/devices/webgpu/software-gpu.ts";
import { randomModels } from "./random-models.ts";
import { checkRandomPrograms, randomGraphs } from "./random-programs.ts";
import { webGpuRunner } from "./webgpu-runner.ts";

const seeds = (count: number) => Array.from({ length: count }, (_, i) => 20_261_322 + i);

describe.runIf(hasGpu)(`on WebGPU ${needsGpu}`, () => {
  test.each(seeds(4))("5 random graphs of seed %i", async (seed) => {
    expect(await checkRandomPrograms(randomGraphs, webGpuRunner(), seed, 5)).toBe(5);
  });

  test.each(seeds(3))("2 random models of seed %i", async (seed) => {
    expect(await checkRandomPrograms(randomModels, webGpuRunner(), seed, 2)).toBe(2);
  });
});
