import { zipSync } from "fflate";
import { describe, expect, test } from "vitest";
import { npyFile, problem, read, source } from "./fixtures.ts";

/**
 * Written by NumPy 2.4: `x_train` int16 big-endian 0 … 11 as [3, 4], `y_train` float64
 * column-major 0 … 5 over 4 as [3, 2], `big` int64 [2⁴⁰]; deflated.
 */
const archive = Buffer.from(
  "UEsDBC0AAAAIAAAAIQBWxVnq//////////8LABQAeF90cmFpbi5ucHkBABAAmAAAAAAAAABeAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxc" +
    "pG6loG6XaaSuo6Cell9UUpSYF59flJIKEndLzClOBYoXZyQWpAL5GsY6CiaaOgq1CmQDLgYGBkYGJgZmBhYGVgY2BnYGDgZOBi4GbgBQ" +
    "SwMELQAAAAgAAAAhADmsPqz//////////wsAFAB5X3RyYWluLm5weQEAEACwAAAAAAAAAFYAAAAAAAAAm+wX6hsQychQxlCtnpJanFyk" +
    "bqWgbpNmoa6joJ6WX1RSlJgXn1+UkgoSDykqTQUKF2ckFqQCuRrGOgpGmjoKtQrkAy4GFPDAHkJ/gNIXoPQLKP3FHgBQSwMELQAAAAgA" +
    "AAAhAJfwfJP//////////wcAFABiaWcubnB5AQAQAIgAAAAAAAAASgAAAAAAAACb7BfqGxDJyFDGUK2eklqcXKRupaBuk2mhrqOgnpZf" +
    "VFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RqGOpo6CrUKFAAuBhBgZGAAAFBLAQItAy0AAAAIAAAAIQBWxVnqXgAAAJgAAAALAAAAAAAA" +
    "AAAAAACAAQAAAAB4X3RyYWluLm5weVBLAQItAy0AAAAIAAAAIQA5rD6sVgAAALAAAAALAAAAAAAAAAAAAACAAZsAAAB5X3RyYWluLm5w" +
    "eVBLAQItAy0AAAAIAAAAIQCX8HyTSgAAAIgAAAAHAAAAAAAAAAAAAACAAS4BAABiaWcubnB5UEsFBgAAAAADAAMApwAAALEBAAAAAA==",
  "base64",
);

const header = (descriptor: string, shape: string, order = "False") =>
  `{'descr': '${descriptor}', 'fortran_order': ${order}, 'shape': ${shape}, }`;

function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

