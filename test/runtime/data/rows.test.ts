import { zipSync } from "fflate";
import { describe, expect, test } from "vitest";
import { idxFile, npyFile, problem, read, source } from "./fixtures.ts";

const bytes = (values: readonly number[], shape: string): Uint8Array =>
  npyFile(`{'descr': '|u1', 'fortran_order': False, 'shape': ${shape}, }`, Uint8Array.from(values));

const elements = async (
  ...args: Parameters<typeof read>
): Promise<readonly (readonly number[])[]> => (await read(...args)).map(({ data }) => [...data]);

describe("rows of arrays", () => {
  const pairs = bytes([1, 2, 3, 4, 5, 6], "(3, 2)");

  test("are those from start to stop", async () => {
    const part = source("npy", "a", "x", "u8", [2], { start: 1, stop: 2 });
    expect(await elements({ a: pairs }, part)).toEqual([[3, 4]]);
    const none = source("npy", "a", "x", "u8", [2], { start: 2, stop: 5 });
    expect(await problem({ a: pairs }, none)).toContain("expected rows 2 to 5, found 3 rows");
  });

  test("of MNIST's format, too", async () => {
    const x = source("idx", "a", "x", "u8", [2], { start: 2 });
    expect(await elements({ a: idxFile(0x08, [3, 2], [1, 2, 3, 4, 5, 6]) }, x)).toEqual([[5, 6]]);
  });

  const ragged = zipSync({ "x.npy": pairs, "at.npy": bytes([0, 0, 2], "(3,)") });

  test("may have different lengths", async () => {
    const filled = { row_starts: "at", fill: 9 };
    const x = source("npz", "a", "x", "f32", [2, 2], filled);
    expect(await elements({ a: ragged }, x)).toEqual([[9, 9, 9, 9, 1, 2, 3, 4, 5, 6, 9, 9]]);
    const cut = source("npz", "a", "x", "u8", [1, 2], { row_starts: "at", start: 1 });
    expect(await elements({ a: ragged }, cut)).toEqual([[1, 2, 5, 6]]);
  });

  test("must start where there are elements, in order", async () => {
    const wrong = zipSync({ "x.npy": pairs, "at.npy": bytes([0, 7], "(2,)") });
    const x = source("npz", "a", "x", "u8", [2, 2], { row_starts: "at" });
    expect(await problem({ a: wrong }, x)).toContain("ascending places from 0 to 3");
    const scalar = source("npz", "a", "x", "u8", [], { row_starts: "at" });
    expect(await problem({ a: ragged }, scalar)).toContain("found a scalar");
  });
});

describe("binary files", () => {
  const file = { b: Uint8Array.from([7, 1, 2, 8, 3, 4, 9]) };

  test("have records", async () => {
    const columns = await elements(
      file,
      source("binary", "b", "label", "i32", [], { stride: 3, stop: 6 }),
      source("binary", "b", "pair", "u8", [2], { stride: 3, offset: 1 }),
    );
    expect(columns).toEqual([
      [7, 8],
      [1, 2, 3, 4],
    ]);
  });

  test("have overlapping windows", async () => {
    const windows = source("binary", "b", "w", "u8", [3], { stride: 2, start: 1 });
    expect(await elements(file, windows)).toEqual([[1, 2, 8, 8, 3, 4]]);
  });

  test("must be long enough", async () => {
    const long = source("binary", "b", "w", "u8", [8]);
    expect(await problem(file, long)).toContain("found a file of 7 bytes");
    const stride = source("binary", "b", "w", "u8", [2], { stride: 0 });
    expect(await problem(file, stride)).toContain("expected rows of 2 bytes");
  });
});
