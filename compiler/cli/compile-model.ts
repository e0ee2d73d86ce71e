/** From a file on the disk to a compiled program: prints diagnostics, and fails after errors. */

import type { BegunProgram, CompiledProgram } from "../compiled-program.ts";
import { assertExhaustive } from "../diagnostics/diagnostic.ts";
import { renderDiagnostics } from "../diagnostics/render.ts";
import { beginToCompile, type CompileOptions } from "../index.ts";
import type { PlanSource } from "../optimize/target-description.ts";
import type { PassTiming } from "../pipeline.ts";
import type { Precision } from "../semantics/precision.ts";
import type { LoweredProgram } from "../semantics/program.ts";
import type { Clock } from "../targets/cpu/clocks.ts";
import type { PartTaker } from "../targets/cpu/print-module.ts";
import { describeCuda } from "../targets/cuda/description.ts";
import { describeWgsl } from "../targets/wgsl/description.ts";
import { CommandError, SilentFailure } from "./failure.ts";
import { describeTarget } from "./machine.ts";
import { findPackageFiles } from "./package-files.ts";
import { diskSources } from "./source-files.ts";
import type { Streams } from "./streams.ts";
import type { TargetName } from "./target.ts";

export interface CompileRequest {
  /** Path of the model, as given. */
  readonly entry: string;
  readonly batchSize?: number | undefined;
  readonly target: TargetName;
  readonly march?: string | undefined;
  readonly precision?: Precision | undefined;
  readonly fusion?: boolean | undefined;
  /** Whether the CPU may compute correlations with fewer products. */
  readonly winograd?: boolean | undefined;
  readonly verify?: boolean | undefined;
  /** `after-<pass>`, printed on the standard output. */
  readonly print?: readonly string[] | undefined;
  readonly timePasses?: boolean | undefined;
  /** By which clock kernels of the CPU are to say how long they take. */
  readonly clocks?: Clock | undefined;
  /** How many plans of each contraction of the CPU are compiled, to be measured. */
  readonly candidates?: number | undefined;
  /** Where contractions of the CPU have their plans from, if they are not predicted. */
  readonly plans?: PlanSource | undefined;
  /** Who compiles parts of the CPU's kernels in the meantime. */
  readonly parts?: PartTaker | undefined;
}

export interface CompiledModel {
  readonly program: CompiledProgram;
  readonly lowered: LoweredProgram;
  /** The files it was made of, the library's included. */
  readonly sources: ReadonlyMap<string, string>;
  /** Warnings as printed. */
  readonly warnings: string;
}

/** What training begins with is compiled, and the rest when that is asked for. */
export interface BegunModel extends Omit<CompiledModel, "program"> {
  readonly program: BegunProgram;
}

/** @throws SilentFailure after printing diagnostics with errors. */
export function compileModel(request: CompileRequest, streams: Streams): CompiledModel {
  const { program, ...model } = beginModel(request, streams);
  return { ...model, program: program.finish() };
}

/** @throws SilentFailure after printing diagnostics with errors: none come later. */
export function beginModel(request: CompileRequest, streams: Streams): BegunModel {
  const { entry, batchSize, precision, fusion = true, verify = false } = request;
  const { clocks, candidates, parts } = request;
  const passes = new Set((request.print ?? []).map(passName));
  const { std, trees } = findPackageFiles();
  const { program, lowered, diagnostics, sources } = beginToCompile(
    entry,
    diskSources(std, trees),
    {
      target: describe(request),
      fusion,
      verify,
      clocks,
      candidates,
      parts,
      print: passes,
      now: () => performance.now(),
      overrides: {
        ...(batchSize === undefined ? {} : { batchSize }),
        ...(precision === undefined ? {} : { precision }),
      },
    },
  );
  const rendered =
    diagnostics.length === 0 ? "" : `${renderDiagnostics(diagnostics, sources, streams)}\n`;
  streams.errors.write(rendered);
  if (program === null || lowered === null) {
    if (diagnostics.some(({ severity }) => severity === "error")) throw new SilentFailure();
    throw new CommandError(`${entry} declares no model`, "write `model Name { … }` in it");
  }
  const finish = (): CompiledProgram => {
    const whole = program.finish();
    checkPasses(passes, whole.timings);
    for (const text of whole.printed) streams.out.write(`${text.trimEnd()}\n\n`);
    if (request.timePasses) streams.errors.write(formatTimings(whole.timings));
    return whole;
  };
  // What passes made is shown before anything runs.
  const isShown = passes.size > 0 || request.timePasses === true;
  const training = isShown ? null : program.training;
  return { program: { training, finish }, lowered, sources, warnings: rendered };
}

function describe({
  target,
  march,
  precision,
  plans,
  winograd = true,
}: CompileRequest): CompileOptions["target"] {
  if (march !== undefined && target !== "cpu") {
    throw new CommandError("--march names a processor", "leave it out, or add --target cpu");
  }
  switch (target) {
    case "cpu":
      return {
        ...describeTarget(march),
        winograd,
        ...(plans === undefined ? {} : { plans }),
      };
    case "wgsl":
      // Not every device has halves: they are for whoever asks for them here, for this device.
      return describeWgsl({ f16: precision === "f16" });
    case "cuda":
      return (allowed) => describeCuda({ precision: allowed });
    default:
      return assertExhaustive(target);
  }
}

function passName(text: string): string {
  if (text.startsWith("after-")) return text.slice("after-".length);
  throw new CommandError(
    `--print takes after-<pass>, not ${text}`,
    "such as --print after-autodiff",
  );
}

function checkPasses(wanted: ReadonlySet<string>, timings: readonly PassTiming[]): void {
  const known = new Set(timings.map(({ pass }) => pass));
  for (const pass of wanted) {
    if (!known.has(pass)) {
      throw new CommandError(`there is no pass ${pass}`, `there are ${[...known].join(", ")}`);
    }
  }
}

/** A line a pass, all graphs together. */
function formatTimings(timings: readonly PassTiming[]): string {
  const totals = new Map<string, number>();
  for (const { pass, milliseconds } of timings) {
    totals.set(pass, (totals.get(pass) ?? 0) + milliseconds);
  }
  const width = Math.max(...[...totals.keys()].map(({ length }) => length));
  const lines = [...totals].map(
    ([pass, ms]) => `${pass.padEnd(width)}  ${ms.toFixed(1).padStart(8)} ms\n`,
  );
  const total = [...totals.values()].reduce((sum, ms) => sum + ms, 0);
  return `${lines.join("")}${"total".padEnd(width)}  ${total.toFixed(1).padStart(8)} ms\n`;
}
