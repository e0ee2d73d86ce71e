import { describe, expect, it } from "vitest";
import { parseText, showStatement } from "./show.ts";

function kept(text: string): string[] {
  return parseText(text).parsed.declarations.map((declaration) => {
    const name = "name" in declaration ? declaration.name.name : declaration.kind;
    const body = "body" in declaration ? ` ${declaration.body.map(showStatement).join("; ")}` : "";
    return `${name}${body}`;
  });
}

describe("recovery", () => {
  it("reports every broken statement and keeps the others", () => {
    const text = `fn f(x) {
  a = 1
  b = a +* 2
  c = 3
  d = (4 5)
  if a then 6
  for in x { y = 7 }
  if a {
    e = )
    g = 8
  }
  return c
}
fn h() = 9
`;
    const { found } = parseText(text);
    expect(found).toEqual([
      'unexpected-token at "*": expected an expression, found `*`',
      'unexpected-token at "5": expected `,` or `)`, found `5`',
      'unexpected-token at "then": expected `{`, found `then`',
      'unexpected-token at "in": expected a name, found `in`',
      'mismatched-bracket at ")": `)` closes nothing',
    ]);
    expect(kept(text)).toEqual(["f a = 1; c = 3; if a { g = 8 }; return c", "h return 9"]);
  });

  it("skips the blocks of a broken statement", () => {
    const text = "fn f(x) {\n  if x + {\n    a = 1\n    if b { c = 2 }\n  }\n  return 3\n}";
    expect(parseText(text).found).toHaveLength(1);
    expect(kept(text)).toEqual(["f return 3"]);
  });

  it("keeps the declarations around a broken one", () => {
    const text =
      "const a = 1\nfn f(x = = 2) {\n  return x\n}\nconst b = 2\nlayer { }\nconst c = 3\n";
    expect(kept(text)).toEqual(["a", "b", "c"]);
    expect(parseText(text).found).toEqual([
      'unexpected-token at "=": expected an expression, found `=`',
      'missing-declaration at "layer": expected a declaration, found `layer`',
    ]);
  });

  it("closes what is open where a declaration begins", () => {
    const text = "fn f(x) {\n  if x {\n    y = g(1,\n\nfn h() = 2\n";
    expect(parseText(text).found).toEqual([
      'unclosed-bracket at "{": `{` is never closed',
      'unclosed-bracket at "{": `{` is never closed',
      'unclosed-bracket at "(": `(` is never closed',
    ]);
    expect(kept(text).at(-1)).toBe("h return 2");
  });

  it("corrects a bracket of the wrong kind", () => {
    const text = "fn f(x) {\n  y = g(x, [1, 2)]\n  z = (3 * x]\n  return z\n}\n";
    expect(parseText(text).found.map((line) => line.split(":")[0])).toEqual([
      'unclosed-bracket at "["',
      'mismatched-bracket at "]"',
      'mismatched-bracket at "]"',
    ]);
    expect(kept(text)).toEqual(["f y = g(x, [1, 2]); z = (3 * x); return z"]);
  });

  it("drops closers without partner", () => {
    const { parsed, found } = parseText("}\nconst a = 1)\nconst b = 2\n");
    expect(found).toEqual([
      'mismatched-bracket at "}": `}` closes nothing',
      'mismatched-bracket at ")": `)` closes nothing',
    ]);
    expect(parsed.declarations).toHaveLength(2);
  });

  it("reads settings on after a broken one", () => {
    const text =
      "train A on d {\n  loss = mse(a, b)\n  epochs 5\n  seed )\n  metrics a, \n  batch_size 3\n}";
    const { parsed, found } = parseText(text);
    const [train] = parsed.declarations;
    expect(train?.kind === "train" && train.entries.map(({ key }) => key.name)).toEqual([
      "epochs",
      "metrics",
    ]);
    expect(found).toEqual([
      'unexpected-token at "=": expected an expression, found `=`',
      'mismatched-bracket at ")": `)` closes nothing',
      'unexpected-token at "3": expected a setting such as `epochs 5`, found `3`',
    ]);
  });

  it("says nothing more on a line with an unknown character", () => {
    expect(parseText("const a = 1 ? 2 : 3\n").found).toEqual([
      'unexpected-character at "?": `?` is not part of the language',
    ]);
  });

  it("names characters that cannot be seen", () => {
    expect(parseText("const a = \u0007 1\n").found[0]).toContain("the character U+0007");
    expect(parseText("const a = 😀\n").found[0]).toContain("`😀` is not");
  });
});

describe("hints", () => {
  it.each([
    ["fn f() {\n  mean[0] = 1\n}", "on the left of `=` the brackets hold names of new axes"],
    ["fn f() {\n  y = mean[0]\n}", "reduces over axes"],
    ["fn f() {\n  if a then b else c\n}", "an `if` that begins a statement has blocks"],
    ["fn f() {\n  y = if a { b }\n}", "as an expression, `if` is written"],
    ["train A on d {\n  epochs = 5\n}", "a key and its value"],
  ])("%s", async (text, expected) => {
    const { DiagnosticSink } = await import("../../compiler/diagnostics/diagnostic.ts");
    const { parse } = await import("../../compiler/syntax/parser.ts");
    const sink = new DiagnosticSink();
    parse({ name: "test.nn", text }, sink);
    expect(sink.sorted()[0]?.hint).toContain(expected);
  });
});