describe("an NPY file", () => {
  test.each([
    ["<f4", bytesOf(new Float32Array([1.5, -2])), [1.5, -2]],
    ["<f8", bytesOf(new Float64Array([0.1, -2])), [Math.fround(0.1), -2]],
    [">f8", new Uint8Array([0x3f, 0xf8, 0, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0]), [1.5, -2]],
    ["<f2", new Uint8Array([0x00, 0x3e, 0xff, 0x7b]), [1.5, 65504]],
    ["<f2", new Uint8Array([0x01, 0x00, 0x00, 0xfc]), [2 ** -24, Number.NEGATIVE_INFINITY]],
    ["|i1", bytesOf(new Int8Array([-1, 5])), [-1, 5]],
    ["|u1", new Uint8Array([255, 5]), [255, 5]],
    [">i2", new Uint8Array([0xff, 0xfe, 1, 0]), [-2, 256]],
    ["<u2", bytesOf(new Uint16Array([65535, 5])), [65535, 5]],
    ["<i4", bytesOf(new Int32Array([-7, 2 ** 30])), [-7, 2 ** 30]],
    ["<u4", bytesOf(new Uint32Array([2 ** 31, 1])), [2 ** 31, 1]],
    ["<i8", bytesOf(new BigInt64Array([-(2n ** 40n), 3n])), [-(2 ** 40), 3]],
    ["<u8", bytesOf(new BigUint64Array([2n ** 40n, 3n])), [2 ** 40, 3]],
    ["|b1", new Uint8Array([0, 1]), [0, 1]],
  ])("of %s becomes float32", async (descriptor, elements, expected) => {
    const file = npyFile(header(descriptor, "(2,)"), elements);
    const [x] = await read({ "x.npy": file }, source("npy", "x.npy", "x", "f32"));
    expect([...(x?.data ?? [])]).toEqual(expected);
  });

  test.each([1, 2, 3])("of version %i is read", async (version) => {
    const file = npyFile(header("<i4", "(2, 1)"), bytesOf(new Int32Array([3, 4])), version);
    const [x] = await read({ x: file }, source("npy", "x", "x", "i32"));
    expect(x).toMatchObject({ rows: 2, shape: [], data: new Int32Array([3, 4]) });
  });

  test("in column-major order is put in rows", async () => {
    // [[[0 1] [2 3]] [[4 5] [6 7]] [[8 9] [10 11]]]
    const elements = bytesOf(new Int32Array([0, 4, 8, 2, 6, 10, 1, 5, 9, 3, 7, 11]));
    const file = npyFile(header("<i4", "(3, 2, 2)", "True"), elements);
    const [x] = await read({ x: file }, source("npy", "x", "x", "i32", [2, 2]));
    expect([...(x?.data ?? [])]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  test("whose header has another order of keys is read", async () => {
    const text = "{'shape': (1,), 'fortran_order': False, 'descr': '|u1'}";
    const [x] = await read(
      { x: npyFile(text, new Uint8Array([9])) },
      source("npy", "x", "x", "u8"),
    );
    expect(x?.data).toEqual(new Uint8Array([9]));
  });
});

describe("a malformed NPY file", () => {
  const good = npyFile(header("<f4", "(2,)"), new Uint8Array(8));
  const wide = bytesOf(new BigInt64Array([1n, 2n ** 31n]));

  test.each([
    ["empty", new Uint8Array(0), "byte 0: expected the magic string of NPY"],
    ["of another kind", new Uint8Array(100), "byte 0: expected the magic string of NPY"],
    [
      "of version 4",
      npyFile("{}", new Uint8Array(0), 4),
      "byte 6: expected version 1, 2 or 3, found 4",
    ],
    ["cut before its header", good.subarray(0, 9), "byte 8: expected the header's length"],
    ["cut in its header", good.subarray(0, 30), "byte 8: expected a header of at most 20 bytes"],
    [
      "cut in its elements",
      good.subarray(0, good.length - 1),
      "expected 8 bytes for float32[2], found 7",
    ],
    [
      "without a shape",
      npyFile("{'descr': '<f4', 'fortran_order': False}", new Uint8Array(0)),
      "'fortran_order' and 'shape'",
    ],
    [
      "of records",
      npyFile(
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}",
        new Uint8Array(4),
      ),
      "a plain 'descr'",
    ],
    [
      "of objects",
      npyFile(header("|O", "(1,)"), new Uint8Array(8)),
      'found "|O" (save the array as numbers',
    ],
    ["of text", npyFile(header("<U4", "(1,)"), new Uint8Array(16)), 'found "<U4"'],
    [
      "of impossible size",
      npyFile(header("<f4", "(99999999999999, 99999999999999)"), new Uint8Array(4)),
      "bytes for float32",
    ],
    [
      "without dimensions",
      npyFile(header("<f4", "()"), new Uint8Array(4)),
      "the first dimension of a data file counts the rows",
    ],
  ])("%s", async (_, bytes, message) => {
    expect(await problem({ x: bytes }, source("npy", "x", "x", "f32"))).toContain(message);
  });

  test("with values that do not fit says which", async () => {
    const file = npyFile(header("<i8", "(2,)"), wide);
    expect(await problem({ x: file }, source("npy", "x", "x", "i32"))).toContain(
      "x: element [1]: expected an integer from -2147483648 to 2147483647 for the column x, " +
        "found 2147483648 (int64)",
    );
    const flags = npyFile(header("|b1", "(2,)"), new Uint8Array([1, 2]));
    expect(await problem({ x: flags }, source("npy", "x", "x", "bool"))).toContain(
      "expected 0 or 1 for the column x, found 2",
    );
    const large = npyFile(header("<f8", "(1,)"), bytesOf(new Float64Array([1e300])));
    expect(await problem({ x: large }, source("npy", "x", "x", "f32"))).toContain("found 1e+300");
  });
});

describe("an NPZ file", () => {
  test("of NumPy gives its arrays by name", async () => {
    const [x, y] = await read(
      { "a.npz": archive },
      source("npz", "a.npz", "x_train", "f32", [4]),
      source("npz", "a.npz", "y", "f32", [2], { key: "y_train" }),
    );
    expect(x?.data).toEqual(Float32Array.from({ length: 12 }, (_, i) => i));
    expect(y?.data).toEqual(Float32Array.from({ length: 6 }, (_, i) => i / 4));
  });

  test("without the array lists those it has", async () => {
    expect(await problem({ a: archive }, source("npz", "a", "image", "f32"))).toContain(
      'a: expected an array named "image" for the column image, found x_train, y_train, big',
    );
  });

  test("names the array in which something is wrong", async () => {
    expect(await problem({ a: archive }, source("npz", "a", "big", "i32"))).toContain(
      "a, array big: element [0]: expected an integer",
    );
  });

  test("that is no archive, or a broken one, is refused", async () => {
    const big = source("npz", "a", "big", "f32");
    expect(await problem({ a: "not a zip" }, big)).toContain("expected a whole zip archive");
    expect(await problem({ a: archive.subarray(0, 300) }, big)).toContain(
      "expected a whole zip arch",
    );
    const text = zipSync({ "big.npy": new Uint8Array([1, 2, 3]) });
    expect(await problem({ a: text }, big)).toContain("a, array big: byte 0");
  });

  test("that claims an absurd size is refused before it is unpacked", async () => {
    const zip = zipSync({ "big.npy": new Uint8Array(1000) });
    const view = new DataView(zip.buffer);
    const directory = view.getUint32(zip.length - 6, true);
    view.setUint32(directory + 24, 0xfffffff0, true);
    expect(await problem({ a: zip }, source("npz", "a", "big", "f32"))).toContain(
      "4294967280 unpacked",
    );
  });
});

test("names of a damaged archive are shown on one line", async () => {
  const archive = zipSync({ "a\nb\u001b[2J\u009b.npy": new Uint8Array(8) });
  expect(await problem({ "d.npz": archive }, source("npz", "d.npz", "x", "f32"))).toContain(
    String.raw`found a\u000ab\u001b[2J\u009b`,
  );
});
