/**
 * The readers and callbacks that a program may name, with their arguments; their code is in `runtime/`. Both
 * are written as calls whose arguments are static.
 */

import type { ColumnSource, OptionValue } from "../../runtime/plan.ts";
import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import { nearest } from "../diagnostics/nearest.ts";
import type { Expression } from "../syntax/ast.ts";
import { evaluateArguments, matchArguments } from "./arguments.ts";
import { type Environment, report } from "./session.ts";
import { describe, type Value } from "./values.ts";

export type ArgumentKind =
  | "string"
  | "int"
  | "float"
  | "bool"
  | "field"
  | "fields"
  | "frequency"
  | "schedule";

export interface ArgumentRow {
  readonly name: string;
  readonly kind: ArgumentKind;
  readonly isRequired?: boolean;
  /** The strings that there are, where not every one means something. */
  readonly choices?: readonly string[];
}

const path: ArgumentRow = { name: "path", kind: "string", isRequired: true };

/** Which rows, from `start` to before `stop`. */
const rows: readonly ArgumentRow[] = [
  { name: "start", kind: "int" },
  { name: "stop", kind: "int" },
];

/** Fields of text: Keras' arguments of TextVectorization and `pad_sequences`. */
const text: readonly ArgumentRow[] = [
  { name: "split", kind: "string", choices: ["whitespace", "character"] },
  {
    name: "standardize",
    kind: "string",
    choices: ["lower_and_strip_punctuation", "lower", "strip_punctuation", "none"],
  },
  { name: "max_tokens", kind: "int" },
  { name: "output_mode", kind: "string", choices: ["int", "multi_hot", "count"] },
  { name: "padding", kind: "string", choices: ["pre", "post"] },
  { name: "truncating", kind: "string", choices: ["pre", "post"] },
  { name: "vocabulary", kind: "string" },
];

/** Texts that stand for the numbers of their places. */
const classes: ArgumentRow = { name: "classes", kind: "fields" };

/** What an element is whose field is empty. */
const missing: ArgumentRow = { name: "missing", kind: "float" };

export type ReaderName = ColumnSource["reader"];

/** Readers of data files; the first argument is the file. */
export const readers: { readonly [R in ReaderName]: readonly ArgumentRow[] } = {
  idx: [path, ...rows],
  csv: [
    path,
    { name: "column", kind: "field" },
    { name: "columns", kind: "fields" },
    { name: "delimiter", kind: "string" },
    { name: "header", kind: "bool" },
    { name: "quote", kind: "string" },
    classes,
    missing,
    ...text,
  ],
  npy: [path, ...rows],
  npz: [
    path,
    { name: "key", kind: "string" },
    { name: "row_starts", kind: "string" },
    { name: "fill", kind: "float" },
    ...rows,
  ],
  jsonl: [path, { name: "key", kind: "string" }, classes, missing, ...text],
  binary: [path, { name: "offset", kind: "int" }, { name: "stride", kind: "int" }, ...rows],
};

/** Callbacks of Keras 3 by name, with Keras' arguments. */
export const callbacks: Readonly<Record<string, readonly ArgumentRow[]>> = {
  EarlyStopping: [
    { name: "monitor", kind: "string" },
    { name: "min_delta", kind: "float" },
    { name: "patience", kind: "int" },
    { name: "verbose", kind: "int" },
    { name: "mode", kind: "string", choices: ["auto", "min", "max"] },
    { name: "baseline", kind: "float" },
    { name: "restore_best_weights", kind: "bool" },
    { name: "start_from_epoch", kind: "int" },
  ],
  ModelCheckpoint: [
    { name: "filepath", kind: "string", isRequired: true },
    { name: "monitor", kind: "string" },
    { name: "verbose", kind: "int" },
    { name: "save_best_only", kind: "bool" },
    { name: "save_weights_only", kind: "bool" },
    { name: "mode", kind: "string", choices: ["auto", "min", "max"] },
    { name: "save_freq", kind: "frequency" },
    { name: "initial_value_threshold", kind: "float" },
  ],
  ReduceLROnPlateau: [
    { name: "monitor", kind: "string" },
    { name: "factor", kind: "float" },
    { name: "patience", kind: "int" },
    { name: "verbose", kind: "int" },
    { name: "mode", kind: "string", choices: ["auto", "min", "max"] },
    { name: "min_delta", kind: "float" },
    { name: "cooldown", kind: "int" },
    { name: "min_lr", kind: "float" },
  ],
  CSVLogger: [
    { name: "filename", kind: "string", isRequired: true },
    { name: "separator", kind: "string" },
    { name: "append", kind: "bool" },
  ],
  TerminateOnNaN: [{ name: "raise_error", kind: "bool" }],
  LearningRateScheduler: [
    { name: "schedule", kind: "schedule", isRequired: true },
    { name: "verbose", kind: "int" },
  ],
  BackupAndRestore: [
    { name: "backup_dir", kind: "string", isRequired: true },
    { name: "save_freq", kind: "frequency" },
    { name: "double_checkpoint", kind: "bool" },
    { name: "delete_checkpoint", kind: "bool" },
  ],
  SwapEMAWeights: [{ name: "swap_on_epoch", kind: "bool" }],
};

