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
 * The parts of the compiler in order, and those whose code each may use besides its own; of any part before it, a
 * part may use the types. Files that stand in `compiler/` itself join the parts: they may import all of them, and what
 * comes behind them takes the type of what they make.
 */
const parts: readonly (readonly [part: string, uses: readonly string[]])[] = [
  ["diagnostics", []],
  ["syntax", ["diagnostics"]],
  ["graph", ["diagnostics"]],
  ["autodiff", ["diagnostics", "graph"]],
  ["optimize", ["diagnostics", "graph"]],
  // A program may ask for derivatives, which are made while it is lowered.
  ["semantics", ["diagnostics", "syntax", "graph", "autodiff", "optimize"]],
  ["derivatives", ["diagnostics", "graph", "autodiff", "optimize"]],
  ["kernel", ["diagnostics", "graph"]],
  ["schedule", ["diagnostics", "graph", "optimize", "kernel"]],
  ["targets", ["diagnostics", "graph", "optimize", "kernel", "schedule"]],
  ["trainer", ["diagnostics", "graph"]],
];
const order = parts.map(([part]) => part);

/** What all parts make together, and the part that begins with it. */
const joined = { file: "compiler/compiled-program.ts", takenBy: "trainer" };

/** The command line runs everything. */
const joins = new Set(["cli"]);

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
    const uses = new Map(parts);
    const wrong = imports.filter(({ from, to, typeOnly }) => {
      const [, part, ...rest] = from.split("/");
      const [area, other, ...otherRest] = to.split("/");
      if (!from.startsWith("compiler/") || area !== "compiler" || joins.has(part!)) return false;
      if (rest.length === 0 || part === other) return false;
      if (otherRest.length === 0)
        return !(typeOnly && to === joined.file && part === joined.takenBy);
      const isEarlier = order.indexOf(other!) < order.indexOf(part!);
      return !(typeOnly && isEarlier) && !uses.get(part!)?.includes(other!);
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
