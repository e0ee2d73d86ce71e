/**
 * Columns as text: CSV with a header and JSON lines, a line a row, in the form that the readers
 * take. float32 values are written with the fewest digits that read back as the same bits.
 */

import type { ElementType } from "../plan.ts";
import { type Column, elementCount } from "./column.ts";

/** Rows a chunk of text holds: enough to make writing cheap, few enough to be small. */
const rowsPerChunk = 1024;

/**
 * A header and a line for each row, in chunks. A scalar column takes one field of its own name,
 * another one field for each element: `digit_0`, `digit_1`, … and `image_0_0`, `image_0_1`, …. All
 * columns must have the same number of rows.
 */
export function* formatCsv(columns: readonly Column[]): Generator<string> {
  yield `${columns.flatMap(fieldNames).map(quoteField).join(",")}\n`;
  yield* formatRows(columns, (row) => {
    const fields = columns.flatMap((column) =>
      elementsOf(column, row).map(csvNumber(column.dtype)),
    );
    return fields.join(",");
  });
}

/** A line for each row, in chunks: an object of the columns, lists nested as their shapes say. */
export function* formatJsonLines(columns: readonly Column[]): Generator<string> {
  yield* formatRows(columns, (row) => {
    const members = columns.map((column) => {
      const numbers = elementsOf(column, row).map(jsonNumber(column.dtype));
      return `${JSON.stringify(column.name)}:${nest(numbers, column.shape)}`;
    });
    return `{${members.join(",")}}`;
  });
}

function* formatRows(
  columns: readonly Column[],
  format: (row: number) => string,
): Generator<string> {
  const rows = columns[0]?.rows ?? 0;
  for (let start = 0; start < rows; start += rowsPerChunk) {
    let chunk = "";
    const end = Math.min(start + rowsPerChunk, rows);
    for (let row = start; row < end; row++) chunk += `${format(row)}\n`;
    yield chunk;
  }
}

function elementsOf({ data, shape }: Column, row: number): readonly number[] {
  const width = elementCount(shape);
  return Array.from(data.subarray(row * width, (row + 1) * width));
}

function fieldNames({ name, shape }: Column): readonly string[] {
  return shape.reduce<readonly string[]>(
    (names, extent) =>
      names.flatMap((prefix) => Array.from({ length: extent }, (_, i) => `${prefix}_${i}`)),
    [name],
  );
}

function quoteField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The elements as JSON, in brackets as the shape has them. */
function nest(numbers: readonly string[], shape: readonly number[]): string {
  const [extent, ...rest] = shape;
  if (extent === undefined) return numbers[0] ?? "null";
  const width = elementCount(rest);
  const parts = Array.from({ length: extent }, (_, i) =>
    nest(numbers.slice(i * width, (i + 1) * width), rest),
  );
  return `[${parts.join(",")}]`;
}

/** NaN and infinities in NumPy's spelling. */
function csvNumber(dtype: ElementType): (value: number) => string {
  return (value) => {
    if (Number.isFinite(value)) return shortest(dtype, value);
    return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  };
}

/** JSON has no NaN and no infinity; both are null, as JSON.stringify has it. */
function jsonNumber(dtype: ElementType): (value: number) => string {
  if (dtype === "bool") return (value) => (value === 0 ? "false" : "true");
  return (value) => (Number.isFinite(value) ? shortest(dtype, value) : "null");
}

/** Nine digits determine a float32; only subnormal numbers are determined by fewer than six. */
function shortest(dtype: ElementType, value: number): string {
  if (dtype !== "f32" || Number.isInteger(value))
    return Object.is(value, -0) ? "-0" : String(value);
  const least = Math.abs(value) < 2 ** -126 ? 1 : 6;
  for (let digits = least; digits < 9; digits++) {
    const rounded = Number(value.toPrecision(digits));
    if (Math.fround(rounded) === value) return String(rounded);
  }
  return String(Number(value.toPrecision(9)));
}
