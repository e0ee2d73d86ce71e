/**
 * Reads the catalogue, `compiler/diagnostics/<area>.md`, and writes `catalogue.generated.ts`: one typed constructor
 * for each code, and the entries themselves. Run `node compiler/diagnostics/generate.mjs` after every change of the
 * Markdown and commit both; with `--check` it only says whether the output is up to date (a test runs that).
 *
 * To add a diagnostic, add an entry to the area's file:
 *
 *     ## unknown-name
 *
 *     error: `{name}` is not defined
 *     label: no such name here
 *     note: any number of these
 *     hint: did you mean `{nearest?}`?
 *     hint: bind it before this line
 *
 *     Why this is an error, in one or a few sentences.
 *
 *     ```nn wrong
 *     model M { … }
 *     ```
 *
 *     ```nn right
 *     model M { … }
 *     ```
 *
 * The heading is the code. The first line gives the severity (`error` or `warning`) and the title. `{name}` is a
 * placeholder that the constructor demands; `{nearest?}` one that may be undefined, which drops the line it stands in
 * (titles may not have any). The first hint that can be filled is shown. A fence with info `file NAME` gives a file
 * that both sources may read. The wrong source must give exactly this diagnostic as its only error (warnings: its
 * only diagnostic), the right source none. Then report it as
 *
 *     sink.report(diagnostics.unknownName(span, { name, nearest }, { labels: [{ span: other, text: "…" }] }));
 *
 * where `span` may also be a label `{ span, text }` that replaces the catalogue's label text.
 */

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = dirname(fileURLToPath(import.meta.url));
const output = join(folder, "catalogue.generated.ts");

const fail = (file, line, message) => {
  console.error(`${file}:${line + 1}: ${message}`);
  process.exit(1);
};

function readArea(file) {
  const lines = readFileSync(join(folder, file), "utf8").split(/\r?\n/);
  const area = file.replace(/\.md$/, "");
  const entries = [];
  let entry = null;
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at];
    const heading = /^## (.*)$/.exec(line);
    if (heading) {
      if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(heading[1]))
        fail(file, at, `malformed code "${heading[1]}"`);
      entry = {
        code: heading[1],
        area,
        severity: null,
        title: "",
        label: "",
        notes: [],
        hints: [],
        why: [],
        wrong: null,
        right: null,
        files: {},
        file,
        line: at,
      };
      entries.push(entry);
      continue;
    }
    if (entry === null) continue;
    const fence = /^```(.*)$/.exec(line);
    if (fence) {
      const end = lines.indexOf("```", at + 1);
      if (end < 0) fail(file, at, "the fence is not closed");
      const text = `${lines.slice(at + 1, end).join("\n")}\n`;
      const info = fence[1].trim();
      if (info === "nn wrong") entry.wrong = text;
      else if (info === "nn right") entry.right = text;
      else if (info.startsWith("file ")) entry.files[info.slice(5).trim()] = text;
      else fail(file, at, `a fence is "nn wrong", "nn right" or "file NAME", not "${info}"`);
      at = end;
      continue;
    }
    const field = /^(error|warning|label|note|hint): (.*)$/.exec(line);
    if (!field) {
      entry.why.push(line);
    } else if (field[1] === "error" || field[1] === "warning") {
      entry.severity = field[1];
      entry.title = field[2].trim();
      if (/\{\w+\?\}/.test(entry.title)) fail(file, at, "a title has no optional placeholders");
    } else if (field[1] === "label") entry.label = field[2].trim();
    else if (field[1] === "note") entry.notes.push(field[2].trim());
    else entry.hints.push(field[2].trim());
  }
  for (const entry of entries) {
    entry.why = entry.why.join("\n").trim().replace(/\s+/g, " ");
    for (const part of ["severity", "why", "wrong", "right"]) {
      if (!entry[part]) fail(file, entry.line, `${entry.code} has no ${part}`);
    }
  }
  return entries;
}

function camelCase(code) {
  return code.replace(/-(.)/g, (_, letter) => letter.toUpperCase());
}

/** Placeholder → whether it may be absent, in order of appearance. */
function placeholders(entry) {
  const found = new Map();
  for (const text of [entry.title, entry.label, ...entry.notes, ...entry.hints]) {
    for (const [, name, optional] of text.matchAll(/\{(\w+)(\??)\}/g)) {
      found.set(name, (found.get(name) ?? true) && optional === "?");
    }
  }
  return found;
}

function constructorOf(entry) {
  const values = placeholders(entry);
  const fields = [...values].map(
    ([name, optional]) => `readonly ${name}: string | number${optional ? " | undefined" : ""}`,
  );
  const parameter =
    fields.length === 0
      ? "values: Readonly<Record<never, never>>"
      : `values: { ${fields.join("; ")} }`;
  return `  /** ${entry.severity}: ${entry.title.replaceAll("*/", "* /")} */
  ${camelCase(entry.code)}: (place: Place, ${parameter}, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue[${JSON.stringify(entry.code)}], place, values, more),`;
}

function entryText(entry) {
  const { file, line, ...data } = entry;
  return `  ${JSON.stringify(entry.code)}: ${JSON.stringify(data, null, 2).replaceAll("\n", "\n  ")},`;
}

const entries = readdirSync(folder)
  .filter((name) => name.endsWith(".md"))
  .sort()
  .flatMap(readArea);
const places = new Map();
for (const entry of entries) {
  const first = places.get(entry.code);
  if (first)
    fail(
      entry.file,
      entry.line,
      `the code ${entry.code} is also in ${first.file}:${first.line + 1}`,
    );
  places.set(entry.code, entry);
}

const text = `// Generated from compiler/diagnostics/*.md by generate.mjs; do not edit.

import type { Diagnostic } from "./diagnostic.ts";
import { type CatalogueEntry, makeDiagnostic, type Occurrence, type Place } from "./template.ts";

export type DiagnosticCode =
${entries.map((entry) => `  | ${JSON.stringify(entry.code)}`).join("\n")};

/** Every diagnostic nnc can give. */
export const catalogue: { readonly [K in DiagnosticCode]: CatalogueEntry } = {
${entries.map(entryText).join("\n")}
};

/** One constructor for each code. */
export const diagnostics = {
${entries.map(constructorOf).join("\n")}
};
`;

if (process.argv.includes("--check")) {
  if (readFileSync(output, "utf8") !== text) {
    console.error(
      "catalogue.generated.ts is stale: run `node compiler/diagnostics/generate.mjs` and commit the result",
    );
    process.exit(1);
  }
} else {
  writeFileSync(output, text);
  console.log(`${entries.length} diagnostics`);
}
