import { stripVTControlCharacters } from "node:util";
import { describe, expect, it } from "vitest";
import type { Diagnostic, Label } from "../../compiler/diagnostics/diagnostic.ts";
import {
  countDiagnostics,
  diagnosticToJson,
  renderDiagnostic,
  renderDiagnostics,
} from "../../compiler/diagnostics/render.ts";

const model = `model M {
  input x: f32[N, 256]
  h = x |> Dense(512)
  y = h @ w
}
`;
const library = "layer Dense(units: int)\n";
const sources = new Map([
  ["model.nn", model],
  ["std:core.nn", library],
]);

function label(fragment: string, text: string, file = "model.nn"): Label {
  const start = (sources.get(file) ?? "").indexOf(fragment);
  return { span: { file, start, end: start + fragment.length }, text };
}

function diagnostic(primary: Label, more: Partial<Diagnostic> = {}): Diagnostic {
  return {
    code: "shape",
    severity: "error",
    title: "wrong",
    primary,
    labels: [],
    notes: [],
    ...more,
  };
}

function rendered(found: Diagnostic, texts: ReadonlyMap<string, string> = sources): string {
  return `\n${renderDiagnostic(found, texts, { color: false })}\n`;
}

/** One label over part of one text. */
function underlined(text: string, start: number, end: number): string {
  const primary = { span: { file: "a.nn", start, end }, text: "here" };
  return rendered(diagnostic(primary), new Map([["a.nn", text]]));
}

