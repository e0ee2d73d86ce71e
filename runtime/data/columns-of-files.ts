/**
 * From the sources of a data block to its columns, wherever files come from. A file that several
 * columns name is read, unpacked and parsed once.
 */

import type { ColumnSource } from "../plan.ts";
import { readBinary } from "./binary-records.ts";
import type { Column } from "./column.ts";
import { csvPassKey, readCsv, readCsvTexts } from "./csv.ts";
import { DataError } from "./data-error.ts";
import type { DataFile } from "./data-file.ts";
import { readIdx } from "./idx.ts";
import { readJsonLines, readJsonTexts } from "./json-lines.ts";
import { readNpy } from "./npy.ts";
import { readNpz } from "./npz.ts";
import { checkOptionNames } from "./reader-options.ts";
import { type ReadTexts, type TextEncodings, textEncodings } from "./text/encodings.ts";

interface Reader {
  /** The columns of the sources, in their order. Throws DataError. */
  readonly read: (
    file: DataFile,
    sources: readonly ColumnSource[],
    encodings: TextEncodings,
  ) => readonly Column[];
  /** The texts of one column, if its files have texts. */
  readonly readTexts?: ReadTexts;
  /** Sources of one file with different keys cannot be read in one pass. */
  readonly passKey?: (source: ColumnSource) => string;
}

const readers: { readonly [R in ColumnSource["reader"]]: Reader } = {
  idx: { read: readIdx },
  csv: { read: readCsv, passKey: csvPassKey, readTexts: readCsvTexts },
  npy: { read: readNpy },
  npz: { read: readNpz },
  jsonl: { read: readJsonLines, readTexts: readJsonTexts },
  binary: { read: readBinary },
};

/**
 * The columns of one block of data, in the order of `sources`; `readFile` gives a file, unpacked,
 * by its path in the model.
 * @throws DataError if a file is malformed, has no rows, or has not as many as the others.
 */
export async function columnsOfFiles(
  sources: readonly ColumnSource[],
  readFile: (path: string) => Promise<DataFile>,
): Promise<readonly Column[]> {
  for (const source of sources) checkOptionNames(source);
  const encodings = await textEncodings(sources, readFile, (file, source, visit) =>
    readers[source.reader].readTexts?.(file, source, visit),
  );
  const columns = new Map<ColumnSource, Column>();
  for (const [path, ofFile] of groupBy(sources, (source) => source.path)) {
    // One file at a time, so that only one is in memory beside the columns.
    const file = await readFile(path);
    for (const pass of groupBy(ofFile, passKeyOf).values()) {
      const [first] = pass;
      const read = first === undefined ? [] : readers[first.reader].read(file, pass, encodings);
      pass.forEach((source, index) => {
        const column = read[index];
        if (column !== undefined) columns.set(source, column);
      });
    }
  }
  checkRows(sources, columns);
  return sources.map((source) => columns.get(source)!);
}

function passKeyOf(source: ColumnSource): string {
  return `${source.reader} ${readers[source.reader].passKey?.(source) ?? ""}`;
}

function checkRows(
  sources: readonly ColumnSource[],
  columns: ReadonlyMap<ColumnSource, Column>,
): void {
  const [first] = sources;
  const rows = first === undefined ? 0 : columns.get(first)?.rows;
  for (const source of sources) {
    const column = columns.get(source);
    if (column === undefined || column.rows === 0) {
      throw new DataError({
        file: source.path,
        expected: `rows for the column ${source.column.name}`,
        found: "none",
        hint: "give a file with data",
      });
    }
    if (column.rows !== rows) {
      throw new DataError({
        file: source.path,
        expected: `${rows} rows for the column ${source.column.name}, as in ${first?.path}`,
        found: `${column.rows}`,
        hint: "all columns of a block must describe the same samples",
      });
    }
  }
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
