/** A job's model compiled, as files: what nnc's worker opens, and what all peers start from. */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { compileKernels } from "../../compiler/cli/model-environment.ts";
import type { CompiledProgram } from "../../compiler/compiled-program.ts";
import { instantiateProgram } from "../../compiler/trainer/instantiate.ts";
import { elementCount } from "../../runtime/data/column.ts";
import type { ColumnPlan, TrainerPlan } from "../../runtime/plan.ts";
import { compileBenchModel } from "../compile-model.ts";
import { generator, writeArray } from "../inputs.ts";
import type { CpuJob } from "./job.ts";
import { writeOnnx } from "./onnx-model.ts";
import type { CpuWorkload } from "./workloads.ts";

const variants = ["fused", "unfused"] as const;
export type Variant = (typeof variants)[number];

/** The file `<variant>.json` in a job's folder. */
export interface PreparedProgram extends Pick<CompiledProgram, "plan" | "functions"> {
  /** Path of the kernels. */
  readonly library: string;
}

/** An array in a file of its own, raw; `.f32` or `.i32`. */
export interface StoredArray {
  readonly file: string;
  readonly shape: readonly number[];
}

/** The file `inputs.json`. */
export interface StoredInputs {
  readonly x: StoredArray;
  readonly y: StoredArray;
  /** By their paths, without the model's name. */
  readonly weights: Readonly<Record<string, StoredArray>>;
}

/** Compiles for the variants, and writes the batch and the initial weights beside the programs. */
export async function prepareJob(
  job: CpuJob,
  workload: CpuWorkload,
  wanted: readonly Variant[],
  folder: string,
): Promise<void> {
  mkdirSync(folder, { recursive: true });
  for (const variant of wanted) {
    const program = compileBenchModel(job.model, {
      fusion: variant === "fused",
      overrides: { batchSize: job.batch },
    });
    const { plan, functions } = program;
    const { path: library } = await compileKernels(program, undefined);
    const prepared: PreparedProgram = { plan, functions, library };
    writeFileSync(join(folder, `${variant}.json`), JSON.stringify(prepared));
    // The same whatever is fused.
    if (variant === wanted[0]) writeInputs(folder, program, workload, job.batch);
  }
  if (job.kind === "inference" && workload.layered !== null) {
    writeOnnx(folder, { ...workload.layered, batch: job.batch });
  }
}

export function readPrepared(folder: string, variant: Variant): PreparedProgram {
  return JSON.parse(readFileSync(join(folder, `${variant}.json`), "utf8")) as PreparedProgram;
}

export function readInputs(folder: string): StoredInputs {
  return JSON.parse(readFileSync(join(folder, "inputs.json"), "utf8")) as StoredInputs;
}

export function readArray(
  folder: string,
  { file }: StoredArray,
): Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = readFileSync(join(folder, file));
  // Node reads small files into a pool that others share.
  const bytes = (buffer as ArrayBuffer).slice(byteOffset, byteOffset + byteLength);
  return file.endsWith(".f32") ? new Float32Array(bytes) : new Int32Array(bytes);
}

function writeInputs(
  folder: string,
  program: CompiledProgram,
  { below }: CpuWorkload,
  batch: number,
): void {
  const { plan } = program;
  const write = (name: string, shape: readonly number[], data: Float32Array | Int32Array) => {
    const file = `${name}.${data instanceof Float32Array ? "f32" : "i32"}`;
    writeArray(join(folder, file), data);
    return { file, shape };
  };
  const initial = instantiateProgram(program).initialize(plan.training?.seed ?? 0);
  const weights = paramsOf(plan).map(({ path, name, shape }, i) => {
    return [path, write(`weights${i}`, shape, initial[name]!)] as const;
  });
  const [x, y] = plan.columns.map((column) =>
    write(
      column.name,
      [batch, ...column.shape],
      drawColumn(column, batch, below[column.name as "x" | "y"] ?? 2),
    ),
  );
  const inputs: StoredInputs = { x: x!, y: y!, weights: Object.fromEntries(weights) };
  writeFileSync(join(folder, "inputs.json"), JSON.stringify(inputs));
}

function paramsOf({ tensors, model }: TrainerPlan) {
  return tensors
    .filter(({ role }) => role === "param")
    .map(({ name, shape }) => ({ name, shape, path: name.slice(model.length + 1) }));
}

/** Numbers in [−1, 1), or whole ones from 0 to below `end`; the same ones every time. */
export function drawColumn(
  { name, dtype, shape }: ColumnPlan,
  rows: number,
  end: number,
): Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> {
  const next = generator(rows + name.charCodeAt(0));
  const length = rows * elementCount(shape);
  return dtype === "f32"
    ? Float32Array.from({ length }, next)
    : Int32Array.from({ length }, () => Math.floor((end / 2) * (next() + 1)));
}
