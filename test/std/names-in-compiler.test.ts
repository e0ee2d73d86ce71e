/** The compiler knows no layer, loss or optimizer by name: whatever they are is in the library. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { DiagnosticSink } from "../../compiler/diagnostics/diagnostic.ts";
import { parse } from "../../compiler/syntax/parser.ts";

const compiler = join(import.meta.dirname, "../../compiler");

/** Words of the language, which a token of the grammar is named after as a base of the library is. */
const words: ReadonlySet<string> = new Set(["Layer", "Model", "Metric", "Optimizer"]);

function textsOf(folder: string, extension: string): { name: string; text: string }[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(extension))
    .map((name) => ({ name, text: readFileSync(join(folder, name), "utf8") }));
}

/** Layers and optimizers by what declares them, losses by taking labels and predictions in a file of losses. */
function namesIn({ name, text }: { name: string; text: string }): string[] {
  return parse({ name, text }, new DiagnosticSink()).declarations.flatMap((declaration) => {
    switch (declaration.kind) {
      case "layer":
      case "derived-layer":
      case "optimizer":
        return [declaration.name.name];
      case "fn": {
        const takes = declaration.parameters.map((parameter) => parameter.name.name);
        if (!text.includes("(keras.losses")) return [];
        return takes.includes("y_true") && takes.includes("y_pred") ? [declaration.name.name] : [];
      }
      default:
        return [];
    }
  });
}

test("no line of the compiler mentions a layer, a loss or an optimizer", () => {
  const names = textsOf(join(compiler, "std"), ".nn").flatMap(namesIn);
  expect(names.length).toBeGreaterThan(100);
  const known = new Set(names.filter((name) => !words.has(name)));
  const found = textsOf(compiler, ".ts")
    .filter(({ name }) => !name.endsWith(".generated.ts"))
    .flatMap(({ name, text }) =>
      text.split("\n").flatMap((line, i) => {
        const mentioned = (line.match(/[A-Za-z_]\w*/g) ?? []).filter((word) => known.has(word));
        return mentioned.length === 0 ? [] : [`${name}:${i + 1}: ${mentioned.join(", ")}`];
      }),
    );
  expect(found).toEqual([]);
});
