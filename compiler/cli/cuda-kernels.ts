/** Kernels for CUDA: machine code where `nvcc` is at hand, else their source, which devices compile by NVRTC. */

import { findCudaDevice } from "../../runtime/devices/cuda/find-cuda.ts";
import type { CudaImage } from "../../runtime/devices/cuda/kernel-image.ts";
import { chooseVariant, type KnownDevice } from "../../runtime/devices/cuda/variant.ts";
import { DeviceError } from "../../runtime/devices/device.ts";
import { type CudaCompiler, compileCuda, findCudaCompiler } from "../targets/cuda/toolchain.ts";
import type { KernelCode } from "../targets/kernel-code.ts";

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

/**
 * The device for CUDA that this process takes.
 * @throws DeviceError with the reason if there is none.
 */
export async function requireCudaDevice(): Promise<KnownDevice> {
  const device = await findCudaDevice();
  if ("reason" in device) throw new DeviceError(device.reason);
  return device;
}

/**
 * What this process loads, by variant: the one for the device here is compiled, and for nothing else.
 * @throws DeviceError if there is no device.
 */
export async function cudaImages(
  { program, sources }: CudaCode,
  model: string,
): Promise<readonly CudaImage[]> {
  const device = await requireCudaDevice();
  const images = sources.map((text): CudaImage => ({ kind: "source", text }));
  const compiler = await findCudaCompiler();
  if (compiler === undefined) return images;
  const chosen = chooseVariant(program, device, model);
  const { path } = await compileCuda(
    compiler,
    sources[chosen]!,
    program.variants[chosen]!.architecture,
    { isOnly: sources.length === 1, capability: device.capability },
  );
  return images.with(chosen, { kind: "file", path });
}
