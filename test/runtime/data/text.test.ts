import { describe, expect, test } from "vitest";
import { problem, read, source } from "./fixtures.ts";

const elements = async (
  ...args: Parameters<typeof read>
): Promise<readonly (readonly number[])[]> => (await read(...args)).map(({ data }) => [...data]);

describe("text columns", () => {
  const file = { t: "label,text\n1,The good; the bad\n0,a good film\n" };
  const words = source("csv", "t", "text", "i32", [4], { split: "whitespace" });

  test("number words by how common they are, from 2, and pad with 0", async () => {
    // good, the: twice; a, bad, film: once.
    expect(await elements(file, words)).toEqual([[3, 2, 3, 5, 4, 2, 6, 0]]);
  });

  test("take Keras' arguments", async () => {
    const options = { split: "whitespace", standardize: "none", max_tokens: 3, padding: "pre" };
    // The only word that is left is good; it counts "good;" as another.
    const text = { t: "text\ngood bad\ngood worse still more\n" };
    const pre = source("csv", "t", "text", "i32", [3], { ...options, truncating: "pre" });
    expect(await elements(text, pre)).toEqual([[0, 2, 1, 1, 1, 1]]);
    const hot = { split: "whitespace", output_mode: "multi_hot" };
    const count = { split: "character", output_mode: "count" };
    expect(await elements(text, source("csv", "t", "text", "f32", [3], hot))).toEqual([
      [0, 1, 1, 1, 1, 0],
    ]);
    expect(
      await elements({ t: "text\nabab\nc\n" }, source("csv", "t", "text", "u8", [3], count)),
    ).toEqual([[0, 2, 2, 1, 0, 0]]);
  });

  test("take their words from a file or another column", async () => {
    const listed = { split: "whitespace", vocabulary: "v" };
    const files = { t: '{"text": "b a"}\n{"text": "c"}', v: "a\nb\n", u: "text\nc\nc b\n" };
    expect(await elements(files, source("jsonl", "t", "text", "i32", [2], listed))).toEqual([
      [3, 2, 1, 0],
    ]);
    const other = source("csv", "u", "text", "i32", [2], { split: "whitespace" });
    const own = source("jsonl", "t", "text", "i32", [2], { split: "whitespace" });
    expect(await elements(files, { ...own, vocabulary: other })).toEqual([[3, 1, 2, 0]]);
  });

  test("need no quotes where they are text", async () => {
    const tsv = { t: 'label\ttext\n1\t"so" good\n0\tit\'s "\n' };
    const options = { split: "whitespace", delimiter: "\t", quote: "", standardize: "none" };
    expect(await elements(tsv, source("csv", "t", "text", "i32", [2], options))).toEqual([
      [3, 4, 5, 2],
    ]);
  });

  test.each([
    [
      "an unknown mode",
      { split: "whitespace", output_mode: "tf_idf" },
      'expected "int" or "multi_hot"',
    ],
    ["an unknown split", { split: "words" }, 'expected "whitespace" or "character"'],
    ["a negative count", { split: "whitespace", max_tokens: -1 }, "expected an integer from 0 on"],
  ])("refuse %s", async (_, options, message) => {
    expect(await problem(file, source("csv", "t", "text", "i32", [4], options))).toContain(message);
  });

  test("say when a word's number does not fit", async () => {
    const many = Array.from({ length: 300 }, (_, i) => `w${i}`).join(" ");
    const small = source("csv", "t", "text", "u8", [300], { split: "whitespace" });
    expect(await problem({ t: `text\n${many}\n` }, small)).toContain(
      "t: line 2: expected words numbered",
    );
  });

  test("say that JSON has a number where a text is expected", async () => {
    const wanted = source("jsonl", "t", "text", "i32", [4], { split: "whitespace" });
    expect(await problem({ t: '{"text": 3}' }, wanted)).toContain("expected a text, found 3");
  });
});
