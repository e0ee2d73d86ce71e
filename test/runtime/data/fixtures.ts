/** Small data files and columns for the tests of readers and writers. */

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Column, TensorData } from "../../../runtime/data/column.ts";
import { DataError } from "../../../runtime/data/data-error.ts";
import { readColumns } from "../../../runtime/data/read-columns.ts";
import type { ColumnSource, ElementType, OptionValue } from "../../../runtime/plan.ts";

export type Content = string | Uint8Array;

/** `name: dtype[shape]` read from `path`. */
export function source(
  reader: ColumnSource["reader"],
  path: string,
  name: string,
  dtype: ElementType,
  shape: readonly number[] = [],
  options: Readonly<Record<string, OptionValue>> = {},
): ColumnSource {
  return { column: { name, dtype, shape }, reader, path, options };
}

/** Calls `use` with a folder that holds the files, and removes it afterwards. */
export async function withFiles<T>(
  files: Readonly<Record<string, Content>>,
  use: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "nnc-"));
  try {
    for (const [name, content] of Object.entries(files)) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), content);
    }
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The columns that the sources give from these files. */
export function read(
  files: Readonly<Record<string, Content>>,
  ...sources: readonly ColumnSource[]
): Promise<readonly Column[]> {
  return withFiles(files, (folder) => readColumns(sources, folder));
}

/** The message of the DataError that reading must end in. */
export async function problem(
  files: Readonly<Record<string, Content>>,
  ...sources: readonly ColumnSource[]
): Promise<string> {
  try {
    await read(files, ...sources);
  } catch (error) {
    if (error instanceof DataError) return error.message;
    throw error;
  }
  throw new Error("the files were read without an error");
}

export function column(
  name: string,
  dtype: ElementType,
  shape: readonly number[],
  rows: number,
  data: TensorData,
): Column {
  return { name, dtype, shape, rows, data };
}

/** An IDX file: element type, extents, and the elements as they stand. */
export function idxFile(type: number, extents: readonly number[], elements: readonly number[]) {
  const sizes = extents.flatMap((extent) => [extent >>> 24, extent >>> 16, extent >>> 8, extent]);
  return new Uint8Array([0, 0, type, extents.length, ...sizes, ...elements]);
}

/** An NPY file with this header; the version says how long the length field is. */
export function npyFile(header: string, elements: Uint8Array, version = 1): Uint8Array {
  const text = new TextEncoder().encode(`${header}\n`);
  const prefix = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0];
  const length =
    version === 1
      ? [text.length & 255, text.length >> 8]
      : [text.length & 255, text.length >> 8, 0, 0];
  return new Uint8Array([...prefix, ...length, ...text, ...elements]);
}
