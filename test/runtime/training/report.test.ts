/** What a training shows: Keras' numbers and tables, predictions in three formats. */

import { Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { type ColumnInput, columnFromInput } from "../../../runtime/training/column-input.ts";
import {
  encodeCsv,
  encodeJsonLines,
  encodeNpy,
} from "../../../runtime/training/command/output-formats.ts";
import { BarReporter } from "../../../runtime/training/report/bar-reporter.ts";
import { formatMetric, formatSeconds } from "../../../runtime/training/report/format.ts";
import { formatBytes, formatLarge } from "../../../runtime/training/report/quantities.ts";
import { formatSummary } from "../../../runtime/training/summary.ts";
import { lineDefinition } from "./fake-model.ts";

describe("numbers", () => {
  it("have four decimals, or an exponent where those would say nothing", () => {
    expect([0.04338, 1, 0, 0.00042, -12.5, Number.NaN, Infinity].map(formatMetric)).toEqual([
      "0.0434",
      "1.0000",
      "0.0000",
      "4.2000e-04",
      "-12.5000",
      "nan",
      "inf",
    ]);
    expect([0.04, 59.4, 61, 7300].map(formatSeconds)).toEqual(["0.0s", "59s", "1m01s", "2h01m"]);
    expect([formatBytes(101800), formatLarge(19.66e6), formatLarge(12)]).toEqual([
      "99.41 KB",
      "19.7 M",
      "12",
    ]);
  });
});

describe("the progress bar", () => {
  it("shows batches and metrics on the terminal, and leaves a line an epoch", () => {
    const shown: string[] = [];
    const lines: string[] = [];
    const terminal = Object.assign(new Writable(), {
      isTTY: true,
      columns: 120,
      write: (text: string) => shown.push(text) > 0,
    }) as unknown as NodeJS.WriteStream;
    const reporter = new BarReporter({ write: (text: string) => lines.push(text) }, terminal);
    const logs = { loss: 0.5, accuracy: 0.25 };
    reporter.epochBegin(0, 2, 10);
    reporter.progress(5, logs);
    reporter.epochEnd({ epoch: 0, epochs: 2, batches: 10, seconds: 1, logs });
    reporter.message("reduced");
    reporter.close();
    expect(shown.join("")).toContain("Epoch 1/2  5/10  [████████████░░░░░░░░░░░░]");
    expect(shown.join("")).toContain("loss: 0.5000 - accuracy: 0.2500");
    expect(lines.join("")).toBe(
      "Epoch 1/2  10/10  1.0s  loss: 0.5000 - accuracy: 0.2500\nreduced\n",
    );
  });
});

describe("the summary", () => {
  const layer = (name: string, parameters: number, ...connectedTo: string[]) => {
    return { name, type: "Dense", outputShape: [null, 32], parameters, connectedTo };
  };
  const { plan } = lineDefinition();

  it("is Keras' table", () => {
    const layers = [layer("dense", 25120), layer("dense_1", 330, "dense[0][0]")];
    expect(formatSummary({ ...plan, layers })).toBe(`Model: "Line"
┏━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━┳━━━━━━━━━┓
┃ Layer (type)    ┃ Output Shape ┃ Param # ┃
┡━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━╇━━━━━━━━━┩
│ dense (Dense)   │ (None, 32)   │  25,120 │
├─────────────────┼──────────────┼─────────┤
│ dense_1 (Dense) │ (None, 32)   │     330 │
└─────────────────┴──────────────┴─────────┘
 Total params: 3 (12.00 B)
 Trainable params: 2 (8.00 B)
 Non-trainable params: 1 (4.00 B)
 Optimizer params: 2 (8.00 B)`);
  });

  it("says what is connected where that is no chain", () => {
    const layers = [layer("a", 1), layer("b", 1), layer("c", 0, "a[0][0]", "b[1][0]")];
    expect(formatSummary({ ...plan, layers })).toContain(
      `│ c (Dense)    │ (None, 32)   │       0 │ a[0][0],     │
│              │              │         │ b[1][0]      │
`,
    );
  });
});

describe("predictions", () => {
  const outputs = [
    { name: "digit", dtype: "f32", shape: [2, 2], data: Float32Array.of(0.1, 1, 1e-9, -2) },
    { name: "age", dtype: "i32", shape: [2], data: Int32Array.of(3, 4) },
  ] as const;

  it("as CSV and JSON lines have the shortest numbers that give the same float32", () => {
    expect(encodeCsv(outputs)).toBe("digit_0,digit_1,age\n0.1,1,3\n1e-9,-2,4\n");
    expect(encodeJsonLines(outputs)).toBe(
      '{"digit":[0.1,1],"age":3}\n{"digit":[1e-9,-2],"age":4}\n',
    );
  });

  it("as NPY have NumPy's header, padded to 64 bytes", () => {
    const bytes = encodeNpy(outputs[0]);
    const length = bytes[8]! + bytes[9]! * 256;
    expect((10 + length) % 64).toBe(0);
    const header = new TextDecoder().decode(bytes.subarray(10, 10 + length));
    expect(header.trimEnd()).toBe("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }");
    expect(bytes.length).toBe(10 + length + 16);
  });
});

describe("columns from values", () => {
  const image = { name: "image", dtype: "u8", shape: [2, 2] } as const;

  it("may be flat, shaped or nested", () => {
    const flat = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    const nested = [
      [
        [1, 2],
        [3, 4],
      ],
      [
        [5, 6],
        [7, 8],
      ],
    ];
    const inputs = [flat, { data: Float64Array.from(flat), shape: [2, 2, 2] }, nested];
    for (const input of inputs) {
      const column = columnFromInput(image, input);
      expect([column.rows, [...column.data]]).toEqual([2, [...flat]]);
    }
    // Not copied where nothing has to be converted.
    expect(columnFromInput(image, flat).data).toBe(flat);
  });

  it.each([
    [Uint8Array.of(1, 2, 3), /3 elements are not whole rows of \[2, 2\]/],
    [{ data: new Uint8Array(8), shape: [2, 4] }, /rows of \[2, 2\], not a tensor of \[2, 4\]/],
    [[[[1, 2]]], /axis 0 of a row has 1 values/],
    [[1, 2], /not single numbers/],
    [
      "x.npy",
      /takes a typed array, a tensor .* or nested arrays of numbers, found the text "x.npy"/,
    ],
    [{ data: [1, 2, 3, 4], shape: [1, 2, 2] }, /found \[object Object\]/],
    [null, /found null/],
    [Int32Array.of(1, 2, 3, 256), /whole numbers from 0 to 255, and 256 is not/],
    [
      [
        [
          [1, 2],
          [3, 0.5],
        ],
      ],
      /0.5 is not one of them/,
    ],
  ])("%j is refused", (input, message) => {
    expect(() => columnFromInput(image, input as ColumnInput)).toThrow(message);
  });

  it("of bool are 0 and 1", () => {
    const flag = { name: "flag", dtype: "bool", shape: [] } as const;
    expect([...columnFromInput(flag, [true, false, 1]).data]).toEqual([1, 0, 1]);
    expect(() => columnFromInput(flag, Uint8Array.of(2))).toThrow(/2 is neither/);
  });

  it("has indexes of what there is alone", () => {
    const indexes = { what: "token", count: 5 };
    const tokens = { name: "tokens", dtype: "i32", shape: [2], indexes } as const;
    expect(columnFromInput(tokens, [[0, 4]])).toEqual({
      name: "tokens",
      dtype: "i32",
      shape: [2],
      rows: 1,
      data: new Int32Array([0, 4]),
    });
    expect(() =>
      columnFromInput(tokens, [
        [0, 4],
        [1, -1],
      ]),
    ).toThrow("column tokens takes a token from 0 to 4, and row 1 has -1");
  });
});
