/**
 * Files without a format: bytes at places that repeat, as the records of CIFAR's files, or overlapping windows of a
 * text. Row i of a column is as many bytes as its shape has elements, from `offset` + i·`stride` on; `stride` is by
 * default that number, `start` and `stop` bound the bytes that are read.
 */

import type { ColumnSource } from "../plan.ts";
import { columnOfArray, storedTypes } from "./binary-array.ts";
import { type Column, elementCount } from "./column.ts";
import { DataError } from "./data-error.ts";
import type { DataFile } from "./data-file.ts";
import { countOption } from "./reader-options.ts";

/** Reads the file as the columns that name it. */
export function readBinary(file: DataFile, sources: readonly ColumnSource[]): readonly Column[] {
  return sources.map((source) => readRecords(file, source));
}

function readRecords({ name, bytes }: DataFile, source: ColumnSource): Column {
  const { column } = source;
  const size = elementCount(column.shape);
  const stride = countOption(source, "stride") ?? size;
  const start = (countOption(source, "start") ?? 0) + (countOption(source, "offset") ?? 0);
  const stop = countOption(source, "stop") ?? bytes.length;
  if (stride === 0 || stop > bytes.length || start + size > stop) {
    throw new DataError({
      file: name,
      place: `column ${column.name}`,
      expected: `rows of ${size} bytes from byte ${start} on, ${stride} apart, before byte ${stop}`,
      found: `a file of ${bytes.length} bytes`,
      hint: "correct `offset`, `stride`, `start` and `stop`, or take another copy of the file",
    });
  }
  const rows = Math.floor((stop - start - size) / stride) + 1;
  const elements = new Uint8Array(rows * size);
  for (let row = 0; row < rows; row++) {
    const from = start + row * stride;
    elements.set(bytes.subarray(from, from + size), row * size);
  }
  return columnOfArray(
    {
      file: name,
      type: storedTypes.uint8,
      littleEndian: true,
      shape: [rows, ...column.shape],
      columnMajor: false,
      bytes: elements,
    },
    column,
  );
}
