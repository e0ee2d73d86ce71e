/**
 * CSV: one row a sample, one field a number. A column takes one field, or as many as its shape has
 * elements: those named by `columns`, or adjacent ones from `column` on. Without either it begins
 * at the field of its own name; a file that has exactly its fields needs no names.
 *
 * A column of text takes one field, whole (see `text/tokens.ts`).
 *
 * All columns that name the file are filled in one pass, and no text of a row outlives the row.
 */

import { CsvError, parse } from "csv-parse/sync";
import type { ColumnPlan, ColumnSource } from "../plan.ts";
import { type Column, elementCount } from "./column.ts";
import { findOpenQuote, type OpenQuote } from "./csv-quotes.ts";
import { DataError, type DataProblem, messageOf, quoted, shortened } from "./data-error.ts";
import type { DataFile } from "./data-file.ts";
import { ColumnBuilder, describeElements, pushText } from "./element-values.ts";
import {
  booleanOption,
  choiceOption,
  classesOption,
  describeClasses,
  type FieldReference,
  fieldOption,
  fieldsOption,
  givesOption,
  missingOption,
  stringOption,
} from "./reader-options.ts";

import type { ReadTexts, TextEncoding, TextEncodings } from "./text/encodings.ts";

/** A column and the numbers of the fields that fill it. */
interface Target {
  readonly builder: ColumnBuilder;
  readonly fields: readonly number[];
  /** Of a column of text. */
  readonly encode: TextEncoding | undefined;
  /** Of a column of texts that stand for numbers. */
  readonly classes: ReadonlyMap<string, number> | undefined;
  /** What stands where a field has no value. */
  readonly missing: number | undefined;
}

/** Sources with the same key are read in one pass. */
export function csvPassKey(source: ColumnSource): string {
  return JSON.stringify([
    stringOption(source, "delimiter", ","),
    booleanOption(source, "header", true),
    quoteOption(source),
  ]);
}

/** What encloses fields; nothing where quotes are text like any other. */
function quoteOption(source: ColumnSource): string | null {
  if (!givesOption(source, "quote")) return '"';
  return choiceOption(source, "quote", ['"', "'", ""], '"') || null;
}

/** The texts of one column, in order of the lines. */
export const readCsvTexts: ReadTexts = (file, source, visit) => {
  const encode = (text: string): Float64Array => {
    visit(text);
    return nothing;
  };
  readCsv(file, [source], new Map([[source, encode]]));
};

const nothing = new Float64Array(0);

/** Reads the file as the columns that name it; all have the same `csvPassKey`. */
export function readCsv(
  file: DataFile,
  sources: readonly ColumnSource[],
  encodings: TextEncodings,
): readonly Column[] {
  const [first] = sources;
  if (first === undefined) return [];
  const hasHeader = booleanOption(first, "header", true);
  let names: readonly string[] | undefined;
  let width: number | undefined;
  let targets: readonly Target[] = [];
  forEachRecord(file, first, (record, line) => {
    if (width === undefined) {
      width = record.length;
      if (hasHeader) names = headerOf(record, file.name);
      targets = sources.map((source) =>
        createTarget(source, record.length, names, encodings.get(source)),
      );
      if (hasHeader) return;
    }
    if (record.length !== width) {
      throw new DataError({
        file: file.name,
        place: `line ${line}`,
        expected: `${width} fields, as in the first line`,
        found: `${record.length}`,
        hint: "correct the line, or give the file's delimiter",
      });
    }
    for (const target of targets) pushFields(target, record, file.name, line, names);
  });
  return targets.map(({ builder }) => builder.finish());
}

/** @throws DataError if the line is plainly one of data, which would be lost. */
function headerOf(record: readonly string[], file: string): readonly string[] {
  const names = record.map((name) => name.trim());
  // Columns may have numbers for names, but not twice the same, nor fractions.
  const areNumbers = names.every((name) => decimal.test(name));
  const areNames =
    new Set(names).size === names.length && names.every((name) => /^\d+$/.test(name));
  if (!areNumbers || areNames || names.length < 2) return names;
  throw new DataError({
    file,
    place: "first line",
    expected: "the names of the columns",
    found: `numbers, ${shortened(names.join(", "))}`,
    hint: "give `header = false` if the first line is data, and columns by number",
  });
}

