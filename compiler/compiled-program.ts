/**
 * What `compile` hands to the command line: everything a trainer consists of, as text and plain data. Writing
 * files, calling the C compiler and running the result belong to `cli/` and `trainer/`.
 */

import type { CudaProgram } from "../runtime/devices/cuda/cuda-program.ts";
import type { WgslProgram } from "../runtime/devices/webgpu/wgsl-program.ts";
import type { TrainerPlan } from "../runtime/plan.ts";
import type { PlanChoice } from "./optimize/target-description.ts";
import type { PassTiming } from "./pipeline.ts";
import type { CSource } from "./targets/cpu/c-source.ts";

export type { PassTiming };

/**
 * The functions of a `TrainerDefinition` as JavaScript source. They are evaluated in process by `nnc train` and
 * printed into `trainer.ts` by `nnc build`, which types untyped parameters of the prelude as `number`.
 */
export interface TrainerFunctions {
  /** Function declarations that the three bodies call (random numbers, erfinv); may be empty. Pure, no imports. */
  readonly prelude: string;
  /** Statements of `initialize(seed)`, ending in `return { "path": Float32Array, … };`. */
  readonly initialize: string;
  /** Statements of `stepScalars(graph, hypers, counters)`, returning float64 numbers. */
  readonly stepScalars: string;
  /** Statements of `readMetrics(read)`, returning numbers by metric name, `loss` first. */
  readonly readMetrics: string;
}

/** One kernel as `nnc explain` shows it. */
export interface KernelReport {
  /** `train`, `evaluate`, `predict` or the name of a statistic. */
  readonly graph: string;
  /** The function in C, the module's kernel in WGSL. */
  readonly name: string;
  /** What the schedule made of it: `contraction`, `rows`, `update`, `map`, … */
  readonly kind: string;
  /** How its products are computed where not as they stand: `Winograd F(2×2, 3×3)`. */
  readonly algorithm: string | null;
  /** What it computes, in order, in the model's words: `dense_1: matmul, bias, relu`. */
  readonly computes: readonly string[];
  /** How many nodes of the graph it fuses. */
  readonly stages: number;
  /** Values that never are in memory for that, and bytes that are not moved. */
  readonly savedValues: number;
  readonly savedBytes: number;
  /** Neighbours that it is not fused with, by their names, and why. */
  readonly apart: readonly { readonly kernel: string; readonly why: string }[];
  /** Independent kernels that run in the same launch. */
  readonly launchedWith: readonly string[];
  /** How often a step runs it: more than once in a loop. */
  readonly times: number;
  /** Whether these are one launch, with all else that the loop does, and not one each. */
  readonly loopIsOneLaunch: boolean;
  /** Places in the source, `digits.nn:5:30`. */
  readonly origins: readonly string[];
  /** Of one launch with a full batch. */
  readonly flops: number;
  readonly bytes: number;
  readonly predictedSeconds: number;
  /** What those seconds are spent waiting for. */
  readonly boundBy: "memory" | "arithmetic";
  /** How the CPU cuts its contraction; null where there is none. */
  readonly plan: PlanReport | null;
}

export interface PlanReport {
  /** What measured plans are kept by: contractions of one shape have one plan. */
  readonly shape: string;
  readonly choice: PlanChoice;
  /** Whether it was measured to be the fastest, not predicted. */
  readonly isTuned: boolean;
}

/** The kernels as the target takes them. */
export type KernelCode =
  /** Source of the kernel library, see runtime/native/nnc_step.h. */
  | { readonly target: "cpu"; readonly c: CSource }
  | { readonly target: "wgsl"; readonly program: WgslProgram }
  /** `sources` are CUDA C++, one for each variant of the program. */
  | { readonly target: "cuda"; readonly program: CudaProgram; readonly sources: readonly string[] };

export interface CompiledProgram {
  readonly plan: TrainerPlan;
  readonly code: KernelCode;
  readonly functions: TrainerFunctions;
  /** Made when they are asked for. */
  readonly kernels: readonly KernelReport[];
  /** In order of the pipeline. */
  readonly timings: readonly PassTiming[];
  /** Textual forms that `--print after-<stage>` asked for, in order. */
  readonly printed: readonly string[];
}

/** What training begins with on the CPU: a program whose graphs are updates and what is computed before the first. */
export interface TrainingProgram extends Pick<CompiledProgram, "plan" | "functions"> {
  readonly c: CSource;
  /** Names of the graphs that are compiled later. */
  readonly others: readonly string[];
}

/** A program of which the graphs that train are compiled, and others not yet. */
export interface BegunProgram {
  /** null where nothing is trained, and where kernels are printed only when there are all of them. */
  readonly training: (() => TrainingProgram) | null;
  /** Compiles the rest; to be called once. */
  readonly finish: () => CompiledProgram;
}
