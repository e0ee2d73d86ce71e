/**
 * The kernels of a variant as the driver takes them: compiled when the trainer was built, or else compiled by NVRTC when
 * they are first needed, and kept.
 */

import { readFile } from "node:fs/promises";
import { messageOf } from "../../data/data-error.ts";
import { DeviceError } from "../device.ts";
import type { CudaArchitecture, CudaProgram } from "./cuda-program.ts";
import { nvrtcChoice } from "./environment.ts";
import { imageCache } from "./image-cache.ts";
import type { CudaDeviceInfo, NativeCuda } from "./native-cuda.ts";

export type CudaImage =
  /** A fat binary, machine code or PTX. */
  | { readonly kind: "binary"; readonly bytes: Uint8Array }
  /** CUDA C++. */
  | { readonly kind: "source"; readonly text: string }
  /** A file beside the trainer: `.cu` is a source, all else is binary. */
  | { readonly kind: "file"; readonly path: string };

/** `kernels.fatbin`, `kernels-sm_90a.cu`: the file of a variant beside its trainer. */
export function imageName(architecture: CudaArchitecture, extension: "fatbin" | "cu"): string {
  return `kernels${architecture === "sm_80" ? "" : `-${architecture}`}.${extension}`;
}

/** What images are compiled by and for, where they are sources. */
interface ImageUse {
  readonly addon: NativeCuda;
  readonly device: CudaDeviceInfo;
  readonly environment: NodeJS.ProcessEnv;
}

/** @throws DeviceError if the image cannot be read, or there is no NVRTC to compile it. */
export async function loadImage(
  image: CudaImage,
  architecture: CudaArchitecture,
  use: ImageUse,
): Promise<Uint8Array> {
  switch (image.kind) {
    case "binary":
      return image.bytes;
    case "source":
      return compile(image.text, architecture, use);
    case "file": {
      const bytes = await readImage(image.path);
      if (!image.path.endsWith(".cu")) return bytes;
      return compile(new TextDecoder().decode(bytes), architecture, use);
    }
  }
}

async function readImage(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new DeviceError(
      `the kernels ${path} cannot be read (${messageOf(error)}): rebuild with \`nnc build\``,
      { cause: error },
    );
  }
}

async function compile(
  source: string,
  variant: CudaArchitecture,
  { addon, device, environment }: ImageUse,
): Promise<Uint8Array> {
  const { capability, driverVersion } = device;
  const choice = nvrtcChoice(environment, device);
  try {
    const isSpecific = variant === "sm_90a";
    const { version, architecture } = await addon.findNvrtc(choice, capability, isSpecific);
    const cache = imageCache(environment, [
      "nvrtc",
      version,
      `driver ${driverVersion}`,
      architecture,
      source,
    ]);
    const kept = await cache.read();
    if (kept !== undefined) return kept;
    const compiled = await addon.compileCuda(choice, source, architecture);
    await cache.write(compiled);
    return compiled;
  } catch (error) {
    throw new DeviceError(messageOf(error), { cause: error });
  }
}

/** The images of a trainer's program, beside it: compiled ones where nvcc was at hand when it was built. */
export function imagesBeside(
  { variants }: CudaProgram,
  pathOf: (name: string) => string,
  has: (path: string) => boolean,
): readonly CudaImage[] {
  return variants.map(({ architecture }) => {
    const compiled = pathOf(imageName(architecture, "fatbin"));
    const path = has(compiled) ? compiled : pathOf(imageName(architecture, "cu"));
    return { kind: "file", path };
  });
}
