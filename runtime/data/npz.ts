/**
 * NumPy's NPZ format: a zip archive of NPY files, stored or deflated. A column takes the array
 * named by `key`, by default that of its own name; what no column asks for is not unpacked. Rows of
 * different lengths are said by a second array (see `array-rows.ts`).
 */

import { type UnzipFileInfo, unzipSync } from "fflate";
import type { ColumnSource } from "../plan.ts";
import { raggedRows, selectedRows } from "./array-rows.ts";
import type { BinaryArray } from "./binary-array.ts";
import type { Column } from "./column.ts";
import { DataError, messageOf, quoted, shortened } from "./data-error.ts";
import type { DataFile } from "./data-file.ts";
import { parseNpy } from "./npy.ts";
import { givesOption, stringOption } from "./reader-options.ts";

/** Deflate cannot do better than this, so a member that claims more lies about its size. */
const maximalDeflateRatio = 1032;

/** Reads the file as the columns that name it. */
export function readNpz(file: DataFile, sources: readonly ColumnSource[]): readonly Column[] {
  const keys = sources.flatMap((source) => [keyOf(source), rowStartsOf(source) ?? keyOf(source)]);
  const { members, present } = unpack(file, new Set(keys.map((key) => `${key}.npy`)));
  const arrayOf = (key: string, { column }: ColumnSource): BinaryArray => {
    const bytes = members.get(`${key}.npy`);
    if (bytes === undefined) {
      throw new DataError({
        file: file.name,
        expected: `an array named ${quoted(key)} for the column ${column.name}`,
        found: present.slice(0, 20).map(shortened).join(", ") || "none",
        hint: "name the array with `key`",
      });
    }
    return parseNpy({ name: `${file.name}, array ${key}`, bytes });
  };
  return sources.map((source) => {
    const array = arrayOf(keyOf(source), source);
    const starts = rowStartsOf(source);
    if (starts === undefined) return selectedRows(array, source);
    return raggedRows(array, arrayOf(starts, source), source);
  });
}

function rowStartsOf(source: ColumnSource): string | undefined {
  return givesOption(source, "row_starts") ? stringOption(source, "row_starts", "") : undefined;
}

function keyOf(source: ColumnSource): string {
  return stringOption(source, "key", source.column.name);
}

function unpack(
  { name, bytes }: DataFile,
  wanted: ReadonlySet<string>,
): { readonly members: ReadonlyMap<string, Uint8Array>; readonly present: readonly string[] } {
  const present: string[] = [];
  const filter = (member: UnzipFileInfo): boolean => {
    present.push(member.name.replace(/\.npy$/, ""));
    if (!wanted.has(member.name)) return false;
    if (member.size > bytes.length || member.originalSize > maximalSize(member)) {
      const found = `${member.size} bytes packed, ${member.originalSize} unpacked`;
      throw damaged(name, `member ${quoted(member.name)}`, "sizes that the file can hold", found);
    }
    return true;
  };
  try {
    return { members: new Map(Object.entries(unzipSync(bytes, { filter }))), present };
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw damaged(name, undefined, "a whole zip archive", messageOf(error));
  }
}

function maximalSize({ size, compression }: UnzipFileInfo): number {
  return compression === 0 ? size : size * maximalDeflateRatio;
}

function damaged(
  file: string,
  place: string | undefined,
  expected: string,
  found: string,
): DataError {
  const hint = "the file is damaged or not NPZ: save it anew with numpy.savez";
  return new DataError({ file, ...(place !== undefined && { place }), expected, found, hint });
}