export interface NamedCall {
  readonly name: string;
  readonly arguments: Readonly<Record<string, OptionValue>>;
}

/** Makes a graph of a function of the epoch and the learning rate, and gives its name; nothing after an error. */
export type ScheduleLowering = (value: Value, span: Span) => string | undefined;

/** A call of one of the table's names, its arguments as plain data; nothing after an error. */
export function namedCall(
  expression: Expression,
  table: Readonly<Record<string, readonly ArgumentRow[]>>,
  what: string,
  env: Environment,
  schedule: ScheduleLowering = () => undefined,
): NamedCall | undefined {
  const callee = expression.kind === "call" ? expression.callee : expression;
  if (callee.kind !== "identifier") {
    const [first] = Object.keys(table);
    const expected = `a call such as \`${first}(…)\``;
    const isList = callee.kind === "list" || callee.kind === "tuple";
    const found = isList ? "a list" : "another expression";
    const hint = "several are written without brackets: `a(), b()`";
    const values = { what: `a ${what}`, expected, found };
    report(env, diagnostics.wrongType(callee.span, values, isList ? { hint } : {}));
    return undefined;
  }
  if (!Object.hasOwn(table, callee.name)) {
    const { name } = callee;
    const known = Object.keys(table);
    report(
      env,
      diagnostics.unknownNamed(callee.span, {
        what,
        name,
        nearest: nearest(name, known),
        known: known.join(", "),
      }),
    );
    return undefined;
  }
  const rows = table[callee.name]!;
  const given = expression.kind === "call" ? evaluateArguments(expression, env) : [];
  if (given.some(({ value }) => value.kind === "error")) return undefined;
  const slots = rows.map(({ name, isRequired = false }) => ({ name, isRequired }));
  const place = { name: callee.name, span: expression.span, declaredAt: null };
  const matched = matchArguments(env, place, slots, given);
  if (matched === undefined) return undefined;
  const values: Record<string, OptionValue> = {};
  for (const row of rows) {
    const { name, kind } = row;
    const argument = matched.get(name);
    if (argument === undefined) continue;
    const option =
      kind === "schedule" ? schedule(argument.value, argument.span) : asOption(argument.value);
    if (kind === "schedule" && option === undefined) return undefined;
    if (option === undefined || !(option === null || isAccepted(row, option))) {
      const found = describe(argument.value);
      const expected = wordsFor(row);
      const of = `the argument \`${name}\` of \`${callee.name}\``;
      report(env, diagnostics.wrongType(argument.span, { what: of, expected, found }));
      return undefined;
    }
    if (option !== null) values[name] = option;
  }
  return { name: callee.name, arguments: values };
}

/** Static values as plain data; undefined where there is no such thing. */
function asOption(value: Value): OptionValue | undefined {
  switch (value.kind) {
    case "none":
      return null;
    case "int":
    case "float":
    case "bool":
    case "string":
      return value.value;
    case "list": {
      const items = value.items.map(asOption);
      return items.every((item) => item !== undefined) ? items : undefined;
    }
    default:
      return undefined;
  }
}

const isField = (value: OptionValue) =>
  typeof value === "string" || (Number.isInteger(value) && Number(value) >= 0);

const accepts: { readonly [K in ArgumentKind]: (value: OptionValue) => boolean } = {
  string: (value) => typeof value === "string",
  int: (value) => Number.isInteger(value),
  float: (value) => typeof value === "number",
  bool: (value) => typeof value === "boolean" || value === 0 || value === 1,
  field: isField,
  fields: (value) => Array.isArray(value) && value.length > 0 && value.every(isField),
  frequency: (value) => value === "epoch" || Number.isInteger(value),
  schedule: (value) => typeof value === "string",
};

const isAccepted = ({ kind, choices }: ArgumentRow, option: OptionValue) =>
  accepts[kind](option) && (choices?.some((choice) => choice === option) ?? true);

const wordsFor = ({ kind, choices }: ArgumentRow) =>
  choices === undefined
    ? kindWords[kind]
    : `one of ${choices.map((choice) => `"${choice}"`).join(", ")}`;

const kindWords: { readonly [K in ArgumentKind]: string } = {
  string: "a string",
  int: "an int",
  float: "a number",
  bool: "true or false",
  field: "a column's name, or its number from 0",
  fields: "a list of columns' names or numbers from 0",
  frequency: '"epoch" or a number of batches',
  schedule: "a function of the epoch",
};
