/**
 * The options of a trainer run by itself, read from the command line by a table. A trainer carries no argument
 * library; unknown options are errors that name the nearest known one.
 */

import { TrainingError } from "../error.ts";

export interface OptionRow {
  readonly name: string;
  /** What follows: nothing, one value, or perhaps one. */
  readonly value?: { readonly name: string; readonly optional?: boolean };
  readonly help: string;
}

/** Values as written, in their order; true where none was. Unless all are asked for, the last one counts. */
export type ParsedOptions = ReadonlyMap<string, readonly (string | true)[]>;

/** @throws TrainingError for an unknown option, a missing value, or one too many. */
export function parseOptions(
  table: readonly OptionRow[],
  argv: readonly string[],
  command: string,
): ParsedOptions {
  const parsed = new Map<string, (string | true)[]>();
  const add = (name: string, value: string | true) => {
    parsed.set(name, [...(parsed.get(name) ?? []), value]);
  };
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at]!;
    if (word === "-h") {
      add("help", true);
      continue;
    }
    if (!word.startsWith("--")) {
      throw new TrainingError(
        `unexpected argument ${word}`,
        table.some((row) => row.name === word)
          ? `did you mean --${word}?`
          : `see ${command} --help`,
      );
    }
    const [name = "", ...rest] = word.slice(2).split("=");
    const row = table.find((candidate) => candidate.name === name);
    if (row === undefined) throw unknownOption(table, name, command);
    const attached = rest.length > 0 ? rest.join("=") : undefined;
    const next = argv[at + 1];
    if (row.value === undefined) {
      if (attached !== undefined) throw new TrainingError(`--${name} takes no value`);
      add(name, true);
    } else if (attached !== undefined) {
      add(name, attached);
    } else if (next !== undefined && !next.startsWith("--")) {
      add(name, next);
      at++;
    } else if (row.value.optional) {
      add(name, true);
    } else {
      throw new TrainingError(`--${name} needs a value: --${name} ${row.value.name}`);
    }
  }
  return parsed;
}

/** One line an option, help in a column. */
export function formatOptions(table: readonly OptionRow[]): string {
  const terms = table.map(({ name, value }) => {
    if (value === undefined) return `--${name}`;
    return value.optional ? `--${name} [${value.name}]` : `--${name} ${value.name}`;
  });
  const width = Math.max(...terms.map((term) => term.length));
  return table.map(({ help }, i) => `  ${terms[i]!.padEnd(width)}  ${help}`).join("\n");
}

/** A whole number of at least `least`, or undefined if the option was not given. */
export function countOption(
  parsed: ParsedOptions,
  name: string,
  least: number,
): number | undefined {
  const value = numberOption(parsed, name);
  if (value === undefined || (Number.isSafeInteger(value) && value >= least)) return value;
  throw new TrainingError(`--${name} must be a whole number of at least ${least}, not ${value}`);
}

/** A number above 0, or undefined if the option was not given. */
export function positiveOption(parsed: ParsedOptions, name: string): number | undefined {
  const value = numberOption(parsed, name);
  if (value === undefined || value > 0) return value;
  throw new TrainingError(`--${name} must be a number above 0, not ${value}`);
}

function numberOption(parsed: ParsedOptions, name: string): number | undefined {
  const text = lastOption(parsed, name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text === true || text.trim() === "" || !Number.isFinite(value)) {
    throw new TrainingError(`--${name} must be a number, not ${text}`);
  }
  return value;
}

export function textOption(parsed: ParsedOptions, name: string): string | undefined {
  const value = lastOption(parsed, name);
  return value === true ? undefined : value;
}

/** All values of an option that may be repeated. */
export function textOptions(parsed: ParsedOptions, name: string): readonly string[] {
  return (parsed.get(name) ?? []).filter((value) => value !== true);
}

/** The value that counts, true for an option without one. */
export function lastOption(parsed: ParsedOptions, name: string): string | true | undefined {
  return parsed.get(name)?.at(-1);
}

function unknownOption(table: readonly OptionRow[], name: string, command: string): TrainingError {
  const byDistance = table
    .map((row) => ({ name: row.name, distance: editDistance(name, row.name) }))
    .sort((a, b) => a.distance - b.distance);
  const [nearest] = byDistance;
  const close = nearest !== undefined && nearest.distance <= Math.max(2, name.length / 3);
  return new TrainingError(
    `unknown option --${name}`,
    close ? `did you mean --${nearest.name}?` : `see ${command} --help`,
  );
}

/** Levenshtein's: the fewest characters to insert, delete or replace. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(replaced, previous[j]! + 1, row[j - 1]! + 1));
    }
    previous = row;
  }
  return previous[b.length]!;
}