function forEachRecord(
  { name, bytes }: DataFile,
  source: ColumnSource,
  visit: (record: readonly string[], line: number) => void,
): void {
  const delimiter = stringOption(source, "delimiter", ",");
  const quote = quoteOption(source);
  try {
    parse(parserInput(bytes), {
      bom: true,
      delimiter,
      quote,
      escape: quote,
      relax_column_count: true,
      skip_empty_lines: true,
      on_record: (record: readonly string[], { lines }) => {
        visit(record, lines);
        // The parser is to keep nothing.
        return null;
      },
    });
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const open =
      quote === null ? undefined : findOpenQuote(new TextDecoder().decode(bytes), quote, delimiter);
    throw new DataError(malformed(name, error, quote, open), { cause: error });
  }
}

function malformed(
  file: string,
  error: CsvError,
  quote: string | null,
  open: OpenQuote | undefined,
): DataProblem {
  const hint = `close every quote and write one within quotes twice, or give \`quote = ""\` where quotes are text`;
  if (open === undefined) {
    const line = (error as { readonly lines?: unknown }).lines;
    return {
      file,
      ...(typeof line === "number" && { place: `line ${line}` }),
      expected: "comma-separated values",
      found: messageOf(error),
      hint,
    };
  }
  const { line, end } = open;
  return {
    file,
    place: `line ${line}`,
    expected: `a closing ${quote} for the one that opens here`,
    found:
      end === undefined
        ? "the end of the file"
        : `${quote} before ${quoted(end.text)} in line ${end.line}`,
    hint,
  };
}

/** The parser takes Node's buffers, and text where there are none. */
function parserInput(bytes: Uint8Array): Uint8Array | string {
  return "Buffer" in globalThis ? bytes : new TextDecoder().decode(bytes);
}

function createTarget(
  source: ColumnSource,
  width: number,
  names: readonly string[] | undefined,
  encode: TextEncoding | undefined,
): Target {
  const count = encode === undefined ? elementCount(source.column.shape) : 1;
  const list = fieldsOption(source, "columns");
  if (list !== undefined && list.length !== count) {
    const expected = `${count} columns for ${describe(source.column)}`;
    throw wrongFields(
      source,
      expected,
      `a list of ${list.length}`,
      "list as many as its shape has",
    );
  }
  const fields =
    list?.map((reference) => findField(source, reference, width, names)) ??
    adjacentFields(source, count, width, names);
  const classes = classesOption(source);
  const missing = missingOption(source);
  return { builder: new ColumnBuilder(source.column), fields, encode, classes, missing };
}

function adjacentFields(
  source: ColumnSource,
  count: number,
  width: number,
  names: readonly string[] | undefined,
): readonly number[] {
  const start = fieldOption(source, "column");
  const { name } = source.column;
  const isWholeFile = start === undefined && count === width && !names?.includes(name);
  const first = isWholeFile ? 0 : findField(source, start ?? name, width, names);
  if (first + count > width) {
    const expected = `${count} columns from number ${first} on for ${describe(source.column)}`;
    throw wrongFields(source, expected, `${width - first}`, "list them with `columns`");
  }
  return Array.from({ length: count }, (_, offset) => first + offset);
}

