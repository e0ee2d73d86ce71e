/**
 * JSON lines (https://jsonlines.org): one object a line, one line a sample. A column takes the
 * member named by `key`, by default that of its own name: a number, true or false, or lists nested
 * as its shape says.
 */

import type { ColumnPlan, ColumnSource } from "../plan.ts";
import type { Column } from "./column.ts";
import { DataError, messageOf, shown } from "./data-error.ts";
import type { DataFile } from "./data-file.ts";
import { ColumnBuilder, describeElements, pushText } from "./element-values.ts";
import { classesOption, describeClasses, missingOption, stringOption } from "./reader-options.ts";
import type { ReadTexts, TextEncoding, TextEncodings } from "./text/encodings.ts";

interface Target {
  readonly builder: ColumnBuilder;
  readonly key: string;
  /** Of a column of text. */
  readonly encode: TextEncoding | undefined;
  readonly numbers: Numbers;
}

/** How elements become numbers. */
interface Numbers {
  /** Of texts that stand for numbers. */
  readonly classes: ReadonlyMap<string, number> | undefined;
  /** That of null. */
  readonly missing: number | undefined;
}

/** The texts of one column, in order of the lines. */
export const readJsonTexts: ReadTexts = (file, source, visit) => {
  const encode = (text: string): Float64Array => {
    visit(text);
    return new Float64Array(0);
  };
  readJsonLines(file, [source], new Map([[source, encode]]));
};

/** Reads the file as the columns that name it, in one pass. */
export function readJsonLines(
  file: DataFile,
  sources: readonly ColumnSource[],
  encodings: TextEncodings,
): readonly Column[] {
  const targets: readonly Target[] = sources.map((source) => ({
    builder: new ColumnBuilder(source.column),
    key: stringOption(source, "key", source.column.name),
    encode: encodings.get(source),
    numbers: { classes: classesOption(source), missing: missingOption(source) },
  }));
  forEachLine(file, (text, line) => {
    const sample = parseObject(file.name, text, line);
    for (const { builder, key, encode, numbers } of targets) {
      const place = `line ${line}, key ${JSON.stringify(key)}`;
      if (!Object.hasOwn(sample, key)) {
        const found = Object.keys(sample).slice(0, 20).join(", ") || "an empty object";
        const hint = "name the member with `key`; every line must have it";
        throw new DataError({ file: file.name, place, expected: "this key", found, hint });
      }
      const value = sample[key];
      if (encode === undefined) pushNested(builder, value, 0, file.name, place, numbers);
      else if (typeof value === "string") pushText(builder, encode(value), file.name, place);
      else throw wrongValue(builder.plan, file.name, place, "a text", value);
    }
  });
  return targets.map(({ builder }) => builder.finish());
}

/**
 * Lines are decoded one by one: a whole file may be longer than a string can be. Blank ones are
 * skipped.
 */
function forEachLine({ bytes }: DataFile, visit: (text: string, line: number) => void): void {
  const newline = 10;
  const decoder = new TextDecoder();
  let line = 1;
  for (let start = 0; start < bytes.length; line++) {
    const found = bytes.indexOf(newline, start);
    const end = found < 0 ? bytes.length : found;
    const text = decoder.decode(bytes.subarray(start, end));
    if (text.trim() !== "") visit(text, line);
    start = end + 1;
  }
}

function parseObject(file: string, text: string, line: number): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw malformed(file, `line ${line}`, "a JSON object", messageOf(error));
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw malformed(file, `line ${line}`, "a JSON object", shown(value));
  }
  return value as Readonly<Record<string, unknown>>;
}

/** Appends a member, whose lists from depth `axis` on have the extents of the shape. */
function pushNested(
  builder: ColumnBuilder,
  value: unknown,
  axis: number,
  file: string,
  place: string,
  numbers: Numbers,
): void {
  const { shape } = builder.plan;
  const extent = shape[axis];
  if (extent === undefined) {
    const { classes, missing } = numbers;
    const number =
      value === null && missing !== undefined
        ? missing
        : classes !== undefined
          ? classes.get(String(value))
          : typeof value === "boolean"
            ? Number(value)
            : value;
    if (typeof number === "number" && builder.push(number)) return;
    const read = classes === undefined ? "a number" : describeClasses(classes);
    const expected = typeof number === "number" ? describeElements(builder.plan) : read;
    throw wrongValue(builder.plan, file, place, expected, value);
  }
  if (!Array.isArray(value) || value.length !== extent) {
    throw wrongValue(builder.plan, file, place, `a list of ${extent}`, value);
  }
  for (const element of value) pushNested(builder, element, axis + 1, file, place, numbers);
}

function wrongValue(
  plan: ColumnPlan,
  file: string,
  place: string,
  expected: string,
  value: unknown,
): DataError {
  const type = `${plan.dtype}[${plan.shape.join(", ")}]`;
  const found = Array.isArray(value) ? `a list of ${value.length}, ${shown(value)}` : shown(value);
  const hint =
    value === null
      ? "say what to read for it, such as `missing = 0`, or correct the line"
      : `correct the line, or the column's type ${type}`;
  return new DataError({ file, place, expected, found, hint });
}

function malformed(file: string, place: string, expected: string, found: string): DataError {
  const hint = "write one JSON object a line";
  return new DataError({ file, place, expected, found, hint });
}
