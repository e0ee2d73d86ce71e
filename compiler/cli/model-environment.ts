/** A compiled model ready to run in this process: kernels from the cache, data beside the model's file. */

import { basename, dirname, extname } from "node:path";
import { readColumns } from "../../runtime/data/read-columns.ts";
import { CpuDevice } from "../../runtime/devices/cpu/cpu-device.ts";
import {
  type CommandEnvironment,
  processEnvironment,
} from "../../runtime/training/command/environment.ts";
import type { CompiledProgram } from "../compiled-program.ts";
import { invariant } from "../diagnostics/diagnostic.ts";
import { type CompiledLibrary, compileLibrary } from "../targets/cpu/toolchain.ts";
import { instantiateProgram } from "../trainer/instantiate.ts";
import { describeTarget } from "./machine.ts";
import type { Streams } from "./streams.ts";

/** Calls the C compiler, unless its output is in the cache. */
export async function compileKernels(
  program: CompiledProgram,
  march: string | undefined,
): Promise<CompiledLibrary> {
  const target = describeTarget(march);
  const { code } = program;
  invariant(code.target === "cpu", `no C compiler takes ${code.target}`);
  return compileLibrary(code.c, {
    march: target.march,
    prefersWideVectors: target.prefersWideVectors,
    processor: target.processor,
  });
}

/** `digits` for `examples/digits.nn`. */
export function modelName(entry: string): string {
  return basename(entry, extname(entry));
}

export function modelEnvironment(
  entry: string,
  program: Pick<CompiledProgram, "plan" | "functions">,
  library: string,
  streams: Streams,
  dataFolder: string | undefined,
): CommandEnvironment {
  const definition = instantiateProgram(program);
  const { plan } = definition;
  return {
    ...processEnvironment(),
    out: streams.out,
    errors: streams.errors,
    definition,
    name: modelName(entry),
    dataFolder: dataFolder ?? dirname(entry),
    openDevice: async (threads) => new CpuDevice({ plan, library, threads }),
    readColumns,
  };
}
