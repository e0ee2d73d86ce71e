/**
 * Mutated programs through the whole front end: never a crash or a hang, and without a program always an error.
 * NNC_FUZZ_RUNS sets the number of programs, NNC_FUZZ_SEED the seed, which is printed on failure.
 */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DiagnosticSink } from "../../compiler/diagnostics/diagnostic.ts";
import { renderDiagnostics } from "../../compiler/diagnostics/render.ts";
import { lower } from "../../compiler/semantics/lower.ts";
import { generator, mutate, mutateWords } from "../syntax/mutate.ts";
import { samples } from "../syntax/samples.ts";

const runs = Number(process.env.NNC_FUZZ_RUNS ?? 500);
const seed = Number(process.env.NNC_FUZZ_SEED ?? 20_240_608);

const root = join(import.meta.dirname, "../..");
const library = new Map(
  readdirSync(join(root, "compiler/std")).map((name) => [
    name,
    readFileSync(join(root, "compiler/std", name), "utf8"),
  ]),
);
const reference = readFileSync(join(root, "dsl-examples/LANGUAGE.md"), "utf8");
const programs = [
  ...samples.map(({ text }) => text),
  ...[...reference.matchAll(/^```nn.*\n([\s\S]*?)^```$/gm)].map(([, text = ""]) => text),
].filter((text) => /^model /m.test(text));

describe("mutated programs", () => {
  it(`lower or say why not (${runs} programs)`, () => {
    const random = generator(seed);
    let slowest = 0;
    for (let run = 0; run < runs; run++) {
      let text = programs[random(programs.length)]!;
      for (let times = 1 + random(2); times > 0; times--) {
        text = random(3) === 0 ? mutate(text, random) : mutateWords(text, random);
      }
      const started = performance.now();
      const sink = new DiagnosticSink();
      const host = {
        readFile: (path: string) => (path === "model.nn" ? text : undefined),
        readStd: (name: string) => library.get(name),
      };
      try {
        const program = lower("model.nn", host, {}, sink);
        if (program === undefined && /^model /m.test(text)) expect(sink.hasErrors).toBe(true);
        const found = renderDiagnostics(sink.sorted(), new Map([["model.nn", text]]), {
          color: false,
        });
        expect(found).not.toContain("undefined");
      } catch (error) {
        throw new Error(`seed ${seed}, program ${run}:\n${text}`, { cause: error });
      }
      slowest = Math.max(slowest, performance.now() - started);
    }
    expect(slowest).toBeLessThan(10_000);
  }, 900_000);
});
