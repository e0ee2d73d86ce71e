/** Compiles CUDA C++ as the product does, for tests: with every warning an error, and saying what kernels take. */

import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { findCudaCompiler } from "../../../compiler/targets/cuda/toolchain.ts";

/** NVIDIA's compiler, where it is installed. */
export const nvcc = await findCudaCompiler();

/** Ends the name of a test that needs it, so that a skipped one says why. */
export const needsNvcc = "(needs nvcc in PATH)";

/** What a kernel takes on one architecture. */
export interface KernelResources {
  readonly name: string;
  /** `sm_80` */
  readonly architecture: string;
  readonly registers: number;
  /** Bytes that registers are moved to and back, for want of more. */
  readonly spilledBytes: number;
}

/** @throws with what the compiler says if it refuses the source, or warns of anything. */
export async function compileVerbosely(
  source: string,
  targets: readonly string[],
): Promise<readonly KernelResources[]> {
  const folder = await mkdtemp(join(tmpdir(), "nnc-nvcc-"));
  try {
    const file = join(folder, "kernels.cu");
    await writeFile(file, source);
    const flags = ["-std=c++17", "-O3", "--fmad=false", "-Werror", "all-warnings", "-Xptxas", "-v"];
    const gencode = targets.map((target) => `-gencode=${target}`);
    const output = ["-fatbin", "--threads=0", "-o", join(folder, "kernels.fatbin")];
    const { stdout, stderr } = await promisify(execFile)(
      nvcc!.path,
      [...flags, ...gencode, ...output, file],
      { maxBuffer: 2 ** 26 },
    );
    const said = `${stdout}${stderr}`;
    // Remarks that are no warnings: products of warpgroups one after the other, registers that are not handed on.
    const loss = /.*Potential Performance Loss.*/.exec(said);
    if (loss !== null) throw new Error(loss[0]);
    return resourcesOf(said);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const entry =
  /Compiling entry function '(?<name>\w+)' for '(?<architecture>\w+)'[\s\S]*?(?<stores>\d+) bytes spill stores, (?<loads>\d+) bytes spill loads[\s\S]*?Used (?<registers>\d+) registers/g;

function resourcesOf(output: string): readonly KernelResources[] {
  return [...output.matchAll(entry)].map(({ groups }) => {
    const { name, architecture, stores, loads, registers } = groups!;
    return {
      name: name!,
      architecture: architecture!,
      registers: Number(registers),
      spilledBytes: Number(stores) + Number(loads),
    };
  });
}
