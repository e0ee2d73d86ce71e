/** The rules of the layout: which folder may import which, how long a file gets, what the top level holds. */

import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

function filesIn(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => !name.split("/").some((part) => part === "build" || part === "node_modules"))
    .map((name) => join(folder, name))
    .filter((name) => statSync(join(root, name)).isFile());
}

const sources = ["compiler", "runtime"].flatMap(filesIn).filter((name) => name.endsWith(".ts"));

/**
 * What each part of the compiler may import, besides itself and `diagnostics`. Files that stand in `compiler/`
 * itself join the parts and may import all of them.
 */
const allowed: Readonly<Record<string, readonly string[]>> = {
  diagnostics: ["syntax"],
  syntax: [],
  graph: [],
  semantics: ["syntax", "graph"],
  autodiff: ["graph"],
  optimize: ["graph"],
  kernel: ["graph"],
  schedule: ["graph", "optimize", "kernel"],
  targets: ["graph", "optimize", "kernel", "schedule"],
  trainer: [],
  cli: ["semantics", "graph", "syntax", "kernel", "schedule", "targets", "trainer", "optimize"],
};

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

const imports: readonly Import[] = sources.flatMap((from) => {
  const text = readFileSync(join(root, from), "utf8");
  const pattern = /^(?:import|export)\s+(type\s)?[^;]*?from\s+"(\.[^"]+)"/gm;
  return [...text.matchAll(pattern)].map(([, type, path]) => ({
    from,
    to: relative(root, join(root, dirname(from), path!)),
    typeOnly: type !== undefined,
  }));
});

describe("imports point one way", () => {
  test("the runtime knows nothing of the compiler", () => {
    expect(
      imports.filter(({ from, to }) => from.startsWith("runtime/") && !to.startsWith("runtime/")),
    ).toEqual([]);
  });

  test("the compiler takes only types from the runtime, but for the command line, which runs it", () => {
    const wrong = imports.filter(
      ({ from, to, typeOnly }) =>
        from.startsWith("compiler/") &&
        !from.startsWith("compiler/cli/") &&
        to.startsWith("runtime/") &&
        !typeOnly,
    );
    expect(wrong).toEqual([]);
  });

  test("stages import what stands before them", () => {
    const wrong = imports.filter(({ from, to }) => {
      const [, part, ...rest] = from.split("/");
      const [area, other, ...otherRest] = to.split("/");
      if (!from.startsWith("compiler/") || area !== "compiler") return false;
      if (rest.length === 0 || otherRest.length === 0 || part === other) return false;
      return other !== "diagnostics" && !allowed[part!]?.includes(other!);
    });
    expect(wrong).toEqual([]);
  });
});

test("a file is one idea: at most 450 lines", () => {
  const native = filesIn("runtime/native").filter((name) => /\.(cc|h)$/.test(name));
  const tests = filesIn("test").filter((name) => name.endsWith(".ts"));
  const long = [...sources, ...native, ...tests].filter(
    (name) =>
      !name.endsWith(".generated.ts") &&
      readFileSync(join(root, name), "utf8").split("\n").length > 451,
  );
  expect(long).toEqual([]);
});
