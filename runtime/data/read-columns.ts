/** The columns of a data block from files on the disk. */

import type { ColumnSource } from "../plan.ts";
import type { Column } from "./column.ts";
import { columnsOfFiles } from "./columns-of-files.ts";
import { readDataFile } from "./read-data-file.ts";

/**
 * Reads the columns of one block of data, in the order of `sources`. Paths are relative to
 * `folder`.
 * @throws DataError if a file is missing or malformed, has no rows, or has not as many as the
 * others.
 */
export function readColumns(
  sources: readonly ColumnSource[],
  folder: string,
): Promise<readonly Column[]> {
  return columnsOfFiles(sources, (path) => readDataFile(path, folder));
}