describe("a rendered diagnostic", () => {
  it("shows every label, note and the hint", () => {
    const found = diagnostic(label("h @", "f32[N, 512]"), {
      title: "the inner dimensions of @ differ",
      primary: { ...label("h @", "f32[N, 512]"), span: { file: "model.nn", start: 61, end: 62 } },
      labels: [
        { span: { file: "model.nn", start: 65, end: 66 }, text: "f32[256, 10]" },
        label("Dense(512)", "512 comes from here"),
        label("units: int", "declared here", "std:core.nn"),
      ],
      notes: ["the last axis of the left side (512)\nmust equal the first of the right side"],
      hint: "transpose `w`",
    });
    expect(rendered(found)).toBe(`
error[shape]: the inner dimensions of @ differ
  ┌─ model.nn:4:7
3 │   h = x |> Dense(512)
  │            ~~~~~~~~~~ 512 comes from here
4 │   y = h @ w
  │       ^   ~ f32[256, 10]
  │       └ f32[N, 512]
  ┌─ std:core.nn:1:13
1 │ layer Dense(units: int)
  │             ~~~~~~~~~~ declared here
  = the last axis of the left side (512)
    must equal the first of the right side
  = hint: transpose \`w\`
`);
  });

  it("marks a gap between distant lines and widens the gutter", () => {
    const text = `one\n${"\n".repeat(9)}two\n`;
    const primary = { span: { file: "a.nn", start: 13, end: 16 }, text: "" };
    const labels = [{ span: { file: "a.nn", start: 0, end: 3 }, text: "first" }];
    expect(rendered(diagnostic(primary, { labels }), new Map([["a.nn", text]]))).toBe(`
error[shape]: wrong
   ┌─ a.nn:11:1
 1 │ one
   │ ~~~ first
   ·
11 │ two
   │ ^^^
`);
  });

  it("hangs the labels of one line below each other", () => {
    const labels = [label("x |>", "second"), label("Dense", "third")];
    expect(rendered(diagnostic(label("h = x", "first"), { labels }))).toBe(`
error[shape]: wrong
  ┌─ model.nn:3:3
3 │   h = x |> Dense(512)
  │   ^^^^^~~~ ~~~~~ third
  │   │   └ second
  │   └ first
`);
  });

  it("underlines the first line of a span over several", () => {
    expect(underlined("ab(\n  c)\n", 0, 8)).toBe(`
error[shape]: wrong
  ┌─ a.nn:1:1
1 │ ab(
  │ ^^^ here
`);
  });

  it("counts the cells of tabs, wide and combining characters", () => {
    expect(underlined("\t宽 = 😀 + e\u0301x\n", 12, 13)).toBe(`
error[shape]: wrong
  ┌─ a.nn:1:12
1 │   宽 = 😀 + e\u0301x
  │              ^ here
`);
  });

  it.each([
    ["an empty file", "", 0, "a.nn:1:1", "1 │\n  │ ^ here"],
    ["the end of a file", "a\n", 2, "a.nn:2:1", "2 │\n  │ ^ here"],
    ["the end of a last line", "ab", 2, "a.nn:1:3", "1 │ ab\n  │   ^ here"],
    ["beyond the end", "ab", 9, "a.nn:1:3", "1 │ ab\n  │   ^ here"],
    ["a line that ends with CR LF", "a\r\nbc\r\n", 5, "a.nn:2:3", "2 │ bc\n  │   ^ here"],
  ])("points at %s", (_, text, at, place, lines) => {
    expect(underlined(text, at, at)).toBe(`\nerror[shape]: wrong\n  ┌─ ${place}\n${lines}\n`);
  });

  it("shows part of a long line", () => {
    const [, , , line, marks] = underlined(
      `${"a".repeat(500)}bcd${"e".repeat(500)}`,
      500,
      503,
    ).split("\n");
    expect(line).toMatch(/^1 │ …a{40}bcde+…$/);
    expect(line!.length).toBeLessThan(130);
    expect(marks).toBe(`  │ ${" ".repeat(41)}^^^ here`);
  });

  it("never prints control characters", () => {
    const text = "a \u001b[31m \u202e b\u0000";
    for (const character of ["\u0000", "\u001b", "\u202e"]) {
      expect(underlined(text, 0, 1)).not.toContain(character);
    }
  });

  it("names files whose text is not known", () => {
    const primary = { span: { file: "train.csv", start: 0, end: 0 }, text: "row 3 has 4 columns" };
    expect(rendered(diagnostic(primary))).toBe(`
error[shape]: wrong
  ┌─ train.csv
  │ row 3 has 4 columns
`);
  });

  it("is coloured on demand only, and reads the same", () => {
    const found = diagnostic(label("Dense", "this"), { severity: "warning", hint: "none" });
    const painted = renderDiagnostic(found, sources, { color: true });
    expect(painted).toContain("\u001b[");
    expect(stripVTControlCharacters(painted)).toBe(
      renderDiagnostic(found, sources, { color: false }),
    );
  });
});

describe("several diagnostics", () => {
  const error = diagnostic(label("x", ""));
  const warning = diagnostic(label("y", ""), { severity: "warning" });

  it("are counted", () => {
    expect(countDiagnostics([])).toBe("no errors");
    expect(countDiagnostics([error])).toBe("1 error");
    expect(countDiagnostics([error, warning, warning])).toBe("1 error and 2 warnings");
  });

  it("are shown up to a limit", () => {
    const text = renderDiagnostics([error, error, error], sources, { color: false, limit: 2 });
    expect(text.split("\n\n")).toHaveLength(3);
    expect(text.endsWith("\n\n3 errors")).toBe(true);
  });
});

describe("a diagnostic as data", () => {
  it("has lines and columns", () => {
    const found = diagnostic(label("Dense(512)", "here"), {
      labels: [label("units", "there", "std:core.nn")],
    });
    expect(diagnosticToJson(found, sources)).toEqual({
      code: "shape",
      severity: "error",
      title: "wrong",
      primary: {
        file: "model.nn",
        start: { line: 3, column: 12 },
        end: { line: 3, column: 22 },
        text: "here",
      },
      labels: [
        {
          file: "std:core.nn",
          start: { line: 1, column: 13 },
          end: { line: 1, column: 18 },
          text: "there",
        },
      ],
      notes: [],
      hint: null,
    });
  });
});
