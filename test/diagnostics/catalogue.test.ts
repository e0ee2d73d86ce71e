/** The catalogue keeps its promises: no code is stale or unused, and its examples are what it says they are. */

import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { checkDerivatives } from "../../compiler/derivatives/check.ts";
import { catalogue } from "../../compiler/diagnostics/catalogue.generated.ts";
import { type Diagnostic, DiagnosticSink } from "../../compiler/diagnostics/diagnostic.ts";
import { renderDiagnostic } from "../../compiler/diagnostics/render.ts";
import type { CatalogueEntry } from "../../compiler/diagnostics/template.ts";
import { lower } from "../../compiler/semantics/lower.ts";
import { parse } from "../../compiler/syntax/parser.ts";

const compiler = join(import.meta.dirname, "../../compiler");
const entries = Object.values(catalogue);

/** What the stages find in an example; those of the syntax are judged by the parser alone, those of `nnc check` by it. */
function check(entry: CatalogueEntry, text: string): readonly Diagnostic[] {
  const sink = new DiagnosticSink();
  const name = "example.nn";
  if (entry.area === "syntax") {
    parse({ name, text }, sink);
    return sink.sorted();
  }
  const host = {
    readFile: (path: string) => (path === name ? text : entry.files[path]),
    readStd: (file: string) => {
      const known = readdirSync(join(compiler, "std"));
      return known.includes(file) ? readFileSync(join(compiler, "std", file), "utf8") : undefined;
    },
  };
  const program = lower(name, host, {}, sink);
  if (entry.area === "check" && program !== undefined) {
    const report = checkDerivatives(program, { all: true, budget: 1e8 });
    for (const found of report.diagnostics) sink.report(found);
  }
  return sink.sorted();
}

function summary(diagnostics: readonly Diagnostic[], text: string): string {
  const sources = new Map([["example.nn", text]]);
  return diagnostics.map((found) => renderDiagnostic(found, sources, { color: false })).join("\n");
}

describe("the catalogue", () => {
  it("is what the Markdown says", () => {
    const script = join(compiler, "diagnostics/generate.mjs");
    const { status, stderr } = spawnSync(process.execPath, [script, "--check"], {
      encoding: "utf8",
    });
    expect(stderr).toBe("");
    expect(status).toBe(0);
  });

  it("has no code that nothing reports", () => {
    const source = readdirSync(compiler, { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts") && !path.endsWith(".generated.ts"))
      .map((path) => readFileSync(join(compiler, path), "utf8"))
      .join("\n");
    const unused = entries.filter(({ code }) => {
      const name = code.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
      return !new RegExp(`diagnostics\\s*\\.${name}\\b`).test(source);
    });
    expect(unused.map(({ code }) => code)).toEqual([]);
  });

  it("covers the language", () => {
    expect(entries.length).toBeGreaterThanOrEqual(40);
  });
});

describe.each(entries)("$area: $code", (entry) => {
  it("is given by its wrong example, and nothing else is", () => {
    const found = check(entry, entry.wrong);
    expect([...new Set(found.map(({ code }) => code))], summary(found, entry.wrong)).toEqual([
      entry.code,
    ]);
    expect(found[0]?.severity).toBe(entry.severity);
  });

  it("is not given by its right example", () => {
    const found = check(entry, entry.right);
    expect(found, summary(found, entry.right)).toEqual([]);
  });
});
