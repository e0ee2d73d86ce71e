import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DataError } from "../../../runtime/data/data-error.ts";
import {
  readSafetensors,
  type SafetensorsTensor,
  writeSafetensors,
} from "../../../runtime/data/safetensors.ts";

const example = new Map<string, SafetensorsTensor>([
  ["dense/kernel", { dtype: "F32", shape: [2, 3], data: new Float32Array([1, 2, 3, 4, 5, NaN]) }],
  ["dense/bias", { dtype: "F32", shape: [3], data: new Float32Array([-0, Infinity, 1e-40]) }],
  ["counter", { dtype: "I64", shape: [], data: new BigInt64Array([-(2n ** 63n)]) }],
  ["mask", { dtype: "BOOL", shape: [3], data: new Uint8Array([1, 0, 1]) }],
  ["nothing", { dtype: "I32", shape: [0, 4], data: new Int32Array(0) }],
  ["__proto__", { dtype: "U8", shape: [1], data: new Uint8Array([7]) }],
]);

/** A file of this header, given as text, and this many bytes of data. */
function fileOf(header: string, dataBytes = 0): Uint8Array {
  const json = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

describe("writing and reading", () => {
  test("tensors and metadata come back bit for bit", () => {
    const bytes = writeSafetensors(example, { format: "nnc", epoch: "3" });
    const { tensors, metadata } = readSafetensors(bytes);
    expect(metadata).toEqual({ format: "nnc", epoch: "3" });
    expect(new Map(tensors)).toEqual(example);
  });

  test("the header is padded to 8 bytes and every tensor is aligned", () => {
    const bytes = writeSafetensors(example);
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    expect(length % 8).toBe(0);
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
    for (const [name, { data }] of example) {
      expect(
        Object.getOwnPropertyDescriptor(header, name)?.value.data_offsets[0] %
          data.BYTES_PER_ELEMENT,
      ).toBe(0);
    }
  });

  test("the order in which tensors are given does not matter", () => {
    expect(writeSafetensors(new Map([...example].reverse()))).toEqual(writeSafetensors(example));
  });

  test("data are copies, also of a Node buffer at an odd offset", () => {
    const file = writeSafetensors(example);
    const buffer = Buffer.alloc(file.length + 1);
    buffer.set(file, 1);
    const { tensors } = readSafetensors(buffer.subarray(1));
    buffer.fill(0);
    expect(tensors.get("dense/kernel")?.data).toEqual(new Float32Array([1, 2, 3, 4, 5, NaN]));
  });

  test("a shape that does not fit its data is refused", () => {
    const wrong: SafetensorsTensor = { dtype: "F32", shape: [2], data: new Float32Array(3) };
    expect(() => writeSafetensors(new Map([["x", wrong]]))).toThrow(RangeError);
    const right: SafetensorsTensor = { dtype: "F32", shape: [3], data: new Float32Array(3) };
    expect(() => writeSafetensors(new Map([["__metadata__", right]]))).toThrow(RangeError);
  });
});

describe("a malformed file", () => {
  const cases: readonly (readonly [string, Uint8Array, string])[] = [
    ["shorter than its length field", new Uint8Array(7), "a file of 7 bytes"],
    ["header longer than the file", new Uint8Array(8).fill(255), "18446744073709551615"],
    ["header that is not JSON", fileOf("{"), "JSON in UTF-8"],
    ["header that is a list", fileOf("[]"), "a JSON object"],
    ["unknown dtype", fileOf('{"a":{"dtype":"F31","shape":[],"data_offsets":[0,4]}}', 4), '"F31"'],
    ["inherited name as dtype", fileOf('{"a":{"dtype":"toString","shape":[]}}'), "a dtype among"],
    [
      "negative extent",
      fileOf('{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}', 4),
      "[-1]",
    ],
    ["no shape", fileOf('{"a":{"dtype":"F32","data_offsets":[0,4]}}', 4), "found nothing"],
    ["no offsets", fileOf('{"a":{"dtype":"F32","shape":[]}}', 4), "found nothing"],
    [
      "offsets beyond the end",
      fileOf('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', 4),
      "[0,8]",
    ],
    [
      "offsets backwards",
      fileOf('{"a":{"dtype":"U8","shape":[1],"data_offsets":[2,1]}}', 4),
      "[2,1]",
    ],
    [
      "size other than the shape's",
      fileOf('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}', 4),
      "8 bytes for F32[2]",
    ],
    [
      "product beyond any size",
      fileOf('{"a":{"dtype":"U8","shape":[9007199254740991,4096],"data_offsets":[0,4]}}', 4),
      "bytes for U8",
    ],
    [
      "hole",
      fileOf('{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}', 2),
      "without holes or overlaps",
    ],
    [
      "overlap",
      fileOf(
        '{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}',
        3,
      ),
      "without holes or overlaps",
    ],
    [
      "bytes left over",
      fileOf('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 3),
      "1 bytes of data, found 3",
    ],
    [
      "metadata that is no text",
      fileOf('{"__metadata__":{"a":1}}'),
      "expected a string, found number",
    ],
  ];
  test.each(cases)("%s", (_, bytes, message) => {
    expect(() => readSafetensors(bytes, "w.safetensors")).toThrow(DataError);
    expect(() => readSafetensors(bytes, "w.safetensors")).toThrow(message);
    expect(() => readSafetensors(bytes, "w.safetensors")).toThrow(/^w\.safetensors: /);
  });

  test("mutated and truncated files give a DataError or a result", () => {
    const bytes = writeSafetensors(example, { format: "nnc" });
    const edit = fc.record({ at: fc.nat(bytes.length - 1), value: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(edit, { maxLength: 4 }), fc.nat(bytes.length), (edits, length) => {
        const changed = bytes.slice();
        for (const { at, value } of edits) changed[at] = value;
        for (const candidate of [changed, changed.subarray(0, length)]) {
          try {
            readSafetensors(candidate);
          } catch (error) {
            expect(error).toBeInstanceOf(DataError);
          }
        }
      }),
      { numRuns: 3000 },
    );
  });
});
