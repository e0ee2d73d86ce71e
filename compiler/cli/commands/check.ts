/** `nnc check`: everything that can be said of a model before kernels are made of it. */

import { DiagnosticSink } from "../../diagnostics/diagnostic.ts";
import { countDiagnostics, diagnosticToJson, renderDiagnostics } from "../../diagnostics/render.ts";
import { lower } from "../../semantics/lower.ts";
import { RecordedSources } from "../../sources.ts";
import { findPackageFiles } from "../package-files.ts";
import { diskSources } from "../source-files.ts";
import type { Streams } from "../streams.ts";

export async function check(
  entry: string,
  { json }: { readonly json?: boolean },
  streams: Streams,
): Promise<number> {
  const sink = new DiagnosticSink();
  const sources = new RecordedSources(diskSources(findPackageFiles().std));
  lower(entry, sources, {}, sink);
  const diagnostics = sink.sorted();
  if (json) {
    for (const diagnostic of diagnostics) {
      streams.out.write(`${JSON.stringify(diagnosticToJson(diagnostic, sources.texts))}\n`);
    }
  } else if (diagnostics.length > 0) {
    streams.errors.write(`${renderDiagnostics(diagnostics, sources.texts, streams)}\n`);
  } else {
    streams.out.write(`${entry}: ${countDiagnostics(diagnostics)}\n`);
  }
  return sink.hasErrors ? 1 : 0;
}
