/** A job's model compiled, as files: what nnc's worker opens, and what its peers start from. */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cudaImages } from "../../compiler/cli/cuda-kernels.ts";
import { describeTarget } from "../../compiler/cli/machine.ts";
import { compileKernels } from "../../compiler/cli/model-environment.ts";
import { findPackageFiles } from "../../compiler/cli/package-files.ts";
import { diskSources } from "../../compiler/cli/source-files.ts";
import type { CompiledProgram } from "../../compiler/compiled-program.ts";
import { type CompileOutcome, compile } from "../../compiler/index.ts";
import { describeCuda } from "../../compiler/targets/cuda/description.ts";
import { instantiateProgram } from "../../compiler/trainer/instantiate.ts";
import type { Column } from "../../runtime/data/column.ts";
import { elementCount } from "../../runtime/data/column.ts";
import type { CudaProgram } from "../../runtime/devices/cuda/cuda-program.ts";
import type { CudaImage } from "../../runtime/devices/cuda/kernel-image.ts";
import type { ColumnPlan, TrainerDefinition, TrainerPlan } from "../../runtime/plan.ts";
import { generator, writeArray } from "../inputs.ts";
import { type Job, type StepJob, withConstants } from "./job.ts";

export type BenchTarget = "cuda" | "cpu";

const variants = ["fused", "unfused"] as const;
export type Variant = (typeof variants)[number];

/** The file `<variant>.json` in a job's folder. */
export interface PreparedProgram extends Pick<CompiledProgram, "plan" | "functions" | "kernels"> {
  readonly code: PreparedCode;
}

export type PreparedCode =
  | { readonly target: "cpu"; readonly library: string }
  | {
      readonly target: "cuda";
      readonly program: CudaProgram;
      readonly images: readonly CudaImage[];
    };

/** Compiles for one variant, and writes what peers start from beside it. */
export async function prepareJob(
  job: Job,
  variant: Variant,
  target: BenchTarget,
  folder: string,
): Promise<void> {
  const { program, diagnostics } = compileModel(job, variant, target);
  if (program === null) throw new Error(`${job.model} does not compile: ${diagnostics[0]?.title}`);
  const { plan, functions, kernels } = program;
  const code = await prepareCode(program);
  mkdirSync(folder, { recursive: true });
  const prepared: PreparedProgram = { plan, functions, kernels, code };
  writeFileSync(join(folder, `${variant}.json`), JSON.stringify(prepared));
  if (job.kind === "step" && variant === "fused") {
    writeInputs(folder, plan, instantiateProgram(program), job);
  }
}

async function prepareCode(program: CompiledProgram): Promise<PreparedCode> {
  const { code } = program;
  if (code.target === "cuda") {
    return {
      target: "cuda",
      program: code.program,
      images: await cudaImages(code, program.plan.model),
    };
  }
  const { path: library } = await compileKernels(program, undefined);
  return { target: "cpu", library };
}

export function readPrepared(folder: string, variant: Variant): PreparedProgram {
  return JSON.parse(readFileSync(join(folder, `${variant}.json`), "utf8")) as PreparedProgram;
}

function compileModel(job: Job, variant: Variant, target: BenchTarget): CompileOutcome {
  const { root, std } = findPackageFiles();
  const entry = join(root, "bench", "models", job.model);
  const disk = diskSources(std);
  const host = {
    ...disk,
    readFile: (path: string) => {
      const text = disk.readFile(path);
      return path === entry && text !== undefined ? withConstants(text, job.constants) : text;
    },
  };
  const { precision } = job;
  return compile(entry, host, {
    target: target === "cuda" ? describeCuda({ precision }) : describeTarget(undefined),
    fusion: variant === "fused",
    overrides: { precision },
    now: () => performance.now(),
  });
}

/** What peers in Python read, see `Inputs` in bench/peers/cuda/server.py. */
function writeInputs(
  folder: string,
  plan: TrainerPlan,
  definition: TrainerDefinition,
  job: StepJob,
): void {
  const write = (file: string, shape: readonly number[], data: Float32Array | Int32Array) => {
    writeArray(join(folder, file), data);
    return { file, shape };
  };
  const [x, y] = plan.columns.map((column) => sampleColumn(column, job.batch));
  const initial = definition.initialize(plan.training?.seed ?? 0);
  const params = plan.tensors.filter(({ role }) => role === "param");
  const weights = params.map(({ name, shape }, i) => {
    const path = name.slice(plan.model.length + 1);
    return [path, write(`weights${i}.f32`, shape, initial[name]!)] as const;
  });
  const manifest = {
    x: write("x.f32", [job.batch, ...x!.shape], x!.data as Float32Array),
    y: write("y.i32", [job.batch, ...y!.shape], y!.data as Int32Array),
    weights: Object.fromEntries(weights),
  };
  writeFileSync(join(folder, "inputs.json"), JSON.stringify(manifest));
}

/** Rows of a column, the same in every process: numbers in [−1, 1), or, of integers, one of ten classes. */
export function sampleColumn({ name, dtype, shape }: ColumnPlan, rows: number): Column {
  const next = generator(rows + name.length);
  const length = rows * elementCount(shape);
  const data =
    dtype === "f32"
      ? Float32Array.from({ length }, next)
      : Int32Array.from({ length }, () => Math.floor(5 * (next() + 1)));
  return { name, dtype, shape, rows, data };
}
