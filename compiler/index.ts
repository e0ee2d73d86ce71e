/**
 * The compiler: from the text of a model to kernels, a plan and the functions of its trainer. It is pure: files
 * come from a host, the target is described by data, and writing, running `cc` and reading clocks is for others.
 */

import type { CompiledProgram, KernelCode } from "./compiled-program.ts";
import { type Diagnostic, DiagnosticSink } from "./diagnostics/diagnostic.ts";
import { type PassesOptions, type PassesResult, runPasses } from "./passes.ts";
import { type LowerOptions, lower } from "./semantics/lower.ts";
import type { SourceHost } from "./semantics/modules.ts";
import type { Precision } from "./semantics/precision.ts";
import type { LoweredProgram } from "./semantics/program.ts";
import { RecordedSources } from "./sources.ts";
import { alternativeOf, type Target } from "./targets/alternative.ts";
import { type Clock, clocksOffset, planClocks } from "./targets/cpu/clocks.ts";
import { KernelPrinter } from "./targets/cpu/print-kernel.ts";
import { LibraryPrinter, type PartTaker } from "./targets/cpu/print-module.ts";
import { printCuda } from "./targets/cuda/print-module.ts";
import { reportLoops } from "./targets/report-loops.ts";
import { printWgsl } from "./targets/wgsl/print-module.ts";
import { printTrainerFunctions } from "./trainer-functions.ts";
import { planTrainer } from "./trainer-plan.ts";

export interface CompileOptions
  extends Omit<PassesOptions, "write" | "target" | "alternative" | "takeKernel" | "takeTraining"> {
  /** Where kernels run; a function where that depends on the precision that the program allows. */
  readonly target: Target | ((precision: Precision) => Target);
  /** What replaces entries of the train block. */
  readonly overrides?: LowerOptions;
  /** By which clock kernels of the CPU are to say how long they take, see targets/cpu/clocks.ts; by default they do not. */
  readonly clocks?: Clock | undefined;
  /** Who compiles parts of the CPU's kernels while this compiles the rest; by default nobody. */
  readonly parts?: PartTaker | undefined;
}

export interface CompileOutcome {
  /** null if there were errors. */
  readonly program: CompiledProgram | null;
  /** The graphs as lowered: what the self-test's figures are computed from. */
  readonly lowered: LoweredProgram | null;
  /** Errors and warnings, in order of place. */
  readonly diagnostics: readonly Diagnostic[];
  /** The text of every file that was read, by name. */
  readonly sources: ReadonlyMap<string, string>;
}

/** Compiles the model in the file `entry`, which the host reads. */
export function compile(
  entry: string,
  host: SourceHost,
  { overrides = {}, parts, ...options }: CompileOptions,
): CompileOutcome {
  const sink = new DiagnosticSink();
  const sources = new RecordedSources(host);
  const lowered = lower(entry, sources, overrides, sink);
  const diagnostics = sink.sorted();
  if (lowered === undefined) {
    return { program: null, lowered: null, diagnostics, sources: sources.texts };
  }

  const printed: string[] = [];
  const target =
    typeof options.target === "function" ? options.target(lowered.precision) : options.target;
  const { clocks } = options;
  // Where clocks write is not known before all is scheduled.
  const library =
    target.name === "cpu" && clocks === undefined
      ? new LibraryPrinter(new KernelPrinter(target.features), { source: entry }, parts)
      : undefined;
  const passes = runPasses(lowered, (span) => sources.locate(span), {
    ...options,
    target,
    alternative: alternativeOf(target),
    takeKernel: library && ((kernel) => library.addKernel(kernel)),
    takeTraining: library && ((functions) => library.addStage(functions)),
    write: (text) => printed.push(text),
  });
  const plan = planTrainer(lowered, passes, {
    target: target.name,
    requiredFeatures: target.name === "cpu" ? target.features : [],
  });
  const { scheduled } = passes;
  const { module } = scheduled;
  const code = printKernels(passes, target, {
    library,
    source: entry,
    batchMax: lowered.batchMax,
    clocks,
  });
  const program: CompiledProgram = {
    plan: clocks === undefined ? plan : planClocks(plan, module),
    code,
    functions: printTrainerFunctions(lowered, passes),
    get kernels() {
      return reportLoops(scheduled.kernels, module, code);
    },
    timings: passes.timings,
    printed,
  };
  return { program, lowered, diagnostics, sources: sources.texts };
}

interface PrintedProgram {
  /** Of the CPU, begun as its kernels were made. */
  readonly library: LibraryPrinter | undefined;
  readonly source: string;
  readonly batchMax: number;
  readonly clocks: Clock | undefined;
}

function printKernels(
  { scheduled, alternative }: PassesResult,
  target: Target,
  { library, source, batchMax, clocks }: PrintedProgram,
): KernelCode {
  const { module, arenas } = scheduled;
  switch (target.name) {
    case "cpu": {
      const timing = clocks && { clock: clocks, offset: clocksOffset(arenas.results) };
      const whole =
        library ??
        new LibraryPrinter(new KernelPrinter(target.features), { source, clocks: timing });
      return { target: "cpu", c: whole.finish(module) };
    }
    case "wgsl": {
      const program = printWgsl(module, alternative?.module ?? null, { batchMax, arenas });
      return { target: "wgsl", program };
    }
    case "cuda": {
      const modules = [
        { architecture: target.architecture, module },
        ...(alternative === null
          ? []
          : [{ architecture: "sm_90a" as const, module: alternative.module }]),
      ];
      return { target: "cuda", ...printCuda(modules, { source, batchMax }) };
    }
  }
}
