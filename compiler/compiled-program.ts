/**
 * What `compile` hands to the command line: everything a trainer consists of, as text and plain data. Writing
 * files, calling the C compiler and running the result belong to `cli/` and `trainer/`.
 */

import type { TrainerPlan } from "../runtime/plan.ts";
import type { PassTiming } from "./pipeline.ts";
import type { KernelReport } from "./schedule/report-kernel.ts";
import type { CSource } from "./targets/cpu/c-source.ts";
import type { KernelCode } from "./targets/kernel-code.ts";

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
