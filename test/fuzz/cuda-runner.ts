/**
 * Runs random programs as CUDA on the emulation: with columns on the device, and handed over batch by batch.
 */

import { describeCuda } from "../../compiler/targets/cuda/description.ts";
import { printCuda } from "../../compiler/targets/cuda/print-module.ts";
import { CudaDevice } from "../../runtime/devices/cuda/cuda-device.ts";
import { emulatedCuda } from "../cuda/emulation.ts";
import type { CompiledCase, ProgramRunner, Variants } from "./program-library.ts";

export function cudaRunner(target = describeCuda()): ProgramRunner {
  return {
    target,
    prepare: (cases) => Promise.all(cases.map(variantsOf)),
    dispose: async () => {},
  };
}

async function variantsOf({ plan, passes }: CompiledCase): Promise<Variants> {
  const { scheduled, alternative } = passes;
  const emulation = await emulatedCuda();
  const { program, sources } = printCuda(
    [
      { architecture: "sm_80", module: scheduled.module },
      ...(alternative === null
        ? []
        : [{ architecture: "sm_90a", module: alternative.module } as const]),
    ],
    { source: "random.nn", batchMax: plan.batchMax },
  );
  const bytes = await Promise.all(sources.map((source) => emulation.compile(source)));
  const images = bytes.map((image) => ({ kind: "binary", bytes: image }) as const);
  const environment = emulation.environment;
  const open = (residentBytes: number) => async () =>
    CudaDevice.open({ plan, program, images, environment, residentBytes });
  return new Map([
    ["columns on the device", open(Infinity)],
    ["batch by batch", open(0)],
  ]);
}
