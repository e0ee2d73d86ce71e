/**
 * Writes columns, such as predictions, to a file whose name says the format. What is written here
 * the readers of this folder read.
 */

import { extname } from "node:path";
import { type FileContent, writeFileAtomically } from "./atomic-write.ts";
import type { Column } from "./column.ts";
import { formatCsv, formatJsonLines } from "./column-text.ts";
import { DataError, quoted } from "./data-error.ts";
import { formatNpy, formatNpz } from "./npy-writer.ts";

export const columnFormats = ["csv", "npy", "npz", "jsonl"] as const;

export type ColumnFormat = (typeof columnFormats)[number];

const formatters: {
  readonly [F in ColumnFormat]: (columns: readonly Column[], path: string) => FileContent;
} = {
  csv: formatCsv,
  jsonl: formatJsonLines,
  npz: formatNpz,
  npy: (columns, path) => {
    const [column, second] = columns;
    if (column !== undefined && second === undefined) return formatNpy(column);
    throw new DataError({
      file: path,
      expected: "one column for an NPY file",
      found: columns.map(({ name }) => name).join(", ") || "none",
      hint: "write several columns to a .npz file",
    });
  },
};

/**
 * The format that a file's extension names.
 * @throws DataError if it names none.
 */
export function columnFormatOf(path: string): ColumnFormat {
  const extension = extname(path).slice(1).toLowerCase();
  const format = columnFormats.find((candidate) => candidate === extension);
  if (format !== undefined) return format;
  throw new DataError({
    file: path,
    expected: `a name that ends in ${columnFormats.map((known) => `.${known}`).join(", ")}`,
    found: extension === "" ? "no extension" : quoted(`.${extension}`),
    hint: "the extension chooses the format",
  });
}

/** The content of a file of this format; `path` is its name in messages. */
export function formatColumns(
  columns: readonly Column[],
  format: ColumnFormat,
  path: string,
): FileContent {
  return formatters[format](columns, path);
}

/** Writes the columns, which have the same number of rows, to `path`. Never leaves half a file. */
export async function writeColumns(path: string, columns: readonly Column[]): Promise<void> {
  await writeFileAtomically(path, formatColumns(columns, columnFormatOf(path), path));
}
