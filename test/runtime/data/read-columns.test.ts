/** What holds for all readers: blocks of columns, damaged files, the real data sets. */

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { zipSync } from "fflate";
import { describe, expect, test } from "vitest";
import { readCsv } from "../../../runtime/data/csv.ts";
import { DataError } from "../../../runtime/data/data-error.ts";
import type { DataFile } from "../../../runtime/data/data-file.ts";
import { readIdx } from "../../../runtime/data/idx.ts";
import { readJsonLines } from "../../../runtime/data/json-lines.ts";
import { readNpy } from "../../../runtime/data/npy.ts";
import { readNpz } from "../../../runtime/data/npz.ts";
import { readColumns } from "../../../runtime/data/read-columns.ts";
import type { TextEncodings } from "../../../runtime/data/text/encodings.ts";
import type { ColumnSource } from "../../../runtime/plan.ts";
import { idxFile, npyFile, problem, read, source } from "./fixtures.ts";

describe("a block", () => {
  test("of several files keeps the order of its sources", async () => {
    const columns = await read(
      { a: "x,y\n1,2\n", b: '{"z": 3}' },
      source("csv", "a", "y", "f32"),
      source("jsonl", "b", "z", "f32"),
      source("csv", "a", "x", "f32"),
    );
    expect(columns.map(({ name, data }) => [name, data[0]])).toEqual([
      ["y", 2],
      ["z", 3],
      ["x", 1],
    ]);
  });

  test("of unequal files is refused", async () => {
    const message = await problem(
      { a: "x\n1\n2\n", b: '{"z": 3}' },
      source("csv", "a", "x", "f32"),
      source("jsonl", "b", "z", "f32"),
    );
    expect(message).toContain("b: expected 2 rows for the column z, as in a, found 1");
  });

  test("has indexes of what there is alone, wherever they are read from", async () => {
    const indexes = { what: "class", count: 3, besides: 255 };
    const classes = (reader: "csv" | "jsonl" | "idx" | "npy", path: string): ColumnSource => {
      const column = { name: "y", dtype: "u8", shape: [], indexes } as const;
      return { column, reader, path, options: {} };
    };
    const npy = (...values: number[]) =>
      npyFile("{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }", new Uint8Array(values));
    const [y] = await read({ a: npy(0, 2, 255) }, classes("npy", "a"));
    expect(y?.data).toEqual(new Uint8Array([0, 2, 255]));
    const expected = "expected a class from 0 to 2 or 255";
    expect(await problem({ a: npy(0, 2, 3) }, classes("npy", "a"))).toContain(
      `a: element [2]: ${expected} for the column y, found 3 (uint8) (correct the file, or give`,
    );
    expect(await problem({ a: idxFile(8, [2], [1, 4]) }, classes("idx", "a"))).toContain(
      `a: element [1]: ${expected}`,
    );
    expect(await problem({ a: "x,y\n0,1\n\n0,3\n" }, classes("csv", "a"))).toContain(
      `a: line 4, column "y": ${expected}, found "3"`,
    );
    expect(await problem({ a: '{"y": 3}' }, classes("jsonl", "a"))).toContain(expected);
  });

  test("without sources has no columns", async () => {
    expect(await read({})).toEqual([]);
  });

  test("names arguments that its reader does not take", async () => {
    expect(await problem({}, source("idx", "a", "x", "u8", [], { key: "x" }))).toContain(
      "a: idx: expected start, stop, found key",
    );
  });
});

describe("a damaged file gives a DataError or columns, in bounded time", () => {
  const npy = npyFile(
    "{'descr': '<f4', 'fortran_order': True, 'shape': (3, 2), }",
    new Uint8Array(24).fill(63),
  );
  const examples: readonly {
    readonly name: string;
    readonly read: (
      file: DataFile,
      sources: readonly ColumnSource[],
      encodings: TextEncodings,
    ) => unknown;
    readonly bytes: Uint8Array;
    readonly source: ColumnSource;
  }[] = [
    {
      name: "IDX",
      read: readIdx,
      bytes: idxFile(
        0x0d,
        [3, 2],
        Array.from({ length: 24 }, (_, i) => i),
      ),
      source: source("idx", "f", "x", "f32", [2]),
    },
    { name: "NPY", read: readNpy, bytes: npy, source: source("npy", "f", "x", "f32", [2]) },
    {
      name: "NPZ",
      read: readNpz,
      bytes: zipSync({ "x.npy": npy, "y.npy": [npy, { level: 0 }] }),
      source: source("npz", "f", "x", "f32", [2]),
    },
    {
      name: "CSV",
      read: readCsv,
      bytes: Buffer.from('a,"b",c\n1,2,3\n"4",5e1,-6\n7,8,.9\n'),
      source: source("csv", "f", "x", "f32", [2], { columns: ["c", "a"] }),
    },
    {
      name: "JSON lines",
      read: readJsonLines,
      bytes: Buffer.from('{"x": [1, 2.5]}\n{"x": [3, -4], "y": {"z": "text"}}\n'),
      source: source("jsonl", "f", "x", "f32", [2]),
    },
  ];

  test.each(examples)("$name", ({ read: readFile, bytes, source: wanted }) => {
    const change = fc.record({ at: fc.nat(bytes.length - 1), value: fc.nat(255) });
    const piece = fc.record({ from: fc.nat(bytes.length), length: fc.nat(20) });
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 4 }),
        fc.nat(bytes.length),
        piece,
        (changes, length, { from, length: removed }) => {
          const changed = new Uint8Array(bytes);
          for (const { at, value } of changes) changed[at] = value;
          const candidates = [
            changed,
            changed.subarray(0, length),
            new Uint8Array([...changed.subarray(0, from), ...changed.subarray(from + removed)]),
          ];
          for (const candidate of candidates) {
            try {
              readFile({ name: "f", bytes: candidate }, [wanted], new Map());
            } catch (error) {
              if (!(error instanceof DataError)) throw error;
            }
          }
        },
      ),
      { numRuns: 1500 },
    );
  });

  test("gzip", async () => {
    const packed = gzipSync("x\n1\n2\n");
    await fc.assert(
      fc.asyncProperty(fc.nat(packed.length - 1), fc.nat(255), async (at, value) => {
        const changed = new Uint8Array(packed);
        changed[at] = value;
        await read({ f: changed }, source("csv", "f", "x", "f32")).catch((error: unknown) => {
          if (!(error instanceof DataError)) throw error;
        });
      }),
      { numRuns: 200 },
    );
  });
});

const digits = fileURLToPath(new URL("../../../dsl-examples/data/mnist/", import.meta.url));

test.skipIf(!existsSync(digits) && !process.env.CI)(
  "MNIST, as it ships beside the examples, is read (skipped where dsl-examples/data/mnist is absent)",
  async () => {
    const [image, label] = await readColumns(
      [
        source("idx", "t10k-images-idx3-ubyte.gz", "image", "u8", [28, 28]),
        source("idx", "t10k-labels-idx1-ubyte.gz", "label", "u8"),
      ],
      digits,
    );
    expect(image).toMatchObject({ rows: 10_000, shape: [28, 28] });
    expect([...(label?.data.subarray(0, 10) ?? [])]).toEqual([7, 2, 1, 0, 4, 1, 4, 9, 5, 9]);
  },
);
