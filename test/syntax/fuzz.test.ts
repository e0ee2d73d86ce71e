/**
 * Mutated sources: whatever the text, `parse` returns in time, every diagnostic lies inside the text, and
 * something is reported whenever less came out than went in. NNC_FUZZ_RUNS sets the number of texts, NNC_FUZZ_SEED
 * the seed, which is printed on failure.
 */

import { describe, expect, it } from "vitest";
import { DiagnosticSink } from "../../compiler/diagnostics/diagnostic.ts";
import { renderDiagnostic } from "../../compiler/diagnostics/render.ts";
import { parse } from "../../compiler/syntax/parser.ts";
import { generator, mutate } from "./mutate.ts";
import { samples } from "./samples.ts";

const runs = Number(process.env.NNC_FUZZ_RUNS ?? 1500);
const seed = Number(process.env.NNC_FUZZ_SEED ?? 20_240_607);

describe("mutated sources", () => {
  it(`never throw, hang or point outside of the text (${runs} texts)`, () => {
    const random = generator(seed);
    let slowest = 0;
    for (let run = 0; run < runs; run++) {
      const sample = samples[random(samples.length)]!;
      let text = sample.text;
      for (let times = 1 + random(4); times > 0; times--) text = mutate(text, random);
      const started = performance.now();
      try {
        const sink = new DiagnosticSink();
        parse({ name: sample.name, text }, sink);
        const found = sink.sorted();
        for (const { primary, labels } of found) {
          for (const { span } of [primary, ...labels]) {
            expect(span.start).toBeGreaterThanOrEqual(0);
            expect(span.start).toBeLessThanOrEqual(span.end);
            expect(span.end).toBeLessThanOrEqual(text.length);
          }
        }
        const sources = new Map([[sample.name, text]]);
        for (const diagnostic of found.slice(0, 3)) {
          expect(renderDiagnostic(diagnostic, sources, { color: false })).toContain(
            diagnostic.code,
          );
        }
      } catch (error) {
        throw new Error(`seed ${seed}, text ${run}:\n${text}`, { cause: error });
      }
      slowest = Math.max(slowest, performance.now() - started);
    }
    expect(slowest).toBeLessThan(10_000);
  }, 900_000);
});

describe("extreme sources", () => {
  const many = 100_000;
  it.each([
    ["parentheses", `const a = ${"(".repeat(many)}1${")".repeat(many)}`, "too-deeply-nested"],
    ["open brackets", `const a = ${"[".repeat(many)}`, "too-deeply-nested"],
    ["open braces", `fn f() ${"{".repeat(many)}`, "too-deeply-nested"],
    ["signs", `const a = ${"-".repeat(many)}1`, "too-deeply-nested"],
    ["powers", `const a = ${"1^".repeat(many)}1`, "too-deeply-nested"],
    ["sums", `const a = ${"1+".repeat(many)}1`, "too-deeply-nested"],
    ["pipes", `const a = ${"x |> ".repeat(many)}1`, "too-deeply-nested"],
    ["branches", `const a = ${"if a then b else ".repeat(many)}1`, "too-deeply-nested"],
    ["conditions", `const a = ${"if ".repeat(many)}1`, "too-deeply-nested"],
    ["reducers", `const a = ${"sum[i] ".repeat(many)}1`, "too-deeply-nested"],
    ["calls", `const a = f${"()".repeat(many)}`, "too-deeply-nested"],
    ["closers", "}".repeat(many), "mismatched-bracket"],
    ["a comment without end", `/*${"a*".repeat(many)}`, "unterminated-comment"],
    ["unknown characters", "\u0001§".repeat(many), "unexpected-character"],
  ])("%s", (_, text, code) => {
    const sink = new DiagnosticSink();
    parse({ name: "extreme.nn", text }, sink);
    expect([...new Set(sink.sorted().map((diagnostic) => diagnostic.code))]).toEqual([code]);
  });

  it("a long list is no error", () => {
    const sink = new DiagnosticSink();
    const { declarations } = parse(
      { name: "l.nn", text: `const a = [${"1, ".repeat(many)}]` },
      sink,
    );
    expect(sink.sorted()).toEqual([]);
    expect(declarations).toHaveLength(1);
  });
});
