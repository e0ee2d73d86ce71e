/** The library's kept trees: those that parsing gives, and of no other text. */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { keepTrees } from "../../compiler/cli/keep-trees.ts";
import { readTrees, writeTrees } from "../../compiler/cli/kept-trees.ts";
import { findPackageFiles } from "../../compiler/cli/package-files.ts";
import { diskSources } from "../../compiler/cli/source-files.ts";
import { DiagnosticSink } from "../../compiler/diagnostics/diagnostic.ts";
import { cutLibrary } from "../../compiler/syntax/parser.ts";

const { std } = findPackageFiles();
const names = readdirSync(std).filter((name) => name.endsWith(".nn"));

describe("trees that were kept", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "nnc-"));
    keepTrees(std, folder);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each(names)("are what %s says", (name) => {
    const file = { name: `std:${name}`, text: readFileSync(join(std, name), "utf8") };
    const kept = diskSources(std, folder).keptStd?.(name, file.text);
    const read = (trees?: readonly string[]) =>
      cutLibrary(file, new DiagnosticSink(), trees).map((unread) => [unread.name, unread.read()]);
    expect(kept).toHaveLength(read().length);
    expect(read(kept)).toStrictEqual(read());
  });

  test("are not there where none were kept", () => {
    expect(diskSources(std).keptStd?.("core.nn", "")).toBe(undefined);
    expect(diskSources(std, join(folder, "none")).keptStd?.("core.nn", "")).toBe(undefined);
  });

  test("are not those of a text that has changed since", () => {
    const file = { name: "one.nn", text: "/// π, 1\nfn one() = 1\n" };
    writeTrees(folder, file, [{ kind: "fn", doc: "π, 1" }]);
    expect(readTrees(folder, "one.nn", file.text)).toEqual(['{"kind":"fn","doc":"\\u03c0, 1"}']);
    expect(readTrees(folder, "one.nn", file.text.replace("π", "e"))).toBe(undefined);
  });
});
