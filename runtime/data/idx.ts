/**
 * The IDX format of the MNIST files (http://yann.lecun.com/exdb/mnist): two zero bytes, an element
 * type, the number of dimensions, the extents as big-endian 32-bit integers, then the elements,
 * big-endian.
 */

import type { ColumnSource } from "../plan.ts";
import { selectedRows } from "./array-rows.ts";
import { type StoredType, storedTypes } from "./binary-array.ts";
import { type Column, elementCount } from "./column.ts";
import { DataError } from "./data-error.ts";
import type { DataFile } from "./data-file.ts";

const typesByCode: ReadonlyMap<number, StoredType> = new Map<number, StoredType>([
  [0x08, storedTypes.uint8],
  [0x09, storedTypes.int8],
  [0x0b, storedTypes.int16],
  [0x0c, storedTypes.int32],
  [0x0d, storedTypes.float32],
  [0x0e, storedTypes.float64],
]);

/** Reads the file as each of the columns that name it. */
export function readIdx(file: DataFile, sources: readonly ColumnSource[]): readonly Column[] {
  const { name, bytes } = file;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 4 || view.getUint16(0) !== 0) {
    throw damaged(name, "byte 0", "two zero bytes, as IDX files begin", startOf(bytes));
  }
  const code = view.getUint8(2);
  const type = typesByCode.get(code);
  if (type === undefined) {
    const codes = [...typesByCode.keys()].map(hexadecimal).join(", ");
    throw damaged(name, "byte 2", `an element type among ${codes}`, hexadecimal(code));
  }
  const rank = view.getUint8(3);
  const start = 4 + 4 * rank;
  if (rank === 0 || bytes.length < start) {
    throw damaged(name, "byte 3", "at least one dimension and all extents", `${rank} dimensions`);
  }
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const size = elementCount(shape) * type.bytes;
  if (bytes.length - start !== size) {
    const expected = `${size} bytes for ${type.name}[${shape.join(", ")}]`;
    throw damaged(name, `byte ${start}`, expected, `${bytes.length - start}`);
  }
  const elements = bytes.subarray(start);
  const array = {
    file: name,
    type,
    littleEndian: false,
    shape,
    columnMajor: false,
    bytes: elements,
  };
  return sources.map((source) => selectedRows(array, source));
}

function startOf(bytes: Uint8Array): string {
  return bytes.length === 0
    ? "an empty file"
    : [...bytes.subarray(0, 4)].map(hexadecimal).join(" ");
}

function hexadecimal(byte: number): string {
  return `0x${byte.toString(16).padStart(2, "0")}`;
}

function damaged(file: string, place: string, expected: string, found: string): DataError {
  const hint = "the file is damaged or not IDX: take another copy, or name its own reader";
  return new DataError({ file, place, expected, found, hint });
}
