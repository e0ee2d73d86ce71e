/** `nnc check`: everything that can be said of a model before kernels are made of it. */

import { checkDerivatives, type DerivativeCheck } from "../../derivatives/check.ts";
import { DiagnosticSink } from "../../diagnostics/diagnostic.ts";
import { countDiagnostics, diagnosticToJson, renderDiagnostics } from "../../diagnostics/render.ts";
import { lower } from "../../semantics/lower.ts";
import type { LoweredProgram } from "../../semantics/program.ts";
import { RecordedSources } from "../../sources.ts";
import { findPackageFiles } from "../package-files.ts";
import { diskSources } from "../source-files.ts";
import type { Streams } from "../streams.ts";

interface CheckFlags {
  readonly json?: boolean;
  readonly gradients?: boolean;
}

/** Scalars to compute: some seconds, and about one where only functions' own derivatives are checked. */
const budgets = { all: 3e9, own: 3e8 };

export async function check(
  entry: string,
  { json = false, gradients = false }: CheckFlags,
  streams: Streams,
): Promise<number> {
  const sink = new DiagnosticSink();
  const { std, trees } = findPackageFiles();
  const sources = new RecordedSources(diskSources(std, trees));
  const program = lower(entry, sources, {}, sink);
  const checks = program === undefined ? [] : checkProgram(program, gradients, sink);
  const diagnostics = sink.sorted();
  if (json) {
    const lines = [
      ...diagnostics.map((diagnostic) => diagnosticToJson(diagnostic, sources.texts)),
      ...(gradients ? checks.map((one) => checkToJson(one, sources)) : []),
    ];
    for (const line of lines) streams.out.write(`${JSON.stringify(line)}\n`);
  } else {
    if (diagnostics.length > 0) {
      streams.errors.write(`${renderDiagnostics(diagnostics, sources.texts, streams)}\n`);
    } else {
      streams.out.write(`${entry}: ${countDiagnostics(diagnostics)}\n`);
    }
    if (gradients) streams.out.write(describeChecks(checks, sources));
  }
  return sink.hasErrors ? 1 : 0;
}

function checkProgram(
  program: LoweredProgram,
  all: boolean,
  sink: DiagnosticSink,
): readonly DerivativeCheck[] {
  const budget = all ? budgets.all : budgets.own;
  const { checks, diagnostics } = checkDerivatives(program, { all, budget });
  for (const diagnostic of diagnostics) sink.report(diagnostic);
  return checks;
}

function describeChecks(checks: readonly DerivativeCheck[], sources: RecordedSources): string {
  const agreed = checks.filter(({ outcome }) => outcome === "agrees").length;
  const leftOut = checks.filter(({ outcome }) => outcome === "left-out");
  const count = agreed === 1 ? "1 derivative agrees" : `${agreed} derivatives agree`;
  return [
    `${count} with differences`,
    ...leftOut.map(
      ({ span, reason, ...of }) => `left out: ${describe(of)} (${sources.locate(span)}): ${reason}`,
    ),
    "",
  ].join("\n");
}

function describe({ kind, name, path }: Pick<DerivativeCheck, "kind" | "name" | "path">): string {
  if (kind === "loss") return "the loss";
  return kind === "layer" ? `${name} at ${path}` : name;
}

function checkToJson(check: DerivativeCheck, sources: RecordedSources): object {
  const { span, ...rest } = check;
  return { derivative: rest.kind, ...rest, kind: undefined, at: sources.locate(span) };
}
