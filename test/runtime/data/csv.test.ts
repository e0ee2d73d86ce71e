import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { column, problem, read, source } from "./fixtures.ts";

const people = 'age,income,name,member\n31,1200.5,Ann,true\n 40 ,-3e2,"Bo, B",0\n';

describe("columns of a CSV file", () => {
  test("are found by their own name, by another, by number", async () => {
    const columns = await read(
      { "p.csv": people },
      source("csv", "p.csv", "age", "u8"),
      source("csv", "p.csv", "pay", "f32", [], { column: "income" }),
      source("csv", "p.csv", "flag", "bool", [], { column: 3 }),
    );
    expect(columns).toEqual([
      column("age", "u8", [], 2, new Uint8Array([31, 40])),
      column("pay", "f32", [], 2, new Float32Array([1200.5, -300])),
      column("flag", "bool", [], 2, new Uint8Array([1, 0])),
    ]);
  });

  test("take a list of fields in its order", async () => {
    const options = { columns: ["income", "age", 3] };
    const [x] = await read({ p: people }, source("csv", "p", "x", "f32", [3], options));
    expect(x).toEqual(column("x", "f32", [3], 2, new Float32Array([1200.5, 31, 1, -300, 40, 0])));
  });

  test("take adjacent fields from one on, in any shape", async () => {
    const files = { p: "t,a,b,c,d\n9,1,2,3,4\n8,5,6,7,8\n" };
    const [x, t] = await read(
      files,
      source("csv", "p", "x", "i32", [2, 2], { column: "a" }),
      source("csv", "p", "t", "u8"),
    );
    expect(x?.data).toEqual(new Int32Array([1, 2, 3, 4, 5, 6, 7, 8]));
    expect(t?.data).toEqual(new Uint8Array([9, 8]));
  });

  test("take the whole of a file of just as many fields", async () => {
    const headed = await read({ p: "a,b\n1,2\n" }, source("csv", "p", "x", "f32", [2]));
    expect(headed[0]?.data).toEqual(new Float32Array([1, 2]));
    const options = { header: false };
    const bare = await read({ p: "1,2\n3,4\n" }, source("csv", "p", "x", "f32", [2], options));
    expect(bare[0]?.data).toEqual(new Float32Array([1, 2, 3, 4]));
  });

  test("of one file may differ in how it is read", async () => {
    const columns = await read(
      { p: "n,1;m\n2,3;7\n" },
      source("csv", "p", "n", "f32"),
      source("csv", "p", "m", "f32", [], { delimiter: ";" }),
    );
    expect(columns.map(({ data }) => [...data])).toEqual([[2], [7]]);
  });

  test("survive byte order marks, carriage returns, blank lines, quotes, gzip", async () => {
    const text = '\ufeff"x","y"\r\n"1","2"\r\n\r\n3,4\r\n';
    const [x, y] = await read(
      { p: gzipSync(text) },
      source("csv", "p", "x", "f32"),
      source("csv", "p", "y", "f32"),
    );
    expect(x?.data).toEqual(new Float32Array([1, 3]));
    expect(y?.data).toEqual(new Float32Array([2, 4]));
  });

  test("are quoted by the quote that is given, which stands for itself twice", async () => {
    const options = { columns: ["x"], quote: "'" };
    const text = "x,y\n'1','say \"hi\"'\n2,'it''s \"'\n";
    const [x] = await read({ p: text }, source("csv", "p", "x", "f32", [1], options));
    expect(x?.data).toEqual(new Float32Array([1, 2]));
  });

  test("may be texts that stand for their places in a list", async () => {
    const classes = { classes: ["no", "yes", 7] };
    const files = { p: "seen,n\nyes,1\n no ,2\n7,3\n", q: '{"seen": "no"}\n{"seen": 7}\n' };
    const [seen] = await read(files, source("csv", "p", "seen", "u8", [], classes));
    expect(seen?.data).toEqual(new Uint8Array([1, 0, 2]));
    const [other] = await read(files, source("jsonl", "q", "seen", "u8", [], classes));
    expect(other?.data).toEqual(new Uint8Array([0, 2]));
    const few = { classes: ["no", "7"] };
    const expected = 'expected one of "no", "7", found "yes" (correct the value';
    expect(await problem(files, source("csv", "p", "seen", "u8", [], few))).toContain(
      `p: line 2, column "seen": ${expected}`,
    );
    expect(
      await problem({ q: '{"seen": "yes"}' }, source("jsonl", "q", "seen", "u8", [], few)),
    ).toContain('q: line 1, key "seen": expected one of "no", "7", found "yes"');
    const twice = { classes: ["no", "no"] };
    expect(await problem(files, source("csv", "p", "seen", "u8", [], twice))).toContain(
      "p: csv, argument classes: expected different texts",
    );
    expect(await problem(files, source("csv", "p", "seen", "u8"))).toContain(
      'texts become numbers by `classes = ["yes", …]`, words by `split = "whitespace"`',
    );
  });

  test("may have no value where it is said what is read then", async () => {
    const files = {
      p: "age,seen\n,yes\n NA ,?\n30,no\nnan,\nNone,no\nn/a,no\n",
      q: '{"age": [null, 3]}\n{"age": [1, null]}\n',
    };
    const [age] = await read(files, source("csv", "p", "age", "f32", [], { missing: -1.5 }));
    expect([...age!.data]).toEqual([-1.5, -1.5, 30, -1.5, -1.5, -1.5]);
    const classes = { classes: ["no", "yes"], missing: 2 };
    const [seen] = await read(files, source("csv", "p", "seen", "u8", [], classes));
    expect([...seen!.data]).toEqual([1, 2, 0, 2, 0, 0]);
    const [ages] = await read(files, source("jsonl", "q", "age", "f32", [2], { missing: 0 }));
    expect([...ages!.data]).toEqual([0, 3, 1, 0]);

    const hint = "say what to read for it, such as `missing = 0`, or correct the";
    expect(await problem(files, source("csv", "p", "age", "f32"))).toBe(
      `p: line 2, column "age": expected a finite number, found an empty field (${hint} value)`,
    );
    expect(await problem(files, source("jsonl", "q", "age", "f32", [2]))).toBe(
      `q: line 1, key "age": expected a number, found null (${hint} line)`,
    );
    expect(await problem(files, source("csv", "p", "age", "u8", [], { missing: -1 }))).toBe(
      "p: csv, argument missing: expected an integer from 0 to 255, found -1 (correct the argument)",
    );
    const split = { missing: 0, split: "whitespace" };
    expect(await problem(files, source("csv", "p", "age", "i32", [4], split))).toContain(
      "p: csv, argument missing: expected fields that are not split",
    );
  });

  test("are as many as there are rows, however many", async () => {
    const rows = Array.from({ length: 5000 }, (_, row) => `${row},${row / 4}`);
    const [x] = await read({ p: `a,b\n${rows.join("\n")}` }, source("csv", "p", "b", "f32"));
    expect(x?.rows).toBe(5000);
    expect(x?.data[4999]).toBe(4999 / 4);
  });
});

