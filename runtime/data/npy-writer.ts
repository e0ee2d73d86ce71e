/**
 * Columns as NumPy files: NPY for one, NPZ for several. Little-endian, row-major, rows first; a
 * scalar column is an array of one dimension.
 */

import { zipSync } from "fflate";
import type { ElementType } from "../plan.ts";
import type { Column } from "./column.ts";

const descriptors: { readonly [T in ElementType]: string } = {
  f32: "<f4",
  i32: "<i4",
  u8: "|u1",
  bool: "|b1",
};

/** The bytes of an NPY file, version 1. */
export function formatNpy({ dtype, shape, rows, data }: Column): Uint8Array {
  const extents = [rows, ...shape];
  const tuple = extents.length === 1 ? `(${rows},)` : `(${extents.join(", ")})`;
  const descriptor = descriptors[dtype];
  const dictionary = `{'descr': '${descriptor}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const prefixBytes = 10;
  // NumPy pads with spaces and a newline, so that the elements start at a multiple of 64.
  const end = Math.ceil((prefixBytes + dictionary.length + 1) / 64) * 64;
  const header = `${dictionary.padEnd(end - prefixBytes - 1)}\n`;
  const file = new Uint8Array(end + data.byteLength);
  file.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]);
  new DataView(file.buffer).setUint16(8, header.length, true);
  file.set(new TextEncoder().encode(header), prefixBytes);
  file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), end);
  return file;
}

/** The bytes of an NPZ file, stored and not deflated, an array for each column under its name. */
export function formatNpz(columns: readonly Column[]): Uint8Array {
  const members = columns.map((column) => [`${column.name}.npy`, formatNpy(column)] as const);
  // The same columns give the same bytes: a member is dated to the first day that zip knows.
  return zipSync(Object.fromEntries(members), { level: 0, mtime: new Date(1980, 0, 1) });
}