function findField(
  source: ColumnSource,
  reference: FieldReference,
  width: number,
  names: readonly string[] | undefined,
): number {
  const isOther = width === 1 ? delimiterHint(names?.[0] ?? "") : undefined;
  if (typeof reference === "number") {
    if (reference < width) return reference;
    const found = width === 1 ? "1 column" : `${width} columns`;
    const hint = isOther ?? "numbers start at 0";
    throw wrongFields(source, `a column number ${reference}`, found, hint);
  }
  const expected = `a column named ${quoted(reference)} for ${describe(source.column)}`;
  if (names === undefined) {
    const hint = "name columns by number with `column = 0` or `columns = [0, 1]`";
    throw wrongFields(source, expected, "a file without header", hint);
  }
  const index = names.indexOf(reference);
  if (index < 0) {
    const shownNames = names.slice(0, 20).join(", ") + (names.length > 20 ? ", …" : "");
    const hint =
      isOther ?? "give `column` or `columns`, or header = false if the first line is data";
    throw wrongFields(source, expected, `the header ${shownNames}`, hint);
  }
  if (names.includes(reference, index + 1)) {
    throw wrongFields(source, expected, "several of that name", "name the column by its number");
  }
  return index;
}

function pushFields(
  { builder, fields, encode, classes, missing }: Target,
  record: readonly string[],
  file: string,
  line: number,
  names: readonly string[] | undefined,
): void {
  for (const field of fields) {
    const text = record[field] ?? "";
    if (encode !== undefined) {
      pushText(builder, encode(text), file, `line ${line}`);
      continue;
    }
    const read = classes === undefined ? parseNumber(text) : classes.get(text.trim());
    const value = read ?? (hasNoValue.test(text) ? missing : undefined);
    if (value !== undefined && builder.push(value)) continue;
    const column = names?.[field];
    throw new DataError({
      file,
      place: `line ${line}, column ${column === undefined ? field : quoted(column)}`,
      expected: value === undefined ? readable(classes) : describeElements(builder.plan),
      found: text.trim() === "" ? "an empty field" : quoted(text),
      hint:
        (record.length === 1 ? delimiterHint(text) : undefined) ??
        numberHint(text, classes) ??
        `correct the value, or leave the column out of ${describe(builder.plan)}`,
    });
  }
}

function readable(classes: ReadonlyMap<string, number> | undefined): string {
  return classes === undefined ? "a finite number" : describeClasses(classes);
}

/** For a field that has no value, or is no number where numbers are read. */
function numberHint(
  text: string,
  classes: ReadonlyMap<string, number> | undefined,
): string | undefined {
  if (hasNoValue.test(text)) {
    return "say what to read for it, such as `missing = 0`, or correct the value";
  }
  if (classes !== undefined) return undefined;
  if (/^\s*[+-]?\d+,\d+\s*$/.test(text)) return "write decimals with a point";
  if (!/^\s*\p{L}{2}/u.test(text) || /^\s*inf/i.test(text)) return undefined;
  return `texts become numbers by \`classes = [${JSON.stringify(text.trim())}, …]\`, words by \`split = "whitespace"\``;
}

/** For the only field of a line, which may be several of a file with another delimiter. */
function delimiterHint(text: string): string | undefined {
  const [delimiter] = /[;\t|]/.exec(text) ?? [];
  if (delimiter === undefined) return undefined;
  return `give the file's delimiter: \`delimiter = ${JSON.stringify(delimiter)}\``;
}

/** What tables have where there is no value. */
const hasNoValue = /^\s*(?:n\/?a|nan|null|none|\?)?\s*$/i;

const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/** A decimal number, or `true` and `false` as 1 and 0; nothing that Number() would guess at. */
function parseNumber(text: string): number | undefined {
  const trimmed = text.trim();
  if (decimal.test(trimmed)) {
    const value = Number(trimmed);
    return Number.isFinite(value) ? value : undefined;
  }
  const word = trimmed.toLowerCase();
  return word === "true" ? 1 : word === "false" ? 0 : undefined;
}

function describe({ name, dtype, shape }: ColumnPlan): string {
  return shape.length === 0 ? `${name}: ${dtype}` : `${name}: ${dtype}[${shape.join(", ")}]`;
}

function wrongFields(
  source: ColumnSource,
  expected: string,
  found: string,
  hint: string,
): DataError {
  return new DataError({ file: source.path, place: "first line", expected, found, hint });
}
