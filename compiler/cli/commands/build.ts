/** `nnc build`: writes a folder with a trainer that runs without nnc. */

import { readFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { gzipSync } from "node:zlib";
import { findNativeAddon } from "../../../runtime/devices/cpu/native-addon.ts";
import { imageName } from "../../../runtime/devices/cuda/kernel-image.ts";
import type { WgslProgram } from "../../../runtime/devices/webgpu/wgsl-program.ts";
import { formatBytes } from "../../../runtime/training/report/quantities.ts";
import type { CompiledProgram } from "../../compiled-program.ts";
import { wholeText } from "../../targets/cpu/c-source.ts";
import { findCCompiler } from "../../targets/cpu/toolchain.ts";
import { type CompileRequest, compileModel } from "../compile-model.ts";
import { type CudaCode, compileCudaKernels } from "../cuda-kernels.ts";
import { CommandError } from "../failure.ts";
import {
  beginKernels,
  compileKernels,
  modelName,
  type Preparations,
} from "../model-environment.ts";
import type { CompileFlags } from "../options.ts";
import { findPackageFiles, type PackageFiles } from "../package-files.ts";
import { describePage, pageFolder } from "../page-folder.ts";
import type { Streams } from "../streams.ts";
import { resolveTarget } from "../target.ts";
import { type TrainerFolder, writeTrainerFolder } from "../trainer-folder.ts";
import { tunedPlans } from "../tuning/plan-store.ts";
import { withSelfTest } from "../with-self-test.ts";

interface BuildFlags extends CompileFlags {
  readonly output?: string;
  readonly print?: readonly string[];
  readonly verify?: boolean;
  readonly timePasses?: boolean;
  readonly page?: boolean;
}

export async function build(entry: string, options: BuildFlags, streams: Streams): Promise<number> {
  const target = await resolveTarget(options.target, streams.errors);
  if (options.page && target !== "wgsl") {
    throw new CommandError("a page trains with WebGPU", "add --target wgsl");
  }
  const plans = await tunedPlans(options, target);
  const files = findPackageFiles();
  const request = { entry, ...options, target, plans };
  const { program, copies } = await programWithFiles(request, files, streams);
  const name = modelName(entry);
  const shown = options.output ?? join("out", name);
  const folder = resolve(shown);
  // ts-morph takes long to load, and only building needs it.
  const { writeTrainerFiles } = await import("../../trainer/trainer-files.ts");
  const dataFolder = resolve(dirname(entry));
  const texts = writeTrainerFiles(program, {
    name,
    sourceFile: basename(entry),
    dataFolder: options.page ? "." : dataFolderFor(program, folder, dataFolder),
    compilerVersion: files.version,
  });
  const page = options.page ? pageFolder(program.plan, name, dataFolder, files) : undefined;
  await writeTrainerFolder(folder, {
    texts: { ...texts, ...kernelSources(program.code), ...page?.texts },
    copies: { ...copies, ...page?.copies },
  });
  const memory = Object.values(program.plan.arenas).reduce((total, bytes) => total + bytes, 0);
  const size =
    program.code.target === "wgsl"
      ? `, ${await browserSize({ texts, copies })} for the browser`
      : "";
  streams.out.write(
    `${shown}: trainer of ${program.plan.model} for ${program.plan.target}, ${program.kernels.length} kernels, ` +
      `${formatBytes(memory)} of memory${size}; run it with \`node ${asArgument(join(shown, "trainer.js"))}\`\n`,
  );
  if (program.code.target === "wgsl") streams.errors.write(describeLimits(program.code.program));
  if (page !== undefined) streams.out.write(describePage(page, shown));
  return 0;
}

/** A path as a shell takes it for one argument. */
function asArgument(path: string): string {
  return /^[\w./@%+:,=-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

/** The program with its self-test, whose figures are computed while the C compiler runs, and what lies beside the trainer. */
async function programWithFiles(
  request: CompileRequest,
  files: PackageFiles,
  streams: Streams,
): Promise<{ program: CompiledProgram; copies: TrainerFolder["copies"] }> {
  const { target, march } = request;
  // Without a C compiler that runs, that is told when kernels are to be compiled.
  const compiler = target === "cpu" ? await findCCompiler().catch(() => undefined) : undefined;
  const early = compiler && (await beginKernels(march, compiler).catch(() => undefined));
  try {
    const { program, lowered } = compileModel({ ...request, parts: early?.parts }, streams);
    let tested: CompiledProgram | undefined;
    const copies = await filesBeside(program, march, files, streams, {
      ...(compiler === undefined ? {} : { compiler }),
      begun: early?.begun,
      whileCompiling: () => {
        tested = withSelfTest(program, lowered);
      },
    });
    return { program: tested ?? withSelfTest(program, lowered), copies };
  } finally {
    await early?.begun.remove();
  }
}

/** What the model asks of devices beyond what all of them have; empty if nothing. */
function describeLimits({ limits }: WgslProgram): string {
  const { maxStorageBufferBindingSize: binding, maxBufferSize: buffer } = limits;
  const needs = [
    ...(binding === undefined ? [] : [`storage bindings of ${formatBytes(binding)}`]),
    ...(buffer === undefined ? [] : [`buffers of ${formatBytes(buffer)}`]),
  ];
  if (needs.length === 0) return "";
  return `warning: it needs ${needs.join(" and ")}, which not every device of WebGPU has\n`;
}

/** Trainers for browsers go together with their data, and have no business with how folders are called here. */
function dataFolderFor({ code }: CompiledProgram, folder: string, dataFolder: string): string {
  return code.target === "wgsl" ? relative(folder, dataFolder).replaceAll(sep, "/") : dataFolder;
}

/** What lies beside the trainer's own files, by name. */
async function filesBeside(
  program: CompiledProgram,
  march: string | undefined,
  { root, runtime, runtimeTypes }: PackageFiles,
  streams: Streams,
  preparations: Preparations,
): Promise<TrainerFolder["copies"]> {
  if (program.code.target === "wgsl") {
    const built = (name: string) => join(root, "dist", name);
    return {
      "runtime.js": built("runtime-web.js"),
      "runtime.d.ts": built("runtime-web.d.ts"),
      "data.js": built("runtime-data.js"),
      "data.d.ts": built("runtime-data.d.ts"),
      "node.js": built("runtime-node.js"),
    };
  }
  const kernels =
    program.code.target === "cuda"
      ? await cudaFiles(program.code, streams)
      : { "kernels.so": (await compileKernels(program, march, preparations)).path };
  const addon = findNativeAddon();
  if (addon === undefined) {
    streams.errors.write(
      "warning: the native addon was not built here: put nnc.node beside trainer.js\n",
    );
  }
  return {
    ...kernels,
    "runtime.js": runtime,
    "runtime.d.ts": runtimeTypes,
    ...(addon === undefined ? {} : { "nnc.node": addon }),
  };
}

/** Machine code beside the sources, where nvcc is at hand. */
async function cudaFiles(code: CudaCode, streams: Streams): Promise<TrainerFolder["copies"]> {
  const { compiler, binaries } = await compileCudaKernels(code);
  if (compiler === null) {
    streams.errors.write(
      "note: nvcc was not found here, so the trainer compiles its kernels when it first runs, which takes NVRTC: " +
        "install CUDA's nvcc, or name it in NNC_NVCC, to build them now\n",
    );
  }
  return Object.fromEntries(
    binaries.map((path, i) => [imageName(code.program.variants[i]!.architecture, "fatbin"), path]),
  );
}

/** The sources of kernels: for people, and for CUDA by the names that trainers look for. */
function kernelSources(code: CompiledProgram["code"]): TrainerFolder["texts"] {
  if (code.target === "cpu") return { "kernels.c": wholeText(code.c) };
  if (code.target === "wgsl") return {};
  const { variants } = code.program;
  return Object.fromEntries(
    variants.map(({ architecture }, i) => [imageName(architecture, "cu"), code.sources[i]!]),
  );
}

/** `32.1 KB gzipped`: what a page that trains loads, without its own files and the data. */
async function browserSize({ texts, copies }: TrainerFolder): Promise<string> {
  const modules = [texts["trainer.js"]!, await readFile(copies["runtime.js"]!)];
  const bytes = modules.reduce((total, module) => total + gzipSync(module).length, 0);
  return `${(bytes / 1000).toFixed(1)} KB gzipped`;
}
