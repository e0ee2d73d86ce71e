/** Kernels for CUDA: machine code where `nvcc` is at hand, else their source, which devices compile by NVRTC. */

import type { CudaImage } from "../../runtime/devices/cuda/kernel-image.ts";
import type { KernelCode } from "../compiled-program.ts";
import { type CudaCompiler, compileCuda, findCudaCompiler } from "../targets/cuda/toolchain.ts";

export type CudaCode = KernelCode & { readonly target: "cuda" };

export interface CudaBuild {
  /** Null if there is none: sources are all there is then. */
  readonly compiler: CudaCompiler | null;
  /** By variant of the program: path of a fat binary. */
  readonly binaries: readonly string[];
}

/** Calls `nvcc` where it is installed, unless its output is in the cache. */
export async function compileCudaKernels({ program, sources }: CudaCode): Promise<CudaBuild> {
  const compiler = await findCudaCompiler();
  if (compiler === undefined) return { compiler: null, binaries: [] };
  const isOnly = program.variants.length === 1;
  const compiled = await Promise.all(
    program.variants.map(({ architecture }, i) =>
      compileCuda(compiler, sources[i]!, architecture, { isOnly }),
    ),
  );
  return { compiler, binaries: compiled.map(({ path }) => path) };
}

/** What this process loads, by variant. */
export async function cudaImages(code: CudaCode): Promise<readonly CudaImage[]> {
  const { compiler, binaries } = await compileCudaKernels(code);
  if (compiler === null) return code.sources.map((text) => ({ kind: "source", text }));
  return binaries.map((path) => ({ kind: "file", path }));
}
