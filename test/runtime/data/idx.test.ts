import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { column, idxFile, problem, read, source } from "./fixtures.ts";

const images = idxFile(0x08, [2, 2, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 255]);

describe("an IDX file", () => {
  test("of bytes is read as it stands, packed or not", async () => {
    const expected = column("image", "u8", [2, 3], 2, images.subarray(16));
    const plain = await read({ "i.idx": images }, source("idx", "i.idx", "image", "u8", [2, 3]));
    expect(plain).toEqual([expected]);
    const packed = { "i.gz": gzipSync(images) };
    expect(await read(packed, source("idx", "i.gz", "image", "u8", [2, 3]))).toEqual([expected]);
  });

  test("is converted to another declared type", async () => {
    const [floats] = await read({ i: images }, source("idx", "i", "image", "f32", [2, 3]));
    expect(floats?.data).toEqual(Float32Array.from(images.subarray(16)));
  });

  test("of wide elements is big-endian", async () => {
    const shorts = idxFile(0x0b, [2], [0xff, 0xfe, 0x01, 0x00]);
    const [x] = await read({ s: shorts }, source("idx", "s", "x", "i32"));
    expect(x?.data).toEqual(new Int32Array([-2, 256]));
    const floats = idxFile(0x0d, [1], [0x40, 0x48, 0xf5, 0xc3]);
    const [y] = await read({ f: floats }, source("idx", "f", "y", "f32"));
    expect(y?.data).toEqual(new Float32Array([3.14]));
  });

  test("may differ from the declared shape by extents of 1", async () => {
    const files = { i: images };
    const [x] = await read(files, source("idx", "i", "x", "u8", [2, 3, 1]));
    expect(x?.shape).toEqual([2, 3, 1]);
  });
});

describe("a malformed IDX file", () => {
  const image = source("idx", "i", "image", "u8", [2, 3]);

  test.each([
    [
      "empty",
      new Uint8Array(0),
      "i: byte 0: expected two zero bytes, as IDX files begin, found an empty file",
    ],
    ["of another kind", new Uint8Array([80, 75, 3, 4]), "found 0x50 0x4b 0x03 0x04"],
    [
      "of an unknown type",
      idxFile(0x0a, [1], [1]),
      "i: byte 2: expected an element type among 0x08",
    ],
    ["without dimensions", idxFile(0x08, [], []), "i: byte 3: expected at least one dimension"],
    ["cut in its extents", images.subarray(0, 10), "i: byte 3"],
    [
      "cut in its elements",
      images.subarray(0, 20),
      "i: byte 16: expected 12 bytes for uint8[2, 2, 3], found 4",
    ],
    [
      "longer than it says",
      new Uint8Array([...images, 0]),
      "expected 12 bytes for uint8[2, 2, 3], found 13",
    ],
    [
      "of impossible extents",
      idxFile(0x0e, [2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 1], []),
      "i: byte 16",
    ],
    [
      "of another shape",
      idxFile(0x08, [1, 3, 2], [1, 2, 3, 4, 5, 6]),
      "declare it as image: u8[3, 2]",
    ],
    [
      "without rows",
      idxFile(0x08, [0, 2, 3], []),
      "expected rows for the column image, found none",
    ],
    [
      "gzip cut short",
      gzipSync(images).subarray(0, 25),
      "i: expected a whole gzip file, found unexpected end of file",
    ],
  ])("%s", async (_, bytes, message) => {
    expect(await problem({ i: bytes }, image)).toContain(message);
  });

  test("a value that the declared type cannot hold is shown with its place", async () => {
    const bytes = idxFile(0x0b, [2, 2], [0, 1, 0, 2, 0, 3, 1, 44]);
    expect(await problem({ i: bytes }, source("idx", "i", "x", "u8", [2]))).toContain(
      "i: element [1, 1]: expected an integer from 0 to 255 for the column x, found 300 (int16)",
    );
    const float = idxFile(0x0d, [1], [0x40, 0x48, 0xf5, 0xc3]);
    expect(await problem({ i: float }, source("idx", "i", "x", "i32"))).toContain(
      "expected an integer from -2147483648 to 2147483647 for the column x, found 3.14",
    );
  });

  test("a missing file says where it was looked for", async () => {
    expect(await problem({}, image)).toMatch(
      /^i: expected a file that can be read, found nothing at \//,
    );
    expect(await problem({ "i/x": "" }, image)).toContain("expected a file that can be read");
  });
});
