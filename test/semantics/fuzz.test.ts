/** Whatever the text, lowering ends: with a program, or with diagnostics. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { catalogue } from "../../compiler/diagnostics/catalogue.generated.ts";
import { lowerText } from "./lowering.ts";
import { graphsOf } from "./run-program.ts";

const examples = join(import.meta.dirname, "../../dsl-examples");
const sources = [
  ...readdirSync(examples)
    .filter((name) => name.endsWith(".nn"))
    .map((name) => readFileSync(join(examples, name), "utf8")),
  ...Object.values(catalogue).flatMap(({ wrong, right }) => [wrong, right]),
];

/** Pieces that a mistake may leave anywhere, or another value in place of a right one. */
const pieces = sources.flatMap((text) => text.match(/\w+|\d+|[^\s\w]+|\n/g) ?? []);

const mutation = fc.record({
  source: fc.constantFrom(...sources),
  edits: fc.array(
    fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      remove: fc.nat(2),
      insert: fc.option(fc.constantFrom(...new Set(pieces))),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  keep: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { freq: 5 }),
});

/** Replaces whole words, so that most results still parse. */
function mutate({
  source,
  edits,
  keep,
}: typeof mutation extends fc.Arbitrary<infer T> ? T : never) {
  const words = source.match(/\w+|[^\s\w]+|\s+/g) ?? [];
  for (const { at, remove, insert } of edits) {
    const place = Math.floor(at * words.length);
    if (/^\s/.test(words[place] ?? " ")) continue;
    words.splice(place, remove, ...(insert === null ? [] : [insert]));
  }
  const text = words.join("");
  return keep === null ? text : text.slice(0, Math.floor(keep * text.length));
}

describe("lowering", () => {
  it("never throws, and says why where it gives nothing", () => {
    const runs = Number(process.env.NNC_FUZZ_RUNS ?? 400);
    fc.assert(
      fc.property(mutation, (made) => {
        const text = mutate(made);
        const { program, diagnostics } = lowerText(text);
        const hasErrors = diagnostics.some(({ severity }) => severity === "error");
        if (hasErrors) expect(program).toBeUndefined();
        if (program !== undefined) graphsOf(program);
        if (program === undefined && !hasErrors) expect(text).not.toMatch(/^train /m);
      }),
      { numRuns: runs },
    );
  }, 600_000);
});
