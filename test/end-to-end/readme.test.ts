/** What the README shows is real: its model is the example's, and its error is what that program prints. */

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { renderDiagnostic } from "../../compiler/diagnostics/render.ts";
import { lowerText } from "../semantics/lowering.ts";

const readme = readFileSync("README.md", "utf8");
const blocks = [...readme.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language, text]) => ({
  language,
  text: text!,
}));

test("the model on the first screen is dsl-examples/digits.nn", () => {
  const [model] = blocks.filter(({ language }) => language === "nn");
  expect(model?.text).toBe(readFileSync("dsl-examples/digits.nn", "utf8"));
});

test("the error is the one that its program gives", () => {
  const source = [
    "model Digits {",
    "  input image: u8[N, 28, 28]",
    "  h = image / 255 |> Flatten |> Linear(32)",
    "  output digit = h |> Dense(10, softmax)",
    "}",
    "",
    "layer Linear(units: int)(x: f32[N, I]) -> f32[N, units] {",
    "  param kernel: f32[units, I] = glorot_uniform",
    "  return x @ kernel",
    "}",
    "",
  ].join("\n");
  const { diagnostics } = lowerText(source);
  const shown = blocks.find(({ text }) => text.startsWith("error["))!.text;
  const sources = new Map([["model.nn", source]]);
  expect(`${renderDiagnostic(diagnostics[0]!, sources, { color: false })}\n`).toBe(shown);
});

test("every file that the README names is there", () => {
  const links = [...readme.matchAll(/\]\(([^)#:]+)\)/g)].map(([, path]) => path!);
  for (const path of links) expect(() => readFileSync(path), path).not.toThrow();
});