describe("a bad value", () => {
  const age = source("csv", "p", "age", "u8");
  const pay = source("csv", "p", "income", "f32");

  test.each([
    [
      "text",
      "age\n1\nold\n",
      age,
      'p: line 3, column "age": expected a finite number, found "old"',
    ],
    [
      "nothing",
      "age,b\n,1\n",
      age,
      'line 2, column "age": expected a finite number, found an empty field',
    ],
    ["NaN", "income\nnan\n", pay, 'found "nan"'],
    ["an infinity", "income\nInfinity\n", pay, 'found "Infinity"'],
    ["too large for a double", "income\n1e999\n", pay, 'found "1e999"'],
    [
      "too large for float32",
      "income\n1e39\n",
      pay,
      "expected a number within the range of float32",
    ],
    ["hexadecimal", "income\n0x10\n", pay, 'found "0x10"'],
    ["a label beyond u8", "age\n256\n", age, 'expected an integer from 0 to 255, found "256"'],
    ["a label below zero", "age\n-1\n", age, 'found "-1"'],
    [
      "a label that is no integer",
      "age\n1.5\n",
      age,
      'expected an integer from 0 to 255, found "1.5"',
    ],
    [
      "a short row",
      "age,b\n1,2\n3\n",
      age,
      "p: line 3: expected 2 fields, as in the first line, found 1",
    ],
    [
      "a long row",
      "age,b\n1,2,3\n",
      age,
      "p: line 2: expected 2 fields, as in the first line, found 3",
    ],
    [
      "an open quote",
      'age,b\n"1",2\n1,"2\n3,4\n5,6\n',
      age,
      'p: line 3: expected a closing " for the one that opens here, found the end of the file (close every quote',
    ],
    [
      "an open quote before another",
      'age,b\n1,"2\n3,4\n5,"6"\n',
      age,
      'p: line 2: expected a closing " for the one that opens here, found " before "6" in line 4',
    ],
    [
      "a first line of data",
      "0.5,1\n2,3\n",
      source("csv", "p", "x", "f32", [2]),
      "p: first line: expected the names of the columns, found numbers, 0.5, 1 (give `header = false`",
    ],
    [
      "another delimiter",
      "age;b\n1;2\n",
      age,
      'line 2, column "age;b": expected a finite number, found "1;2" (give the file\'s delimiter: `delimiter = ";"`)',
    ],
    [
      "another delimiter, and columns by number",
      "age;b\n1;2\n",
      source("csv", "p", "x", "f32", [2], { columns: [0, 1] }),
      'expected a column number 1, found 1 column (give the file\'s delimiter: `delimiter = ";"`)',
    ],
    ["a decimal comma", 'age\n"0,5"\n', age, 'found "0,5" (write decimals with a point)'],
    ["a stray quote", 'age,b\n1,2"x"\n', age, "p: line 2: expected comma-separated values"],
    ["no rows", "age\n", age, "expected rows for the column age, found none"],
    ["an empty file", "", age, "expected rows for the column age, found none"],
  ])("%s", async (_, text, wanted, message) => {
    expect(await problem({ p: text }, wanted)).toContain(message);
  });

  test("in a file without header is placed by number", async () => {
    const options = { header: false, column: 1 };
    expect(await problem({ p: "1,x\n" }, source("csv", "p", "y", "f32", [], options))).toContain(
      'p: line 1, column 1: expected a finite number, found "x"',
    );
  });
});

