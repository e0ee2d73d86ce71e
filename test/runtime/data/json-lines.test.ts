import { describe, expect, test } from "vitest";
import { column, problem, read, source } from "./fixtures.ts";

describe("JSON lines", () => {
  test("give numbers, truth values and nested lists", async () => {
    const text =
      '{"x": [[1, 2.5], [-3, 4e0]], "label": 3, "on": true}\n\n{"on": 0, "label": 255, "x": [[5, 6], [7, 8]]}';
    const columns = await read(
      { "d.jsonl": text },
      source("jsonl", "d.jsonl", "x", "f32", [2, 2]),
      source("jsonl", "d.jsonl", "y", "u8", [], { key: "label" }),
      source("jsonl", "d.jsonl", "on", "bool"),
    );
    expect(columns).toEqual([
      column("x", "f32", [2, 2], 2, new Float32Array([1, 2.5, -3, 4, 5, 6, 7, 8])),
      column("y", "u8", [], 2, new Uint8Array([3, 255])),
      column("on", "bool", [], 2, new Uint8Array([1, 0])),
    ]);
  });

  const x = source("jsonl", "d", "x", "u8", [2]);

  test.each([
    ["no JSON", "{x: 1}", "d: line 1: expected a JSON object"],
    ["no object", '{"x": [1, 2]}\n[1]', "d: line 2: expected a JSON object, found [1]"],
    ["null", "null", "found null"],
    ["no such key", '{"x": [1, 2]}\n\n{"y": 1}', 'd: line 3, key "x": expected this key, found y'],
    ["an inherited key", "{}", "found an empty object"],
    ["a number for a list", '{"x": 1}', 'd: line 1, key "x": expected a list of 2, found 1'],
    [
      "a list of another length",
      '{"x": [1, 2, 3]}',
      "expected a list of 2, found a list of 3, [1,2,3]",
    ],
    ["a list too deep", '{"x": [[1], 2]}', "expected a number, found a list of 1, [1]"],
    ["text", '{"x": ["1", 2]}', 'expected a number, found "1"'],
    ["nothing", '{"x": [null, 2]}', "expected a number, found null"],
    ["a value out of range", '{"x": [1, 256]}', "expected an integer from 0 to 255, found 256"],
    ["a fraction", '{"x": [1, 0.5]}', "expected an integer from 0 to 255, found 0.5"],
    ["no lines", "\n\n", "expected rows for the column x, found none"],
    ["endless nesting", `{"x": ${"[".repeat(200_000)}`, "d: line 1"],
  ])("with %s are refused", async (_, text, message) => {
    expect(await problem({ d: text }, x)).toContain(message);
  });

  test("count lines from 1 and skip blank ones", async () => {
    expect(await problem({ d: '\n\n{"x": 1}' }, x)).toContain("line 3");
  });
});
