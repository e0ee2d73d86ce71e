/**
 * The arguments of a reader as the model's file has them: `csv("train.csv", columns = ["age",
 * "income"])`.
 */

import type { ColumnSource, OptionValue } from "../plan.ts";
import { DataError, shown } from "./data-error.ts";
import { accepts, describeElements } from "./element-values.ts";
import { textOptionNames } from "./text/option-names.ts";

/** A column of a text file: by its name in the header, or by its number from 0. */
export type FieldReference = string | number;

/** The arguments of each reader; a new reader adds a row. */
const optionsOf: { readonly [R in ColumnSource["reader"]]: readonly string[] } = {
  idx: ["start", "stop"],
  csv: [
    "column",
    "columns",
    "delimiter",
    "header",
    "quote",
    "classes",
    "missing",
    ...textOptionNames,
  ],
  npy: ["start", "stop"],
  npz: ["key", "row_starts", "start", "stop", "fill"],
  jsonl: ["key", "classes", "missing", ...textOptionNames],
  binary: ["offset", "stride", "start", "stop"],
};

/** @throws DataError if the source has an argument that its reader does not know. */
export function checkOptionNames({ reader, path, options }: ColumnSource): void {
  const known = optionsOf[reader];
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) {
      const expected = known.join(", ");
      throw problem(path, reader, expected, name, "remove or correct the argument");
    }
  }
}

export function stringOption(source: ColumnSource, name: string, fallback: string): string {
  const value = givenOption(source, name) ?? fallback;
  if (typeof value === "string" && value !== "") return value;
  throw wrongOption(source, name, "a text that is not empty", value);
}

/** Whether the model gives the argument, other than as none. */
export function givesOption(source: ColumnSource, name: string): boolean {
  return givenOption(source, name) !== undefined;
}

export function choiceOption<T extends string>(
  source: ColumnSource,
  name: string,
  choices: readonly T[],
  fallback: T,
): T {
  const value = givenOption(source, name) ?? fallback;
  const known = choices.find((choice) => choice === value);
  if (known !== undefined) return known;
  throw wrongOption(
    source,
    name,
    choices.map((choice) => JSON.stringify(choice)).join(" or "),
    value,
  );
}

export function numberOption(source: ColumnSource, name: string): number | undefined {
  const value = givenOption(source, name);
  if (value === undefined || (typeof value === "number" && Number.isFinite(value))) return value;
  throw wrongOption(source, name, "a number", value);
}

/** An integer from 0 on. */
export function countOption(source: ColumnSource, name: string): number | undefined {
  const value = givenOption(source, name);
  if (value === undefined || (Number.isSafeInteger(value) && Number(value) >= 0)) {
    return value as number | undefined;
  }
  throw wrongOption(source, name, "an integer from 0 on", value);
}

export function booleanOption(source: ColumnSource, name: string, fallback: boolean): boolean {
  const value = givenOption(source, name) ?? fallback;
  if (typeof value === "boolean") return value;
  throw wrongOption(source, name, "true or false", value);
}

export function fieldOption(source: ColumnSource, name: string): FieldReference | undefined {
  const value = givenOption(source, name);
  if (value === undefined || isFieldReference(value)) return value;
  throw wrongOption(source, name, "a column's name, or its number from 0", value);
}

export function fieldsOption(
  source: ColumnSource,
  name: string,
): readonly FieldReference[] | undefined {
  const value = givenOption(source, name);
  if (value === undefined) return undefined;
  if (Array.isArray(value) && value.every(isFieldReference)) return value;
  throw wrongOption(source, name, "a list of columns' names or numbers from 0", value);
}

/** The number of each text of `classes`: its place in the list. */
export function classesOption(source: ColumnSource): ReadonlyMap<string, number> | undefined {
  const names = fieldsOption(source, "classes");
  if (names === undefined) return undefined;
  const numbers = new Map(names.map((name, place) => [String(name), place]));
  if (numbers.size === names.length && numbers.size > 0 && !givesOption(source, "split")) {
    return numbers;
  }
  throw problem(
    source.path,
    `${source.reader}, argument classes`,
    "different texts, of fields that are not split",
    shown(names),
    "correct the argument",
  );
}

/** The element whose field is empty; without it such a field is an error. */
export function missingOption(source: ColumnSource): number | undefined {
  const value = numberOption(source, "missing");
  if (value === undefined) return undefined;
  const { column, path, reader } = source;
  if (givesOption(source, "split")) {
    const expected = "fields that are not split: a text without words is empty";
    throw problem(path, `${reader}, argument missing`, expected, "split", "leave one of them out");
  }
  if (!accepts(column, value))
    throw wrongOption(source, "missing", describeElements(column), value);
  return value;
}

/** The texts that stand for numbers, as in "expected …". */
export function describeClasses(classes: ReadonlyMap<string, number>): string {
  const names = [...classes.keys()];
  const shownNames = names.slice(0, 10).map((name) => JSON.stringify(name));
  return `one of ${shownNames.join(", ")}${names.length > 10 ? ", …" : ""}`;
}

function givenOption({ options }: ColumnSource, name: string): OptionValue | undefined {
  return Object.hasOwn(options, name) ? (options[name] ?? undefined) : undefined;
}

function isFieldReference(value: OptionValue): value is FieldReference {
  return typeof value === "string" || (Number.isInteger(value) && (value as number) >= 0);
}

function wrongOption(
  { path, reader }: ColumnSource,
  name: string,
  expected: string,
  value: OptionValue,
): DataError {
  return problem(
    path,
    `${reader}, argument ${name}`,
    expected,
    shown(value),
    "correct the argument",
  );
}

function problem(
  file: string,
  place: string,
  expected: string,
  found: string,
  hint: string,
): DataError {
  return new DataError({ file, place, expected, found, hint });
}
