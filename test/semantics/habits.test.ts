/** What people read who write Python in a model: the code, the place, the title and the hint. Each gives nothing else. */

import { describe, expect, it } from "vitest";
import { lowerText } from "./lowering.ts";

function readOf(body: string): string[] {
  const text = `model M {\n  input x: f32[N, 4]\n${body}\n  output y = x |> Dense(1)\n}\n`;
  return messagesOf(text);
}

function messagesOf(text: string): string[] {
  return lowerText(text).diagnostics.map(({ code, primary, title, hint }) => {
    const place = text.slice(primary.span.start, primary.span.end);
    return `${code} at ${place}: ${title} (${hint})`;
  });
}

describe("a name of Python's or Keras'", () => {
  it.each([
    [
      "_h = x |> layers.Dense(4)",
      "unknown-name at layers: `layers` is not defined (names are in no module: write `Dense` by itself)",
    ],
    [
      "_h = tf.matmul(x, x)",
      "unknown-name at tf: `tf` is not defined (the matrix product is `a @ b`)",
    ],
    [
      "_h = keras.layers.Dense(4)(x)",
      "unexpected-token at .: expected the end of the line, found `.` (names are in no module: write the last one by itself)",
    ],
    [
      "_h = Sequential([Dense(4)])",
      "unknown-name at Sequential: `Sequential` is not defined (layers follow one another: `x |> first |> second`)",
    ],
    ["_h = x.shape", "no-name-of-loop at x: no loop bound `x` (write `shape(x)`)"],
    [
      "_h = Dense(x, 4)",
      "missing-argument at Dense(x, 4): `Dense` needs `units` (make it with its arguments, then apply it: `x |> Dense(units = …)`)",
    ],
    [
      "for _i in range(3) {\n  }",
      "unknown-name at range: `range` is not defined (`0..n` are the ints from 0 up to, not including, n)",
    ],
  ])("%s", (body, expected) => {
    expect(readOf(`  ${body}`)).toEqual([expected]);
  });

  it("is not taken for what is bound to it, or later", () => {
    expect(readOf("  spectrum = Spectrum(x)\n  _specter = spectrum")).toEqual([
      "unknown-name at Spectrum: `Spectrum` is not defined (undefined)",
    ]);
  });

  it("of the file hides what is known of it", () => {
    expect(messagesOf("fn range(n: int) = 0..n\nconst three = range(3)\n")).toEqual([]);
  });
});

describe("a form of Python's", () => {
  it.each([
    ["_h = x ** 2", "found `*` (a power is written `x^2`)"],
    ["self.h = x", "found `.` (names have no parts: write `name = …`)"],
    ["h += 1", "found `+` (write `h = h + …`)"],
    [
      "_h = Lambda(lambda t: t * 2)",
      "found `t` (a function has a name: declare `fn f(x) = …` and give `f`)",
    ],
    ['_h = Dense(4, f"relu")', 'found `"relu"` (a string has no prefix)'],
    ["_h = (x if c else 0)", "found `if` (a choice is written `if c then a else b`)"],
    [
      "_h = [f(i) for i in 0..3]",
      "found `for` (a list grows in a loop: `list = []`, and `for x in items { list = list + [f(x)] }`)",
    ],
    ["if true:", "found `:` (a block stands in `{ … }`)"],
    [
      "_h = Dense(4, **options)(x)",
      "found `*` (arguments are given one by one, by position or name)",
    ],
    [
      "_h = Dense(8 // 2)(x)",
      "`(` is never closed (`//` begins a comment; `floor_divide(a, b)` is a quotient rounded down)",
    ],
    ["return x", "optimizer's prepare (mark what the model gives: `output y = …`)"],
  ])("%s", (body, expected) => {
    const [message = "", ...others] = readOf(`  ${body}`);
    expect(message).toContain(expected);
    expect(others).toEqual([]);
  });

  it.each([
    [
      "def f(x):\n  return x\n",
      "found `def` (a function is declared: `fn f(x) = …`, or with a block, `fn f(x) { … return y }`)",
    ],
    [
      "from keras import layers\n",
      'found `from` (the library\'s names are there without an import; other files: `import { name } from "file.nn"`)',
    ],
    [
      "import numpy as np\n",
      'found `import` (the library\'s names are there without an import; other files: `import "file.nn"`)',
    ],
  ])("%s", (text, expected) => {
    const messages = messagesOf(`${text}const width = 3\n`);
    expect(messages).toHaveLength(1);
    expect(messages[0]).toContain(expected);
  });
});
