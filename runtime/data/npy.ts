/**
 * NumPy's NPY format, versions 1 to 3
 * (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html): a magic string, the
 * version, the header's length, a header that is a Python dictionary, then the elements. Elements
 * that are Python objects, text or records are not data for a network and are refused.
 */

import type { ColumnSource } from "../plan.ts";
import { selectedRows } from "./array-rows.ts";
import { type BinaryArray, type StoredType, storedTypes } from "./binary-array.ts";
import { type Column, elementCount } from "./column.ts";
import { DataError, quoted } from "./data-error.ts";
import type { DataFile } from "./data-file.ts";

/** By the descriptor without its byte order. */
const typesByDescriptor: ReadonlyMap<string, StoredType> = new Map<string, StoredType>([
  ["b1", storedTypes.bool],
  ["u1", storedTypes.uint8],
  ["i1", storedTypes.int8],
  ["u2", storedTypes.uint16],
  ["i2", storedTypes.int16],
  ["u4", storedTypes.uint32],
  ["i4", storedTypes.int32],
  ["u8", storedTypes.uint64],
  ["i8", storedTypes.int64],
  ["f2", storedTypes.float16],
  ["f4", storedTypes.float32],
  ["f8", storedTypes.float64],
]);

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

/** Reads the file as each of the columns that name it. */
export function readNpy(file: DataFile, sources: readonly ColumnSource[]): readonly Column[] {
  const array = parseNpy(file);
  return sources.map((source) => selectedRows(array, source));
}

/** @throws DataError if it is not an NPY file of numbers, or not as long as its header says. */
export function parseNpy({ name, bytes }: DataFile): BinaryArray {
  if (magic.some((byte, index) => bytes[index] !== byte)) {
    throw damaged(name, "byte 0", "the magic string of NPY", bytes.length < 6 ? "less" : "another");
  }
  const { text, end } = readHeader(name, bytes);
  const descriptor = /'descr'\s*:\s*'([^']*)'/.exec(text)?.[1];
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(text)?.[1];
  const extents = /'shape'\s*:\s*\(([\d\s,]*)\)/.exec(text)?.[1];
  if (descriptor === undefined || order === undefined || extents === undefined) {
    const expected = "a header with a plain 'descr', 'fortran_order' and 'shape'";
    throw damaged(name, "header", expected, quoted(text.trim()));
  }
  const type = typesByDescriptor.get(descriptor.replace(/^[<>=|]/, ""));
  if (type === undefined) {
    throw new DataError({
      file: name,
      place: "header",
      expected: `numbers: a descr among ${[...typesByDescriptor.keys()].join(", ")}`,
      found: quoted(descriptor),
      hint: 'save the array as numbers, as with x.astype("float32")',
    });
  }
  const shape = extents
    .split(",")
    .filter((extent) => extent.trim() !== "")
    .map(Number);
  const size = elementCount(shape) * type.bytes;
  if (bytes.length - end !== size) {
    const expected = `${size} bytes for ${type.name}[${shape.join(", ")}]`;
    throw damaged(name, `byte ${end}`, expected, `${bytes.length - end}`);
  }
  return {
    file: name,
    type,
    littleEndian: !descriptor.startsWith(">"),
    shape,
    columnMajor: order === "True",
    bytes: bytes.subarray(end),
  };
}

function readHeader(
  name: string,
  bytes: Uint8Array,
): { readonly text: string; readonly end: number } {
  const version = bytes[6] ?? 0;
  if (version < 1 || version > 3) {
    throw damaged(name, "byte 6", "version 1, 2 or 3", `${version}`);
  }
  const start = version === 1 ? 10 : 12;
  if (bytes.length < start) {
    throw damaged(name, "byte 8", "the header's length", "the end of the file");
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = start + (version === 1 ? view.getUint16(8, true) : view.getUint32(8, true));
  if (bytes.length < end) {
    throw damaged(
      name,
      "byte 8",
      `a header of at most ${bytes.length - start} bytes`,
      `${end - start}`,
    );
  }
  const encoding = version === 3 ? "utf-8" : "latin1";
  return { text: new TextDecoder(encoding).decode(bytes.subarray(start, end)), end };
}

function damaged(file: string, place: string, expected: string, found: string): DataError {
  const hint =
    "the file is damaged or not NPY: save it anew with numpy.save, or name its own reader";
  return new DataError({ file, place, expected, found, hint });
}
