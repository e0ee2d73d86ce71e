/**
 * NVIDIA's compiler `nvcc`: finds it, and compiles CUDA C++ ahead of time into a fat binary, machine code for each
 * generation of devices and PTX for what comes. No device is needed for that.
 */

import type { CudaArchitecture } from "../../../runtime/devices/cuda/cuda-program.ts";
import {
  askCompiler,
  type CacheOptions,
  type CompiledFile,
  compileCached,
  findProgram,
  MissingCompilerError,
} from "../build-cache.ts";

/** How kernels are compiled, by nvcc and by NVRTC alike: every rounding stays where the kernel IR has it. */
const flags = ["-std=c++17", "-O3", "--fmad=false"] as const;

const what = "CUDA compiler";

/** One that runs here. */
export interface CudaCompiler {
  readonly path: string;
  readonly version: string;
  /** What it compiles for: `compute_80`, … */
  readonly architectures: ReadonlySet<string>;
}

/**
 * `$NNC_NVCC`, or `nvcc` on the path or where CUDA usually lies; undefined if there is none, or NNC_NVCC is `none`.
 * @throws MissingCompilerError if the one of NNC_NVCC is not there, or the one found does not run.
 */
export async function findCudaCompiler(
  environment: NodeJS.ProcessEnv = process.env,
): Promise<CudaCompiler | undefined> {
  const wanted = environment.NNC_NVCC;
  if (wanted === "none") return undefined;
  const isWanted = wanted !== undefined && wanted !== "";
  const folders = [environment.CUDA_HOME, environment.CUDA_PATH, "/usr/local/cuda"];
  const names = isWanted
    ? [wanted]
    : ["nvcc", ...folders.flatMap((folder) => (folder ? [`${folder}/bin/nvcc`] : []))];
  for (const name of names) {
    const path = await findProgram(name, environment.PATH ?? "");
    if (path === undefined) continue;
    const [version, architectures] = await Promise.all([
      askCompiler(what, path, "--version"),
      askCompiler(what, path, "--list-gpu-arch"),
    ]);
    return { path, version, architectures: new Set(architectures.split(/\s+/).filter(Boolean)) };
  }
  if (!isWanted) return undefined;
  throw new MissingCompilerError(`the CUDA compiler named in NNC_NVCC, ${wanted}, was not found`);
}

/**
 * What a variant is compiled for: all generations that its devices may be of, and PTX, which drivers compile for
 * devices that are newer than the compiler.
 */
export function targetsOf(
  architecture: CudaArchitecture,
  { isOnly, architectures }: { readonly isOnly: boolean } & Pick<CudaCompiler, "architectures">,
): readonly string[] {
  const hopper = "arch=compute_90a,code=sm_90a";
  if (architecture === "sm_90a") return [hopper];
  // Devices that have a variant of their own never load this one.
  const generations = ["80", ...(isOnly ? ["90a"] : []), "100"].filter((generation) =>
    architectures.has(`compute_${Number.parseInt(generation, 10)}`),
  );
  return [
    ...generations.map((generation) => `arch=compute_${generation},code=sm_${generation}`),
    "arch=compute_80,code=compute_80",
  ];
}

/** What nvcc says where it finds no compiler for the part of a program that is not for devices. */
const hostCompilerMissing =
  /\b(?:gcc|g\+\+|cl|clang\+\+)\b.*(?:No such file|not found)|preprocess host compiler properties/i;

/** What a variant is compiled for where only one device is to run it; all that a trainer gets if the compiler is older. */
function targetsOfDevice(
  architecture: CudaArchitecture,
  capability: number,
  compiler: CudaCompiler,
): readonly string[] {
  if (architecture === "sm_90a" || !compiler.architectures.has(`compute_${capability}`)) {
    return targetsOf(architecture, { isOnly: true, architectures: compiler.architectures });
  }
  return [`arch=compute_${capability},code=sm_${capability}`];
}

export interface CudaCompileOptions extends CacheOptions {
  /** Whether there is no other variant. */
  readonly isOnly: boolean;
  /** Of the only device that is to run it, such as 89 for 8.9: that takes a fraction of the time. */
  readonly capability?: number | undefined;
}

/**
 * Compiles a variant's source into a fat binary.
 * @throws MissingCompilerError if the compiler is too old for the variant.
 * @throws InvariantError if it refuses the source, which is kept.
 */
export async function compileCuda(
  compiler: CudaCompiler,
  source: string,
  architecture: CudaArchitecture,
  options: CudaCompileOptions,
): Promise<CompiledFile> {
  const needed = `compute_${Number.parseInt(architecture.slice("sm_".length), 10)}`;
  if (!compiler.architectures.has(needed)) {
    throw new MissingCompilerError(
      `the ${what} ${compiler.path} does not compile for ${architecture}: ` +
        "install CUDA 12.0 or newer, or name another nvcc in NNC_NVCC",
    );
  }
  const { isOnly, capability } = options;
  const targets =
    capability === undefined
      ? targetsOf(architecture, { isOnly, architectures: compiler.architectures })
      : targetsOfDevice(architecture, capability, compiler);
  return compileCached(
    {
      what,
      compiler: compiler.path,
      sources: [source],
      extensions: { source: ".cu", output: ".fatbin" },
      args: (from, to) => [
        ...flags,
        "-fatbin",
        "--threads=0",
        ...targets.map((target) => `-gencode=${target}`),
        "-o",
        to,
        ...from,
      ],
      depends: [compiler.version],
      explain: (output) =>
        hostCompilerMissing.test(output)
          ? `the ${what} ${compiler.path} needs a C++ compiler beside it: install one (Debian: apt-get install g++), ` +
            "or set NNC_NVCC to none, and kernels are compiled where they run"
          : undefined,
    },
    options,
  );
}
