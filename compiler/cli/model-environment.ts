/** A compiled model ready to run in this process: kernels from the cache, data beside the model's file. */

import { availableParallelism } from "node:os";
import { basename, dirname, extname } from "node:path";
import { readColumns } from "../../runtime/data/read-columns.ts";
import { CpuDevice, type CpuDeviceOptions } from "../../runtime/devices/cpu/cpu-device.ts";
import type { Device } from "../../runtime/devices/device.ts";
import type { TrainerDefinition } from "../../runtime/plan.ts";
import {
  type CommandEnvironment,
  processEnvironment,
} from "../../runtime/training/command/environment.ts";
import type { CompiledProgram, TrainingProgram } from "../compiled-program.ts";
import { invariant } from "../diagnostics/diagnostic.ts";
import type { CompiledFile } from "../targets/build-cache.ts";
import type { PartTaker } from "../targets/cpu/print-module.ts";
import {
  beginLibrary,
  type CCompiler,
  type CompileOptions,
  compileLibrary,
} from "../targets/cpu/toolchain.ts";
import type { ObjectFiles } from "../targets/object-files.ts";
import { instantiateProgram } from "../trainer/instantiate.ts";
import { cudaImages } from "./cuda-kernels.ts";
import { describeTarget } from "./machine.ts";
import type { ReadyKernels } from "./program-cache.ts";
import type { Streams } from "./streams.ts";

/** What is known before kernels are compiled, and what is to be done then. */
export type Preparations = Pick<
  CompileOptions,
  "compiler" | "whileCompiling" | "begun" | "isUrgent"
>;

/** Lines of a part: compilers take several times as long for it as they take to start. */
const partWork = 2000;

/** How the C compiler is called; undefined for `march` means this processor. */
function libraryOptions(march: string | undefined): CompileOptions & { readonly partWork: number } {
  const target = describeTarget(march);
  return {
    march: target.march,
    mtune: target.mtune,
    prefersWideVectors: target.prefersWideVectors,
    processor: target.processor,
    partWork: availableParallelism() > 1 ? partWork : Number.POSITIVE_INFINITY,
  };
}

/** Calls the C compiler, unless its output is in the cache. */
export async function compileKernels(
  program: CompiledProgram,
  march: string | undefined,
  preparations: Preparations = {},
): Promise<CompiledFile> {
  const { code } = program;
  invariant(code.target === "cpu", `no C compiler takes ${code.target}`);
  return compileLibrary(code.c, { ...libraryOptions(march), ...preparations });
}

/** Kernels that are compiled while others are not there yet. */
export interface BegunKernels {
  /** For `compileModel`. */
  readonly parts: PartTaker;
  /** For `readyKernels`; to be removed in the end, whatever came of the model. */
  readonly begun: ObjectFiles;
}

/**
 * `stages` is how many of the program's are compiled so early.
 * @throws MissingCompilerError if the compiler does not run.
 */
export async function beginKernels(
  march: string | undefined,
  compiler: CCompiler,
  stages = Number.POSITIVE_INFINITY,
): Promise<BegunKernels> {
  const options = libraryOptions(march);
  const begun = await beginLibrary({ ...options, compiler });
  const take: PartTaker["take"] = (text, stage) => {
    if (stage < stages) begun.begin(text);
  };
  return { begun, parts: { work: options.partWork, take } };
}

/** Kernels ready to run in this process. */
export async function readyKernels(
  program: CompiledProgram,
  march: string | undefined,
  preparations?: Preparations,
): Promise<ReadyKernels> {
  const { code } = program;
  if (code.target === "wgsl") return code;
  if (code.target === "cuda") {
    const { target, program: cuda } = code;
    return { target, program: cuda, images: await cudaImages(code, program.plan.model) };
  }
  const { path } = await compileKernels(program, march, preparations);
  return { target: "cpu", library: path };
}

/** `library` may have the graphs alone that training begins with. */
export type TrainingKernels =
  | ReadyKernels
  | (Pick<CpuDeviceOptions, "library"> &
      Required<Pick<CpuDeviceOptions, "whole">> & { readonly target: "cpu" });

/** Compiles kernels with which training can begin. */
export async function compileTrainingKernels(
  { c }: TrainingProgram,
  march: string | undefined,
  preparations: Preparations,
): Promise<string> {
  const { path } = await compileLibrary(c, { ...libraryOptions(march), ...preparations });
  return path;
}

/** `digits` for `examples/digits.nn`. */
export function modelName(entry: string): string {
  return basename(entry, extname(entry));
}

/** A program and its kernels as the definition that the runtime runs. */
export function definitionOf(
  program: Pick<CompiledProgram, "plan" | "functions">,
  kernels: ReadyKernels,
): TrainerDefinition {
  return instantiateProgram(
    program,
    kernels.target === "cpu" ? {} : { [kernels.target]: kernels.program },
  );
}

export function modelEnvironment(
  entry: string,
  definition: TrainerDefinition,
  kernels: TrainingKernels,
  streams: Streams,
  dataFolder: string | undefined,
): CommandEnvironment {
  return {
    ...processEnvironment(),
    out: streams.out,
    errors: streams.errors,
    definition,
    name: modelName(entry),
    dataFolder: dataFolder ?? dirname(entry),
    openDevice: (threads) => openDevice(definition, kernels, threads),
    readColumns,
  };
}

/** The device that kernels are for; `threads` are those of the CPU. */
export async function openDevice(
  definition: TrainerDefinition,
  kernels: TrainingKernels,
  threads: number,
): Promise<Device> {
  switch (kernels.target) {
    case "cpu":
      return new CpuDevice({ ...kernels, plan: definition.plan, threads });
    case "wgsl": {
      const { openGpu } = await import("../../runtime/devices/webgpu/node-gpu.ts");
      const { openWebGpuDevice } = await import("../../runtime/devices/webgpu/open-device.ts");
      return openWebGpuDevice(definition, await openGpu());
    }
    case "cuda": {
      const { CudaDevice } = await import("../../runtime/devices/cuda/cuda-device.ts");
      const { plan } = definition;
      return CudaDevice.open({ plan, program: kernels.program, images: kernels.images });
    }
  }
}
