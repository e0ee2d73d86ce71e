import { readFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Column } from "../../../runtime/data/column.ts";
import { formatCsv, formatJsonLines } from "../../../runtime/data/column-text.ts";
import { DataError } from "../../../runtime/data/data-error.ts";
import { formatNpy } from "../../../runtime/data/npy-writer.ts";
import { readColumns } from "../../../runtime/data/read-columns.ts";
import { writeColumns } from "../../../runtime/data/write-columns.ts";
import type { ColumnSource } from "../../../runtime/plan.ts";
import { column, withFiles } from "./fixtures.ts";

const digit = column("digit", "f32", [2], 2, new Float32Array([0.1, 0.9, 1 / 3, 1e-40]));
const label = column("label", "u8", [], 2, new Uint8Array([1, 0]));
const grid = column("grid", "i32", [1, 2], 2, new Int32Array([-1, 2, 3, 4]));
const flag = column("flag", "bool", [], 2, new Uint8Array([1, 0]));

describe("text", () => {
  test("CSV has a field for each element, in as few digits as float32 needs", () => {
    expect([...formatCsv([digit, label, grid])].join("")).toBe(
      "digit_0,digit_1,label,grid_0_0,grid_0_1\n0.1,0.9,1,-1,2\n0.33333334,1e-40,0,3,4\n",
    );
  });

  test("JSON lines nest as the shape does", () => {
    expect([...formatJsonLines([digit, grid, flag])].join("")).toBe(
      '{"digit":[0.1,0.9],"grid":[[-1,2]],"flag":true}\n' +
        '{"digit":[0.33333334,1e-40],"grid":[[3,4]],"flag":false}\n',
    );
  });

  test("what is no number is written as each format can", () => {
    const odd = column("x", "f32", [], 4, new Float32Array([NaN, Infinity, -Infinity, -0]));
    expect([...formatCsv([odd])].join("")).toBe("x\nnan\ninf\n-inf\n-0\n");
    expect([...formatJsonLines([odd])].join("")).toBe(
      '{"x":null}\n{"x":null}\n{"x":null}\n{"x":-0}\n',
    );
  });
});

test("NPY aligns its elements and ends its header with a newline", () => {
  const bytes = formatNpy(digit);
  expect(bytes.length % 64).toBe(16);
  expect(new TextDecoder("latin1").decode(bytes.subarray(10, 128)).trimEnd()).toBe(
    "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }",
  );
  expect(bytes[127]).toBe(10);
});

describe("a file", () => {
  function sourcesOf(path: string, columns: readonly Column[]): readonly ColumnSource[] {
    const reader = path.slice(path.lastIndexOf(".") + 1) as ColumnSource["reader"];
    return columns.map(({ name, dtype, shape }) => {
      const first = shape.length > 0 ? `${name}${"_0".repeat(shape.length)}` : name;
      const options = reader === "csv" ? { column: first } : {};
      return { column: { name, dtype, shape }, reader, path, options };
    });
  }

  test.each(["out.csv", "out.npz", "out.jsonl"])(
    "%s reads back as it was written",
    async (path) => {
      const columns = [digit, label, grid, flag];
      await withFiles({}, async (folder) => {
        await writeColumns(join(folder, path), columns);
        expect(await readColumns(sourcesOf(path, columns), folder)).toEqual(columns);
      });
    },
  );

  test("NPY holds one column", async () => {
    await withFiles({}, async (folder) => {
      const path = join(folder, "out.npy");
      await writeColumns(path, [grid]);
      expect(await readColumns(sourcesOf("out.npy", [grid]), folder)).toEqual([grid]);
      await expect(writeColumns(path, [grid, digit])).rejects.toThrow(
        "write several columns to a .npz",
      );
    });
  });

  test("without a known extension is refused, and nothing is written", async () => {
    await expect(writeColumns("nowhere/out.txt", [digit])).rejects.toThrow(DataError);
    await expect(writeColumns("nowhere/out", [digit])).rejects.toThrow("found no extension");
  });

  test("every float32 survives every format", async () => {
    const values = fc.float32Array({
      minLength: 1,
      maxLength: 20,
      noNaN: true,
      noDefaultInfinity: true,
    });
    await withFiles({}, (folder) =>
      fc.assert(
        fc.asyncProperty(values, async (data) => {
          const x = column("x", "f32", [], data.length, data);
          for (const path of ["out.csv", "out.npy", "out.jsonl"]) {
            await writeColumns(join(folder, path), [x]);
            const [back] = await readColumns(sourcesOf(path, [x]), folder);
            expect(back?.data).toEqual(data);
          }
        }),
        { numRuns: 30 },
      ),
    );
  });

  test("of many rows is written in chunks that add up", async () => {
    const rows = 3000;
    const x = column(
      "x",
      "i32",
      [],
      rows,
      Int32Array.from({ length: rows }, (_, i) => i),
    );
    await withFiles({}, async (folder) => {
      await writeColumns(join(folder, "out.csv"), [x]);
      const lines = (await readFile(join(folder, "out.csv"), "utf8")).split("\n");
      expect(lines.length).toBe(rows + 2);
      expect(lines[rows]).toBe("2999");
    });
  });
});
