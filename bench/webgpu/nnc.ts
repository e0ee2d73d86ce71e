/**
 * nnc's side of the WebGPU benchmark: what it compiled ahead of time, on the device of its runtime. Loads of nnc only
 * what a built trainer holds.
 */

import { readFileSync } from "node:fs";
import type { CompiledProgram } from "../../compiler/compiled-program.ts";
import { instantiateProgram } from "../../compiler/trainer/instantiate.ts";
import { WebGpuDevice } from "../../runtime/devices/webgpu/webgpu-device.ts";
import type { WgslProgram } from "../../runtime/devices/webgpu/wgsl-program.ts";
import { loadWorkload } from "../load-workload.ts";
import { makeStepper } from "../stepper.ts";
import type { Job, Training } from "./peer.ts";

/** The file that `Job.program` names. */
export interface AheadOfTime extends Pick<CompiledProgram, "plan" | "functions" | "kernels"> {
  readonly wgsl: WgslProgram;
}

export async function open({ gpu, workload, inputs, program: file }: Job): Promise<Training> {
  if (file === undefined) throw new Error("nnc needs --program");
  const program = JSON.parse(readFileSync(file, "utf8")) as AheadOfTime;
  const definition = instantiateProgram(program, { wgsl: program.wgsl });
  const { plan } = definition;
  const { promise: settled, resolve: settle } = deferred();
  const dispatches = Object.values(program.wgsl.graphs).flat();
  const kernels = new Set(dispatches.map(({ kernel }) => kernel)).size;
  const device = await WebGpuDevice.create({
    plan,
    program: program.wgsl,
    gpu,
    onProgress: (compiled) => {
      if (compiled === kernels) settle();
    },
  });
  await loadWorkload(device, plan, workload, inputs);
  return {
    ...makeStepper(definition, device, workload.batch),
    settled: () => settled,
    dispose: () => device.dispose(),
  };
}

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