describe("a column that cannot be found", () => {
  test.each([
    [
      "unknown name",
      "a,b\n1,2\n",
      [],
      {},
      'expected a column named "x" for x: f32, found the header a, b',
    ],
    ["ambiguous name", "x,x,c\n1,2,3\n", [], {}, "found several of that name"],
    [
      "number beyond the last",
      "a,b\n1,2\n",
      [],
      { column: 2 },
      "expected a column number 2, found 2 columns",
    ],
    [
      "name without header",
      "1,2\n",
      [],
      { header: false, column: "x" },
      "found a file without header",
    ],
    [
      "too few adjacent fields",
      "a,b,x\n1,2,3\n",
      [2],
      {},
      "expected 2 columns from number 2 on for x: f32[2], found 1",
    ],
    [
      "list of another length",
      "a,b\n1,2\n",
      [3],
      { columns: ["a"] },
      "expected 3 columns for x: f32[3], found a list of 1",
    ],
    [
      "list that is none",
      "a,b\n1,2\n",
      [3],
      { columns: "a" },
      "argument columns: expected a list of columns' names",
    ],
    [
      "negative number",
      "a,b\n1,2\n",
      [],
      { column: -1 },
      "argument column: expected a column's name, or its number",
    ],
    [
      "empty delimiter",
      "a,b\n1,2\n",
      [],
      { delimiter: "" },
      "argument delimiter: expected a text that is not empty",
    ],
    ["unknown argument", "a,b\n1,2\n", [], { colum: "a" }, "vocabulary, found colum"],
  ])("%s", async (_, text, shape, options, message) => {
    expect(await problem({ p: text }, source("csv", "p", "x", "f32", shape, options))).toContain(
      message,
    );
  });
});
