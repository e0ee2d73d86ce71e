/**
 * The compiler: from the text of a model to kernels, a plan and the functions of its trainer. It is pure: files
 * come from a host, the target is described by data, and writing, running `cc` and reading clocks is for others.
 */

import type { BegunProgram, CompiledProgram } from "./compiled-program.ts";
import { type Diagnostic, DiagnosticSink } from "./diagnostics/diagnostic.ts";
import { beginPasses, type PassesOptions, type PassesResult } from "./passes.ts";
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
import type { KernelCode } from "./targets/kernel-code.ts";
import { reportLoops } from "./targets/report-loops.ts";
import { printWgsl } from "./targets/wgsl/print-module.ts";
import { printTrainerFunctions } from "./trainer-functions.ts";
import { planTrainer } from "./trainer-plan.ts";

export interface CompileOptions
  extends Omit<PassesOptions, "write" | "target" | "alternative" | "takeKernel"> {
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

/** As `CompileOutcome`, with all errors and warnings that there will be. */
export interface BegunOutcome extends Omit<CompileOutcome, "program"> {
  readonly program: BegunProgram | null;
}

/** Compiles the model in the file `entry`, which the host reads. */
export function compile(...of: Parameters<typeof beginToCompile>): CompileOutcome {
  const { program, ...outcome } = beginToCompile(...of);
  return { ...outcome, program: program?.finish() ?? null };
}

/** Compiles what training begins with, and the rest when that is asked for. */
export function beginToCompile(
  entry: string,
  host: SourceHost,
  { overrides = {}, parts, ...options }: CompileOptions,
): BegunOutcome {
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
  const { training, others, soFar, finish } = beginPasses(lowered, (span) => sources.locate(span), {
    ...options,
    target,
    alternative: alternativeOf(target),
    takeKernel: library && ((kernel) => library.addKernel(kernel)),
    write: (text) => printed.push(text),
  });
  const describe = (passes: PassesResult): Pick<CompiledProgram, "plan" | "functions"> => {
    const plan = planTrainer(lowered, passes, {
      target: target.name,
      requiredFeatures: target.name === "cpu" ? target.features : [],
    });
    return {
      plan: clocks === undefined ? plan : planClocks(plan, passes.scheduled.module),
      functions: printTrainerFunctions(lowered, passes),
    };
  };
  const whole = (passes: PassesResult): CompiledProgram => {
    const { scheduled } = passes;
    const { batchMax } = lowered;
    const code = printKernels(passes, target, { library, source: entry, batchMax, clocks });
    return {
      ...describe(passes),
      code,
      get kernels() {
        return reportLoops(scheduled.kernels, scheduled.module, code);
      },
      timings: passes.timings,
      printed,
    };
  };
  const c = training && library?.print(training);
  const program: BegunProgram = {
    training: c ? () => ({ ...describe(soFar()), c, others }) : null,
    finish: () => whole(finish()),
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
      return { target: "cpu", c: whole.print(module) };
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
