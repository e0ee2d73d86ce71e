/**
 * Which rows of an array become rows of a column: those from `start` to before `stop`; or, where another array says
 * where each row starts among the elements of this one (`row_starts`), rows of different lengths, filled up with
 * `fill` or cut to the declared length.
 */

import type { ColumnSource } from "../plan.ts";
import { type BinaryArray, columnOfArray } from "./binary-array.ts";
import { type Column, createArray, elementCount } from "./column.ts";
import { DataError } from "./data-error.ts";
import { accepts, describeElements } from "./element-values.ts";
import { countOption, numberOption } from "./reader-options.ts";

export function selectedRows(array: BinaryArray, source: ColumnSource): Column {
  const rows = array.shape[0] ?? 0;
  const { start, stop } = rowRange(rows, array.file, source);
  if (start === 0 && stop === rows) return columnOfArray(array, source.column);
  if (array.columnMajor && array.shape.length > 1) {
    const { data, ...column } = columnOfArray(array, source.column);
    const size = elementCount(column.shape);
    return { ...column, rows: stop - start, data: data.slice(start * size, stop * size) };
  }
  return columnOfArray(rowsOf(array, start, stop), source.column);
}

/** `starts` has a place among the rows of `array` for each row of the column, and perhaps the end. */
export function raggedRows(array: BinaryArray, starts: BinaryArray, source: ColumnSource): Column {
  const { column } = source;
  const [length, ...shape] = column.shape;
  const total = array.shape[0] ?? 0;
  const places = placesOf(starts, total, source);
  if (length === undefined) {
    throw new DataError({
      file: array.file,
      expected: `a first dimension for the elements of a row, in the column ${column.name}`,
      found: "a scalar",
      hint: "declare the length that rows are filled up or cut to",
    });
  }
  const fill = numberOption(source, "fill") ?? 0;
  if (!accepts(column, fill)) {
    throw new DataError({
      file: array.file,
      place: "argument fill",
      expected: describeElements(column),
      found: String(fill),
      hint: `give a number that the column may have`,
    });
  }
  const { start, stop } = rowRange(places.length - 1, starts.file, source);
  const flat = columnOfArray(array, { ...column, shape });
  const size = elementCount(shape);
  const data = createArray(column.dtype, (stop - start) * length * size).fill(fill);
  for (let row = start; row < stop; row++) {
    const from = places[row]!;
    const end = Math.min(places[row + 1]!, from + length);
    data.set(flat.data.subarray(from * size, end * size), (row - start) * length * size);
  }
  return { ...column, rows: stop - start, data };
}

/** Where each row starts and the last one ends, ascending. */
function placesOf(starts: BinaryArray, total: number, { column }: ColumnSource): readonly number[] {
  const plan = { name: column.name, dtype: "i32", shape: [] } as const;
  const places = [...columnOfArray(starts, plan).data];
  if (places.at(-1) !== total) places.push(total);
  places.forEach((place, i) => {
    if (place >= (places[i - 1] ?? 0) && place <= total) return;
    throw new DataError({
      file: starts.file,
      place: `element [${i}]`,
      expected: `ascending places from 0 to ${total}`,
      found: String(place),
      hint: "`row_starts` names the array of the places where rows start",
    });
  });
  return places;
}

function rowRange(
  rows: number,
  file: string,
  source: ColumnSource,
): { readonly start: number; readonly stop: number } {
  const first = countOption(source, "start");
  const end = countOption(source, "stop");
  const [start, stop] = [first ?? 0, end ?? rows];
  const isWhole = first === undefined && end === undefined;
  if (isWhole || (start < stop && stop <= rows)) return { start, stop };
  throw new DataError({
    file,
    place: `column ${source.column.name}`,
    expected: `rows ${start} to ${stop}`,
    found: `${rows} rows`,
    hint: "correct `start` and `stop`, or take another copy of the file",
  });
}

function rowsOf(array: BinaryArray, start: number, stop: number): BinaryArray {
  const [, ...shape] = array.shape;
  const size = elementCount(shape) * array.type.bytes;
  return {
    ...array,
    shape: [stop - start, ...shape],
    bytes: array.bytes.subarray(start * size, stop * size),
  };
}
