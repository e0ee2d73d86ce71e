/** The library's reference page is what its comments say; `npm run reference` writes it anew. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { DiagnosticSink } from "../../compiler/diagnostics/diagnostic.ts";
import { referencePage, undocumentedNames } from "../../compiler/reference.ts";

const root = join(import.meta.dirname, "../..");
const std = join(root, "compiler/std");
const files = readdirSync(std)
  .filter((name) => name.endsWith(".nn"))
  // The file that a group is named after comes first: `losses.nn` before `losses-hinge.nn`.
  .sort((a, b) => (a.slice(0, -3) < b.slice(0, -3) ? -1 : 1))
  .map((name) => ({ name, text: readFileSync(join(std, name), "utf8") }));

test("the page is current", async () => {
  const sink = new DiagnosticSink();
  const page = referencePage(files, sink);
  expect(sink.sorted()).toEqual([]);
  await expect(page).toMatchFileSnapshot(join(root, "dsl-examples/REFERENCE.md"));
});

test("every name of the library says what it is", () => {
  expect(undocumentedNames(files, new DiagnosticSink())).toEqual([]);
});
