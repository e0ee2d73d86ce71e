/** The language reference is true: every example in it compiles to graphs without a diagnostic. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DiagnosticSink } from "../../compiler/diagnostics/diagnostic.ts";
import { renderDiagnostics } from "../../compiler/diagnostics/render.ts";
import { lower } from "../../compiler/semantics/lower.ts";
import { RecordedSources } from "../../compiler/sources.ts";

const root = join(import.meta.dirname, "../..");
const std = join(root, "compiler/std");
const reference = readFileSync(join(root, "dsl-examples/LANGUAGE.md"), "utf8");

interface Example {
  /** The name other examples may import it by. */
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

const examples: readonly Example[] = [...reference.matchAll(/^```nn ?(.*)\n([\s\S]*?)^```$/gm)].map(
  ({ 1: info = "", 2: text = "", index }) => {
    const line = reference.slice(0, index).split("\n").length;
    return { file: info === "" ? `line-${line}.nn` : info, line, text };
  },
);

describe("LANGUAGE.md", () => {
  it("has an example for every section about the language", () => {
    expect(examples.length).toBeGreaterThan(10);
  });

  it.each(examples)("line $line compiles", ({ file, text }) => {
    const sink = new DiagnosticSink();
    const host = new RecordedSources({
      readFile: (path) => examples.find((example) => example.file === path)?.text,
      readStd: (name) =>
        readdirSync(std).includes(name) ? readFileSync(join(std, name), "utf8") : undefined,
    });
    const program = lower(file, host, {}, sink);
    const found = sink.sorted();
    expect(found, renderDiagnostics(found, host.texts, { color: false })).toEqual([]);
    expect(program !== undefined).toBe(/^model /m.test(text));
  });
});
