/**
 * Mutated programs through the whole compiler, to kernels: whatever the text, there is a program or there are errors,
 * each within its file, and never an exception. Texts are the examples, those of the language reference and of the
 * catalogue of diagnostics; in some runs it is the standard library that is mutated.
 */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DiagnosticSink } from "../../compiler/diagnostics/diagnostic.ts";
import { renderDiagnostics } from "../../compiler/diagnostics/render.ts";
import { compile } from "../../compiler/index.ts";
import { parse } from "../../compiler/syntax/parser.ts";
import { generator, mutate, mutateWords } from "../syntax/mutate.ts";
import { thisCpu } from "../targets/run-kernels.ts";

const root = join(import.meta.dirname, "../..");
const read = (...path: readonly string[]) => readFileSync(join(root, ...path), "utf8");
const textsIn = (folder: string, extension: string) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith(extension))
    .sort()
    .map((name) => [name, read(folder, name)] as const);

const library = new Map(textsIn("compiler/std", ".nn"));
const names = read("compiler/std/names.json");
const blocks = (markdown: string) =>
  [...markdown.matchAll(/^```nn(?! wrong).*\n([\s\S]*?)^```$/gm)].map(([, text = ""]) => text);

/** Everything that is written in the language here, is right, and declares a model. */
const programs: readonly string[] = [
  ...textsIn("dsl-examples", ".nn").map(([, text]) => text),
  ...blocks(read("dsl-examples/LANGUAGE.md")),
  ...textsIn("compiler/diagnostics", ".md").flatMap(([, markdown]) => blocks(markdown)),
].filter((text) => /^model /m.test(text));

function declaresModel(text: string): boolean {
  const { declarations } = parse({ name: "model.nn", text }, new DiagnosticSink());
  return declarations.some(({ kind }) => kind === "model");
}

export interface MutationSummary {
  readonly compiled: number;
  readonly refused: number;
  readonly slowestMilliseconds: number;
}

/** Throws at the first program that the compiler cannot cope with. */
export function checkMutatedSources(seed: number, runs: number): MutationSummary {
  const random = generator(seed);
  const target = thisCpu();
  let compiled = 0;
  let slowestMilliseconds = 0;
  for (let run = 0; run < runs; run++) {
    const texts = new Map([["model.nn", programs[random(programs.length)]!]]);
    const std = new Map(library);
    const [changed, name] =
      random(8) === 0 ? [std, [...library.keys()][random(library.size)]!] : [texts, "model.nn"];
    for (let times = random(3) === 0 ? 2 : 1; times > 0; times--) {
      const change = random(4) === 0 ? mutate : mutateWords;
      changed.set(name, change(changed.get(name)!, random));
    }
    const started = performance.now();
    try {
      const { program, diagnostics, sources } = compile(
        "model.nn",
        {
          readFile: (path) => texts.get(path),
          readStd: (path) => (path === "names.json" ? names : std.get(path)),
        },
        { target, verify: random(8) === 0, fusion: random(4) !== 0 },
      );
      const failed = diagnostics.some(({ severity }) => severity === "error");
      if (failed && program !== null) throw new Error("a program in spite of errors");
      if (!failed && program === null && declaresModel(texts.get("model.nn")!)) {
        throw new Error("neither a program nor an error");
      }
      renderDiagnostics(diagnostics, sources, { color: false });
      if (program !== null) compiled++;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new Error(
        `seed ${seed}, program ${run}, ${name} mutated: ${message}\n${changed.get(name)}${
          name === "model.nn" ? "" : `\n--- compiled for ---\n${texts.get("model.nn")}`
        }`,
        { cause: error },
      );
    }
    slowestMilliseconds = Math.max(slowestMilliseconds, performance.now() - started);
  }
  return { compiled, refused: runs - compiled, slowestMilliseconds };
}
