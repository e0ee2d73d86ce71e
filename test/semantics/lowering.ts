/** Lowers sources given as text, with the real library, for the tests of this folder. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Diagnostic, DiagnosticSink } from "../../compiler/diagnostics/diagnostic.ts";
import { type LowerOptions, lower } from "../../compiler/semantics/lower.ts";
import type { LoweredProgram } from "../../compiler/semantics/program.ts";

const std = join(process.cwd(), "compiler/std");

export interface Lowered {
  readonly program: LoweredProgram | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

/** Lowers `model.nn`; other files by name. */
export function lowerText(
  text: string,
  files: Readonly<Record<string, string>> = {},
  options: LowerOptions = {},
): Lowered {
  const sink = new DiagnosticSink();
  const sources: Readonly<Record<string, string>> = { ...files, "model.nn": text };
  const host = { readFile: (path: string) => sources[path], readStd };
  const program = lower("model.nn", host, options, sink);
  return { program, diagnostics: sink.sorted() };
}

export function readStd(name: string): string | undefined {
  try {
    return readFileSync(join(std, name), "utf8");
  } catch {
    return undefined;
  }
}

/** The program; fails with the diagnostics if there is none. */
export function lowerSound(
  text: string,
  files: Readonly<Record<string, string>> = {},
  options: LowerOptions = {},
): LoweredProgram {
  const { program, diagnostics } = lowerText(text, files, options);
  if (program === undefined) throw new Error(messages(diagnostics).join("\n"));
  return program;
}

/** `code: title`, one a diagnostic. */
export function messages(diagnostics: readonly Diagnostic[]): string[] {
  return diagnostics.map(({ code, title, primary, notes, labels }) =>
    [
      `${code}: ${title} [${primary.span.file}:${primary.span.start}]`,
      ...labels.map(({ span, text }) => `    ${span.file}:${span.start} ${text}`),
      ...notes,
    ].join("\n"),
  );
}
