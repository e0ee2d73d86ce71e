/**
 * Runs random programs as CUDA on the emulation: with columns on the device, and handed over batch by batch;
 * on a device of compute capability 8.0 or 9.0.
 */

import type { Precision } from "../../compiler/semantics/precision.ts";
import { describeCuda } from "../../compiler/targets/cuda/description.ts";
import { printCuda } from "../../compiler/targets/cuda/print-module.ts";
import { CudaDevice } from "../../runtime/devices/cuda/cuda-device.ts";
import { chooseVariant } from "../../runtime/devices/cuda/variant.ts";
import { emulatedCuda } from "../cuda/emulation.ts";
import type { CompiledCase, ProgramRunner, Variants } from "./program-library.ts";

export interface CudaRunnerOptions {
  readonly precision?: Precision;
  /** Of the device; it says which kernels run. */
  readonly capability?: 80 | 90;
}

export function cudaRunner({
  precision = "f32",
  capability = 90,
}: CudaRunnerOptions = {}): ProgramRunner {
  return {
    target: describeCuda({ precision }),
    prepare: (cases) => Promise.all(cases.map((each) => variantsOf(each, capability))),
    dispose: async () => {},
  };
}

async function variantsOf({ plan, passes }: CompiledCase, capability: 80 | 90): Promise<Variants> {
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
  const chosen = chooseVariant(program, { name: "the emulation", capability }, plan.model);
  // Nothing reads the images of the other variants.
  const bytes = await Promise.all(
    sources.map((source, i) => (i === chosen ? emulation.compile(source) : new Uint8Array())),
  );
  const images = bytes.map((image) => ({ kind: "binary", bytes: image }) as const);
  const environment = emulation.environment;
  const open = (residentBytes: number) => async () => {
    // Read by the emulation whenever it is asked.
    process.env.NNC_EMULATION_CAPABILITY = String(capability);
    return CudaDevice.open({ plan, program, images, environment, residentBytes });
  };
  return new Map([
    ["columns on the device", open(Infinity)],
    ["batch by batch", open(0)],
  ]);
}
