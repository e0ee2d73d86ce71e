/**
 * Runs random programs as WGSL on the graphics processor that tests have: with kernels that exchange values within
 * subgroups, and without.
 */

import { describeWgsl } from "../../compiler/targets/wgsl/description.ts";
import { printWgsl } from "../../compiler/targets/wgsl/print-module.ts";
import { WebGpuDevice } from "../../runtime/devices/webgpu/webgpu-device.ts";
import type { WgslKernel, WgslProgram } from "../../runtime/devices/webgpu/wgsl-program.ts";
import type { CompiledCase, ProgramRunner, Variants } from "./program-library.ts";
import { SharedGpu } from "./shared-gpu.ts";

export function webGpuRunner(): ProgramRunner {
  let gpu: SharedGpu | undefined;
  return {
    target: describeWgsl(),
    prepare: async (cases) => {
      const shared = await SharedGpu.open();
      gpu = shared;
      return cases.map((compiled) => variantsOf(compiled, shared));
    },
    dispose: async () => gpu?.dispose(),
  };
}

function variantsOf(compiled: CompiledCase, gpu: SharedGpu): Variants {
  const { plan } = compiled;
  const open = (program: WgslProgram) => async () =>
    WebGpuDevice.create({ plan, program, ...gpu.opened() });
  const program = printProgram(compiled);
  const plain = { ...program, kernels: program.kernels.map(withoutSubgroups) };
  return new Map([
    ["with subgroups", open(program)],
    ["without subgroups", open(plain)],
  ]);
}

export function printProgram({ passes, plan }: CompiledCase): WgslProgram {
  const { scheduled, alternative } = passes;
  return printWgsl(scheduled.module, alternative?.module ?? null, plan);
}

function withoutSubgroups({ withSubgroups: _, ...kernel }: WgslKernel): WgslKernel {
  return kernel;
}
