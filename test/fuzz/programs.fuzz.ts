/**
 * Random programs, as many as one has time for: `NNC_FUZZ_RUNS` graphs and a fifth as many models, mixed ones and ones of
 * layers, from the seed `NNC_FUZZ_SEED`; on graphics processors a twentieth of them, as software computes in their place.
 * They are tested some at a time, with a seed of their own, which a failure names.
 */

import { describe, test } from "vitest";
import { hasEmulation, needsEmulation } from "../cuda/emulation.ts";
import { hasGpu, needsGpu } from "../runtime/devices/webgpu/software-gpu.ts";
import { thisCpu } from "../targets/run-kernels.ts";
import { cpuRunner } from "./cpu-runner.ts";
import { cudaRunner } from "./cuda-runner.ts";
import { randomLayers, randomModels, smallLayers } from "./random-models.ts";
import { checkRandomPrograms, randomGraphs } from "./random-programs.ts";
import { webGpuRunner } from "./webgpu-runner.ts";

const runs = Number(process.env.NNC_FUZZ_RUNS ?? 20_000);
const start = Number(process.env.NNC_FUZZ_SEED ?? Date.now() % 2 ** 30);

describe.each([
  ["the CPU", () => cpuRunner(thisCpu()), 1, true],
  [`WebGPU ${needsGpu}`, webGpuRunner, 20, hasGpu],
  [`emulated CUDA ${needsEmulation}`, cudaRunner, 20, hasEmulation],
] as const)("on %s", (_, open, onTarget, isHere) => {
  test.runIf(isHere).each([
    ["graphs", randomGraphs, 1, 25],
    ["models", randomModels, 5, 8],
    ["models of layers", randomLayers, 20, 8],
    ["small models of layers", smallLayers, 5, 12],
  ] as const)(
    `%s of seed ${start}`,
    async (_, make, ofKind, batch) => {
      const oneIn = onTarget * ofKind;
      const count = Math.ceil(runs / oneIn);
      for (let done = 0, seed = start; done < count; done += batch, seed++) {
        await checkRandomPrograms(make, open(), seed, Math.min(batch, count - done), oneIn);
      }
    },
    0,
  );
});
