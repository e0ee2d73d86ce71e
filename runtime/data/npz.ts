/**
 * NumPy's NPZ format: a zip archive of NPY files, stored or deflated. A column takes the array
 * named by `key`, by default that of its own name; what no column asks for is not unpacked.
 */

import { type UnzipFileInfo, unzipSync } from "fflate";
import type { ColumnSource } from "../plan.ts";
import { columnOfArray } from "./binary-array.ts";
import type { Column } from "./column.ts";
import { DataError, messageOf, quoted, shortened } from "./data-error.ts";
import type { DataFile } from "./data-file.ts";
import { parseNpy } from "./npy.ts";
import { stringOption } from "./reader-options.ts";

/** Deflate cannot do better than this, so a member that claims more lies about its size. */
const maximalDeflateRatio = 1032;

/** Reads the file as the columns that name it. */
export function readNpz(file: DataFile, sources: readonly ColumnSource[]): readonly Column[] {
  const wanted = new Set(sources.map((source) => `${keyOf(source)}.npy`));
  const { members, present } = unpack(file, wanted);
  return sources.map((source) => {
    const key = keyOf(source);
    const bytes = members.get(`${key}.npy`);
    if (bytes === undefined) {
      throw new DataError({
        file: file.name,
        expected: `an array named ${quoted(key)} for the column ${source.column.name}`,
        found: present.slice(0, 20).map(shortened).join(", ") || "none",
        hint: "name the array with `key`",
      });
    }
    return columnOfArray(parseNpy({ name: `${file.name}, array ${key}`, bytes }), source.column);
  });
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
